"""What drift does to a fit in which every run counts alike, and plans that avoid it."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import curve_fit

from isoloss.decide.baselines import at_random
from isoloss.decide.belief import Belief
from isoloss.decide.candidates import Candidates
from isoloss.decide.doubt import doubt_of
from isoloss.decide.next_runs import next_runs
from isoloss.decide.pulled import over_costs, pulls
from isoloss.decide.question import Question
from isoloss.fit import fit_law
from isoloss.laws import LAWS

SURFACE = LAWS["chinchilla"]
TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}
DRIFT = 0.02


class OfSettings(type(SURFACE)):
    """The same law, but that it counts as one of settings."""

    settings = ("batch",)

    def best(self, params, n_params, n_tokens):
        return {}


REGION = {"n_params": np.log([1e6, 1.5e6]), "n_tokens": np.log([1e8, 1e8])}
WIDE = {"n_params": np.log([1e4, 4e4]), "n_tokens": np.log([1e6, 4e7])}  # its ends drift, too
QUESTION = Question("region", region=REGION)


def many_cheap_runs(n_runs=150):
    """Candidates, most of them cheap: their density falls with the square of the cost."""
    rng = np.random.default_rng(2)
    cost = 1e11 * (1 - rng.random(n_runs) * (1 - 1e-3)) ** -1.0
    ratio = np.exp(rng.uniform(np.log(20), np.log(500), n_runs))
    n_params = np.sqrt(cost / 6 / ratio)
    return Candidates({"n_params": n_params, "n_tokens": ratio * n_params}, cost)


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e4, 1e5, 4), np.geomspace(1e6, 1e7, 4)))
    loss = SURFACE(TRUE, n_params=n, n_tokens=d) * np.exp(0.002 * rng.standard_normal(len(n)))
    return fit_law({"n_params": n, "n_tokens": d, "loss": loss}, SURFACE, draws=150)


def test_the_variance_that_drift_adds_is_that_of_simulated_fits(result):
    among = many_cheap_runs(60)
    rows = list(range(0, 60, 2))
    doubt = doubt_of(result, WIDE, 1e-4)  # so small that the law is linear
    found = pulls([result], [doubt], [1.0], Question("region", region=WIDE), among)(rows)

    runs = {name: np.concatenate([result.problem.log_x[name], among.log_x[name][rows]])
            for name in WIDE}  # fmt: skip
    every = {name: np.concatenate([runs[name], WIDE[name]]) for name in WIDE}
    covariance = doubt.covariance(every, every)
    rng = np.random.default_rng(1)
    drift = rng.multivariate_normal(np.zeros(len(covariance)), covariance, 200, method="svd")

    def log_loss(at, a, b, e, alpha, beta):
        return np.log(e + np.exp(a - alpha * at["n_params"]) + np.exp(b - beta * at["n_tokens"]))

    start = [np.log(result.values[name]) for name in "AB"]
    start += [result.values[name] for name in ("E", "alpha", "beta")]
    errors = []
    for of_run in drift:
        moved = log_loss(runs, *start) + of_run[:-2]
        fitted, _ = curve_fit(log_loss, runs, moved, start, xtol=1e-12, ftol=1e-12)
        errors.append(log_loss(WIDE, *fitted) - log_loss(WIDE, *start) - of_run[-2:])
    assert found == pytest.approx(np.mean(np.square(errors)), rel=0.2)


def test_a_plan_for_a_law_of_settings_errs_less_than_chance_where_cheap_runs_pull(result):
    among, budget = many_cheap_runs(), 1.5e13
    fields = {one.name: getattr(SURFACE, one.name) for one in dataclasses.fields(SURFACE)}
    law = OfSettings(**fields)
    result = dataclasses.replace(result, law=law)
    plan = next_runs(result, QUESTION, budget, candidates=among, drift=DRIFT, compare=False)
    doubt = doubt_of(result, REGION, DRIFT)
    pulled = pulls([result], [doubt], [1.0], QUESTION, among)

    def error(rows):
        believed = Belief(result, QUESTION, among)
        for row in rows:
            believed.measure(row)
        return believed.variance + pulled(rows)

    chosen = plan.runs["candidate"].tolist()
    by_chance = [error(at_random(among, budget, seed)) for seed in (1, 2, 3)]
    assert error(chosen) < min(by_chance)


def test_a_spread_over_costs_spends_most_on_large_runs_and_stays_within_the_budget():
    among, budget = many_cheap_runs(), 1.5e13
    rows = over_costs(among, budget, 8, 1)
    cost = among.cost[rows]
    assert len(set(rows)) == len(rows)
    assert 0.9 * budget < cost.sum() <= budget
    assert cost.max() <= budget / 8
    assert cost[cost > np.sqrt(cost.min() * cost.max())].sum() > 0.7 * cost.sum()
    assert (cost < np.sqrt(cost.min() * cost.max())).any()
