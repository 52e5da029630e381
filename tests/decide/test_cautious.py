"""Plans for the losses of a region: few and large runs, which a law that drifts misleads less."""

import numpy as np
import pytest
from scipy import stats

from isoloss.decide.baselines import at_random
from isoloss.decide.belief import Belief
from isoloss.decide.candidates import Candidates
from isoloss.decide.cautious import DRIFT, POWER, noise_variance, v_optimal
from isoloss.decide.next_runs import FIRST_SHARE, next_runs
from isoloss.decide.question import Question
from isoloss.fit import fit_law
from isoloss.laws import LAWS

SURFACE = LAWS["chinchilla"]
TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}
REGION = {"n_params": np.log([3e6, 6e6, 1e7]), "n_tokens": np.log([6e7, 1e8, 4e7])}
QUESTION = Question("region", region=REGION)
BUDGET = 1e13


def measured(n_params, n_tokens, seed, bends=0.0):
    """Losses of the law, which far from the region drift away from it."""
    loss = SURFACE(TRUE, n_params=n_params, n_tokens=n_tokens)
    below = np.mean(REGION["n_params"]) - np.log(n_params)
    noise = 0.003 * np.random.default_rng(seed).standard_normal(len(loss))
    return {
        "n_params": n_params,
        "n_tokens": n_tokens,
        "loss": loss * np.exp(noise + bends * below**2),
    }


def runs_so_far(seed=0, bends=0.0, sizes=4):
    n, d = np.meshgrid(np.geomspace(1e4, 6e4, sizes), np.geomspace(1e6, 8e6, 4))
    n, d = n.ravel(), d.ravel()
    return measured(n, d, seed, bends)


def pool(n_runs=150):
    """Candidates, most of them cheap: their density falls with the square of the cost."""
    rng = np.random.default_rng(2)
    cost = 1e11 * (1 - rng.random(n_runs) * (1 - 1e-3)) ** -1.0
    ratio = np.exp(rng.uniform(np.log(20), np.log(500), n_runs))
    n_params = np.sqrt(cost / 6 / ratio)
    return Candidates({"n_params": n_params, "n_tokens": ratio * n_params}, cost)


@pytest.fixture(scope="module")
def result():
    return fit_law(runs_so_far(), SURFACE, draws=150)


def test_each_run_lowers_the_variance_of_the_region_most_over_a_power_of_its_cost(
    result,
):
    """Beside the textbook's covariance: the inverse of the runs' information and the prior's."""
    among = pool(40)
    few = 4 * 5 - 16  # runs, until there are four for each parameter
    rows = v_optimal([result], [1.0], QUESTION, among, BUDGET)
    problem, z = result.problem, result.problem.z(result.theta[None])[0]
    step = 1e-5

    def slopes(log_x):
        ends = [
            problem.law.log_loss(problem.theta(z + sign * step * np.eye(len(z))), log_x)
            for sign in (1, -1)
        ]
        return (ends[0] - ends[1]).T / (2 * step)

    def noise(log_x):
        far = sum((log_x[name] - np.mean(REGION[name])) ** 2 for name in REGION)
        return noise_variance(result) + DRIFT**2 * far

    information = np.diag(1 / np.maximum(np.abs(z), 1) ** 2)
    seen, every, wanted = slopes(problem.log_x), slopes(among.log_x), slopes(REGION)
    information = information + (seen.T / noise(problem.log_x)) @ seen

    own = noise(among.log_x)

    def left(chosen):
        total = information + (every[chosen].T / own[chosen]) @ every[chosen]
        return np.trace(wanted @ np.linalg.inv(total) @ wanted.T)

    spent = 0.0
    for i, row in enumerate(rows):
        able = [j for j in range(40) if j not in rows[:i] and among.cost[j] <= BUDGET - spent]
        share = (BUDGET - spent) / max(few - i, 1)
        able = [j for j in able if among.cost[j] <= share] or able
        gain = {j: (left(rows[:i]) - left([*rows[:i], j])) / among.cost[j] ** POWER for j in able}
        assert gain[row] == pytest.approx(max(gain.values()), rel=1e-3)
        spent += among.cost[row]
    assert spent <= BUDGET
    unspent = np.setdiff1d(np.arange(40), rows)
    assert BUDGET - spent <= 0.02 * BUDGET or (among.cost[unspent] > BUDGET - spent).all()


def test_the_noise_of_few_runs_has_a_prior_as_wide_as_their_losses(result):
    spread = np.var(result.problem.log_loss)
    fitted = SURFACE.log_loss(result.theta[None], result.problem.log_x)[0]
    residual = result.problem.log_loss - fitted
    posterior = stats.invgamma(2 + len(residual) / 2, scale=2 * spread + residual @ residual / 2)
    assert noise_variance(result) == pytest.approx(posterior.mean(), rel=1e-6)
    assert noise_variance(result) > 20 * 0.003**2


def test_a_plan_for_a_region_buys_few_and_large_runs(result):
    among = pool()
    plan = next_runs(result, QUESTION, BUDGET, candidates=among)
    costs = plan.runs["cost"].to_numpy()
    by_chance = [len(at_random(among, BUDGET, seed)) for seed in range(5)]
    assert costs.max() > BUDGET / 4
    assert 0.9 * BUDGET < costs.sum() <= BUDGET
    assert len(costs) < np.median(by_chance)
    assert np.isnan(plan.drift)  # it is not counted
    assert plan.runs["width"].iloc[-1] < plan.width_now


def test_a_plan_errs_less_than_chance_and_than_many_cheap_runs_where_the_law_bends():
    among = pool()

    def error(rows, seed):
        of_rows = (x[rows] for x in among.values.values())
        more, before = measured(*of_rows, seed + 50, 0.004), runs_so_far(seed, 0.004, 5)
        both = {name: np.concatenate([before[name], more[name]]) for name in before}
        found = fit_law(both, SURFACE, draws=0).predict(
            {name: np.exp(x) for name, x in REGION.items()}, interval=False
        )
        points = {name: np.exp(x) for name, x in REGION.items()}
        truth = measured(**points, seed=0, bends=0.004)["loss"]
        return np.sqrt(np.mean(np.log(found["loss"] / truth) ** 2))

    planned, chance, cheap = [], [], []
    for seed in range(8):
        fitted = fit_law(runs_so_far(seed, 0.004, 5), SURFACE, draws=0)
        planned.append(error(v_optimal([fitted], [1.0], QUESTION, among, BUDGET), seed))
        chance.append(error(at_random(among, BUDGET, seed), seed))
        order = np.argsort(among.cost)
        cheap.append(error(order[np.cumsum(among.cost[order]) <= BUDGET], seed))
    assert np.mean(planned) < 0.8 * np.mean(chance)
    assert np.mean(planned) < 0.5 * np.mean(cheap)


def test_a_plan_for_a_rejected_law_ends_with_the_run_that_spends_a_quarter():
    rng = np.random.default_rng(0)
    table = runs_so_far()
    kaplan = {"alpha_N": 0.3, "alpha_D": 0.4, "Nc": 1e5, "Dc": 1e7}
    sizes = {name: table[name] for name in ("n_params", "n_tokens")}
    noise = np.exp(1e-4 * rng.standard_normal(16))
    table["loss"] = LAWS["kaplan_nd"](kaplan, **sizes) * noise
    result = fit_law(table, SURFACE, draws=150)
    plan = next_runs(result, QUESTION, BUDGET, candidates=pool())
    assert "lack of fit" in plan.stopped
    assert "so the plan ends with the run that reaches 25 % of the budget" in plan.stopped
    spent = plan.runs["cost"].cumsum().to_numpy()
    assert spent[-1] >= FIRST_SHARE * BUDGET
    assert plan.baselines
    assert all(one.cost <= spent[-1] * (1 + 1e-9) for one in plan.baselines)
    assert len(spent) == 1 or spent[-2] < FIRST_SHARE * BUDGET


def test_a_run_that_the_budget_does_not_pay_for_is_not_planned(result):
    plan = next_runs(result, QUESTION, 1e10, candidates=pool(), compare=False)
    assert not len(plan.runs)
    assert plan.stopped.startswith("the cheapest run costs")


def test_a_budget_for_every_candidate_is_not_said_to_be_spent(result):
    among = pool()
    plan = next_runs(result, QUESTION, 10 * among.cost.sum(), candidates=among, compare=False)
    assert len(plan.runs) == len(among.cost)
    assert plan.stopped == "every candidate is in the plan"


def test_the_width_after_a_design_is_that_of_its_runs_one_after_another(result):
    believed = Belief(result, QUESTION, pool(60))
    rows = [3, 41, 17, 8, 59]
    one_by_one = believed.copy()
    for row in rows:
        one_by_one.measure(row)
    assert believed.after(rows) == pytest.approx(one_by_one.width(), rel=1e-9)
    assert believed.after(rows) < believed.after([]) == pytest.approx(believed.width_now)
