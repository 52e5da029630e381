"""The next runs: what a plan promises, and what it then delivers against runs drawn at random."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.next_runs import next_runs
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}
TARGET, BUDGET = 1e16, 3e14


def measure(n, d, rng):
    noise = 0.002 * rng.standard_normal(len(n))
    return {"n_params": n, "n_tokens": d, "loss": LAW(TRUE, n_params=n, n_tokens=d) * np.exp(noise)}


def start(rng):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e4, 3e5, 5), np.geomspace(1e6, 3e7, 5)))
    return measure(n, d, rng)


def factor(table):
    at = fit_law(table, LAW, draws=200).optimum([TARGET]).iloc[0]
    return at["n_params_hi"] / at["n_params_lo"]


def extended(table, n, d, rng):
    more = measure(n, d, rng)
    return {name: np.concatenate([table[name], more[name]]) for name in table}


def at_random(rng):
    """Runs from where a plan may choose, drawn until the budget is spent."""
    spent, n, d = 0.0, [], []
    while True:
        size = np.exp(rng.uniform(np.log(1e4), np.log(1.2e6)))
        tokens = size * np.exp(rng.uniform(np.log(1e6 / 3e5), np.log(3e7 / 1e4)))
        if tokens < 1e6:
            continue
        spent += 6 * size * tokens
        if spent > BUDGET:
            return np.array(n), np.array(d)
        n.append(size)
        d.append(tokens)


def test_a_plan_keeps_its_budget_and_its_interval_only_narrows(rng):
    plan = next_runs(fit_law(start(rng), LAW, draws=200), TARGET, BUDGET)
    factors = [plan.factor_now, *plan.runs["factor"]]
    assert 0 < plan.runs["compute"].sum() <= BUDGET
    assert plan.runs["compute"].to_numpy() == pytest.approx(
        6 * (plan.runs["n_params"] * plan.runs["n_tokens"]).to_numpy()
    )
    assert factors == sorted(factors, reverse=True)


def test_planned_runs_narrow_the_interval_as_promised_and_more_than_random_ones():
    promised, planned, random = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        table = start(rng)
        plan = next_runs(fit_law(table, LAW, draws=200, seed=seed), TARGET, BUDGET)
        chosen = (plan.runs["n_params"].to_numpy(), plan.runs["n_tokens"].to_numpy())
        promised.append(np.log(plan.runs["factor"].iloc[-1]))
        planned.append(np.log(factor(extended(table, *chosen, rng))))
        random.append(np.log(factor(extended(table, *at_random(rng), rng))))
    assert np.median(planned) == pytest.approx(np.median(promised), rel=0.4)
    assert np.median(planned) < 0.8 * np.median(random)


def test_no_run_helps_when_the_budget_allows_none(rng):
    plan = next_runs(fit_law(start(rng), LAW, draws=200), TARGET, 1.0)
    assert len(plan.runs) == 0


def test_a_plan_for_a_law_that_is_not_known_is_refused(rng):
    n = np.geomspace(1e4, 1e7, 12)
    result = fit_law(measure(n, 20 * n, rng), LAW, draws=100)
    with pytest.raises(UserError, match=r"the law is not identified: .*; a plan would rest on"):
        next_runs(result, TARGET, BUDGET)
