"""The next runs: what a plan promises, and what it then delivers against runs drawn at random."""

import numpy as np
import pytest

from isoloss.decide.belief import Belief
from isoloss.decide.candidates import flops, measured, of_table
from isoloss.decide.next_runs import next_runs
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.resample import noise_model
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}
TARGET, BUDGET = 1e16, 3e14
ASKED = Question("n_params", TARGET)


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
    plan = next_runs(fit_law(start(rng), LAW, draws=200), ASKED, BUDGET)
    factors = [plan.width_now, *plan.runs["width"]]
    assert 0 < plan.runs["cost"].sum() <= BUDGET
    assert plan.runs["cost"].to_numpy() == pytest.approx(
        6 * (plan.runs["n_params"] * plan.runs["n_tokens"]).to_numpy()
    )
    assert factors == sorted(factors, reverse=True)


def test_planned_runs_narrow_the_interval_as_promised_and_more_than_random_ones():
    promised, planned, random = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        table = start(rng)
        plan = next_runs(fit_law(table, LAW, draws=200, seed=seed), ASKED, BUDGET)
        chosen = (plan.runs["n_params"].to_numpy(), plan.runs["n_tokens"].to_numpy())
        promised.append(np.log(plan.runs["width"].iloc[-1]))
        planned.append(np.log(factor(extended(table, *chosen, rng))))
        random.append(np.log(factor(extended(table, *at_random(rng), rng))))
    assert np.median(planned) == pytest.approx(np.median(promised), rel=0.4)
    assert np.median(planned) < 0.8 * np.median(random)


def test_no_run_helps_when_the_budget_allows_none(rng):
    plan = next_runs(fit_law(start(rng), LAW, draws=200), ASKED, 1.0)
    assert len(plan.runs) == 0


def test_runs_on_one_line_are_answered_with_two_beside_it_that_make_the_law_known(rng):
    """All runs at 20 tokens per parameter: the parts of size and of data cannot be told apart."""
    n = np.geomspace(1e4, 1e6, 12)
    table = measure(n, 20 * n, rng)
    plan = next_runs(fit_law(table, LAW, draws=200), ASKED, BUDGET)
    assert plan.warnings[0].startswith("the law is not identified: ")
    assert plan.stopped.startswith("D is a function of N in all runs so far")
    ratio = (plan.runs["n_tokens"] / plan.runs["n_params"]).to_numpy()
    assert ratio[1] < 10 < 40 < ratio[0]
    more = extended(table, *(plan.runs[x].to_numpy() for x in ("n_params", "n_tokens")), rng)
    again = next_runs(fit_law(more, LAW, draws=200), ASKED, BUDGET)
    assert np.isnan(plan.width_now) and again.width_now < 10
    assert again.runs["width"].notna().all()


@pytest.mark.parametrize("decision", ["loss", "a"])
def test_other_decisions_are_planned_for_and_their_intervals_narrow(decision, rng):
    table = start(rng)
    result = fit_law(table, LAW, draws=300)
    plan = next_runs(result, Question(decision, TARGET), BUDGET)
    if decision == "a":
        now = result.derived["a"].hi - result.derived["a"].lo
    else:
        at = result.optimum([TARGET]).iloc[0]
        now = at["loss_hi"] - at["loss_lo"]
    assert plan.width_now == pytest.approx(now)
    after = extended(table, *(plan.runs[x].to_numpy() for x in ("n_params", "n_tokens")), rng)
    found = fit_law(after, LAW, draws=300)
    if decision == "a":
        then = found.derived["a"].hi - found.derived["a"].lo
    else:
        at = found.optimum([TARGET]).iloc[0]
        then = at["loss_hi"] - at["loss_lo"]
    assert plan.width_least < then < 0.8 * now
    assert then == pytest.approx(plan.runs["width"].iloc[-1], rel=0.5)


def test_given_candidates_are_the_only_ones_chosen_and_none_of_them_twice(rng):
    result = fit_law(start(rng), LAW, draws=200)
    some = {"n_params": [1e5, 2e5, 1e6, 1e6], "n_tokens": [1e8, 1e6, 1e7, 1e9]}
    plan = next_runs(result, ASKED, BUDGET, candidates=of_table(some, flops()))
    assert set(plan.runs["candidate"]) <= {0, 1, 2}  # the last costs more than the budget
    assert plan.runs["candidate"].is_unique
    assert (plan.runs["cost"] == 6 * plan.runs["n_params"] * plan.runs["n_tokens"]).all()


def test_measured_seconds_are_a_cost_and_their_law_is_recovered(rng):
    table = start(rng)
    n, d = table["n_params"], table["n_tokens"]
    model = measured(n, d, 3e-10 * n**0.8 * d**0.9, "seconds")
    assert (model.factor, model.n, model.d) == pytest.approx((3e-10, 0.8, 0.9), rel=1e-6)
    result = fit_law(table, LAW, draws=200)
    plan = next_runs(result, ASKED, 200.0, cost=model)
    assert plan.runs["cost"].sum() <= 200
    chosen = model(plan.runs["n_params"], plan.runs["n_tokens"])
    assert plan.runs["cost"].to_numpy() == pytest.approx(chosen.to_numpy())


def test_runs_of_one_shape_give_no_cost_model():
    n = np.geomspace(1e4, 1e6, 6)
    with pytest.raises(UserError, match="four runs whose N and D vary independently"):
        measured(n, 20 * n, n**2, "seconds")


def test_what_cannot_be_planned_is_refused_with_all_reasons(rng):
    result = fit_law(start(rng), LAW, draws=50)
    with pytest.raises(UserError) as caught:
        next_runs(result, Question("losss", -1.0), -BUDGET)
    assert caught.value.problems == (
        "decision: 'losss' is none of n_params, loss, a; did you mean 'loss'?",
        "target: must be positive and finite, got -1",
        "budget: must be positive and finite, got -3e+14",
        "100 draws are needed, got 50",
    )


def test_broken_candidates_are_named_by_row():
    with pytest.raises(UserError) as caught:
        of_table({"n_params": [1, "x", 3], "n_tokens": [1, 2, -3]}, flops())
    assert caught.value.problems == (
        "column 'n_params' is not a number, e.g. 'x': row 2",
        "column 'n_tokens' must be positive and finite: row 3",
    )


def test_what_a_run_is_said_to_tell_is_what_linear_theory_says(rng):
    """With little noise a law is linear in its parameters, and all follows from a covariance."""
    table = start(rng)
    table["loss"] = LAW(TRUE, n_params=table["n_params"], n_tokens=table["n_tokens"])
    table["loss"] = table["loss"] * np.exp(1e-5 * rng.standard_normal(25))
    result = fit_law(table, LAW, objective="lsq", draws=4000, method="residual")
    among = of_table({"n_params": [1e8, 3e5, 1e4], "n_tokens": [1e10, 1e6, 1e10]}, flops())
    believed = Belief(result, Question("a", TARGET), among)
    theta = result.theta

    def slopes(f):
        step = 1e-6
        return np.array(
            [(f(theta + step * e) - f(theta - step * e)) / (2 * step) for e in np.eye(5)]
        )

    def log_loss(rows):
        log_x = {name: np.log(rows[name]) for name in ("n_params", "n_tokens")}
        return lambda at: LAW.log_loss(at[None], log_x)[0]

    aim = slopes(lambda at: at[4] / (at[3] + at[4]))
    seen = slopes(log_loss(table)).T
    asked = slopes(log_loss(among.values)).T
    model = noise_model(result.problem, result.problem.z(theta[None])[0])
    solve = np.linalg.pinv(seen)
    covariance = (solve * model.scale**2) @ solve.T  # of least squares with such noise
    before = aim @ covariance @ aim
    along, spread = asked @ covariance @ aim, asked @ covariance @ asked.T
    told = along**2 / (np.diag(spread) + believed.noise) / before
    assert believed.gain() / believed.variance == pytest.approx(told, abs=0.03)
    assert max(told) > 0.1 > 0.02 > min(told)
    every = 1 - along @ np.linalg.solve(spread + np.diag(believed.noise), along) / before
    assert believed.left_by(np.ones(3, bool)) ** 2 == pytest.approx(every, abs=0.03)
    width = 2 * 1.645 * np.sqrt(before)
    assert believed.width_now == pytest.approx(width, rel=0.15)
