"""Plans over a pool of runs for any law, plans that doubt the law, and designs beside a plan."""

import dataclasses

import numpy as np
import pytest

from isoloss.decide.belief import Belief
from isoloss.decide.candidates import Candidates, flops, of_table, on_grid
from isoloss.decide.doubt import Doubt, doubt_of
from isoloss.decide.mixture import mixture
from isoloss.decide.next_runs import next_runs
from isoloss.decide.pilot import first_runs
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.settings import FitSettings
from isoloss.forecast.average import average
from isoloss.laws import LAWS, Sum, Term, coefficient, exponent, floor

SURFACE = LAWS["chinchilla"]
TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}
WIDTHS = Sum(
    name="of_width",
    formula="L = E + A / units**alpha",
    source="these tests",
    variables=("units",),
    parameters=(coefficient("A", "loss", "at w = 1"), floor(), exponent("alpha", "with width")),
    terms=(Term("A", "units", "alpha"),),
    floor="E",
)


class WithoutOptimum(type(SURFACE)):
    """The same law, but for what it says of optima."""

    allocates = False


OF_WIDTH = {"A": 4.0, "E": 1.5, "alpha": 0.5}


def noisy(law, true, rng, noise=0.002, **variables):
    loss = law(true, **variables)
    return {**variables, "loss": loss * np.exp(noise * rng.standard_normal(len(loss)))}


def grid_of_runs(rng):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e4, 3e5, 5), np.geomspace(1e6, 3e7, 5)))
    return noisy(SURFACE, TRUE, rng, n_params=n, n_tokens=d)


@pytest.fixture(scope="module")
def result():
    return fit_law(grid_of_runs(np.random.default_rng(0)), SURFACE, draws=200)


ASKED, BUDGET = Question("n_params", 1e16), 3e14


def test_a_pool_for_any_law_tells_of_a_region_as_promised(rng):
    table = noisy(WIDTHS, OF_WIDTH, rng, units=np.tile([8.0, 12, 16, 24, 32, 48, 64], 3))
    result = fit_law(table, WIDTHS, draws=200)
    pool = {"units": np.geomspace(8, 512, 13), "cost": np.geomspace(1, 4096, 13)}
    among = of_table(pool, None, "pool", WIDTHS.variables)
    question = Question("region", region={"units": np.log([1024.0, 2048.0])})
    plan = next_runs(result, question, 5000.0, candidates=among, drift=0.0)
    assert plan.runs["cost"].sum() <= 5000
    assert plan.runs["candidate"].is_unique
    chosen = plan.runs["candidate"].to_numpy()
    more = noisy(WIDTHS, OF_WIDTH, rng, units=among.values["units"][chosen])
    both = {name: np.concatenate([table[name], more[name]]) for name in table}
    found = fit_law(both, WIDTHS, draws=200).predict({"units": [1024.0, 2048.0]})
    then = float(np.mean(np.log(found["hi"] / found["lo"])))
    assert then == pytest.approx(np.log(plan.runs["width"].iloc[-1]), rel=0.5)
    assert then < 0.5 * np.log(plan.width_now)


def test_a_pool_without_costs_or_with_a_variable_missing_is_refused():
    with pytest.raises(UserError) as caught:
        of_table({"size": [1.0]}, None, "pool", ("units",))
    assert caught.value.problems == (
        "no column for units was recognised",
        "no column for cost was recognised",
    )


def test_a_region_needs_the_laws_variables_and_candidates(result):
    with pytest.raises(UserError) as caught:
        next_runs(result, Question("region", region={"n_params": np.log([1e6])}), BUDGET)
    assert caught.value.problems == (
        "target: chinchilla also depends on n_tokens",
        "candidates: are needed where the target is a table of runs",
    )


def test_a_variable_that_is_called_as_a_column_of_the_plan_is_refused(result):
    law = dataclasses.replace(WIDTHS, variables=("cost",), terms=(Term("A", "cost", "alpha"),))
    table = {"cost": np.geomspace(8, 64, 9), "loss": np.geomspace(3, 2, 9)}
    question = Question("region", region={"cost": np.log([128.0])})
    among = Candidates({"cost": np.array([100.0])}, np.array([1.0]))
    with pytest.raises(UserError, match="variable 'cost' has the name of a column of the plan"):
        next_runs(fit_law(table, law, draws=120), question, 5.0, candidates=among)


def test_the_grid_has_a_floor_of_cost_and_the_tokens_per_parameter_of_the_optimum(result):
    among = on_grid(result, flops(), ASKED, BUDGET)
    assert BUDGET / 300 * 0.999 < among.cost.min() < BUDGET / 100
    best = SURFACE.optimum(result.values, np.array([1e11, 1e16]))["tokens_per_param"]
    ratio = among.values["n_tokens"] / among.values["n_params"]
    assert best.min() / 16 * 0.999 <= ratio.min()
    assert ratio.max() <= best.max() * 16 * 1.001
    assert (among.values["n_params"] >= 1e4 * 0.999).all()


def test_drift_is_zero_at_the_target_grows_with_distance_and_is_shared_by_neighbours():
    doubt = Doubt(0.02, {"n_params": 10.0}, {"n_params": 8.0})
    at = {"n_params": np.array([10.0, 8.0, 4.0, 4.1])}
    covariance = doubt.covariance(at, at)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([0.0, 0.04, 0.12, 0.118])
    assert doubt.variance(at) == pytest.approx(np.diag(covariance))
    assert covariance[2, 3] / (0.12 * 0.118) > 0.99
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


def test_a_belief_that_doubts_the_law_is_wider_and_trusts_runs_near_the_target_more(result):
    """By linear theory, with the drift as an unknown of every run: a generalised least squares."""
    among = of_table({"n_params": [1e5, 3e6], "n_tokens": [1e7, 1e8]}, flops())
    region = {"n_params": np.log([4e6]), "n_tokens": np.log([1.2e8])}
    question = Question("region", region=region)
    believed = Belief(result, question, among)
    places = question.places(SURFACE, result.theta)
    doubt = Doubt(0.02, {n: float(x[0]) for n, x in places.items()}, dict.fromkeys(places, 6.0))
    doubted = believed.doubted(doubt)
    assert doubted.variance > 4 * believed.variance
    assert doubted.after([]) == doubted.width_now > believed.width_now
    near = [one.gain()[1] / one.variance for one in (believed, doubted)]
    assert near[1] > near[0]


def test_a_plan_is_as_narrow_as_the_isoflop_grid_and_the_classical_design_beside_it(result):
    plan = next_runs(result, ASKED, BUDGET, drift=0.0)
    compared = {one.name: one for one in plan.baselines}
    assert list(compared) == ["isoFLOP grid", "c-optimal", "random"]
    assert all(one.cost <= BUDGET * (1 + 1e-9) for one in plan.baselines)
    assert compared["isoFLOP grid"].n_runs == 20
    assert compared["isoFLOP grid"].cost == pytest.approx(BUDGET)
    last = np.log(plan.runs["width"].iloc[-1])
    assert last < 0.8 * np.log(compared["isoFLOP grid"].width)
    assert last < 1.02 * np.log(compared["c-optimal"].width)
    assert last < 0.8 * np.log(compared["random"].width)
    assert plan.runs["cost"].sum() > 0.9 * BUDGET  # the budget is spent, by more than 30 runs
    assert len(plan.runs) > 30


def test_a_plan_for_a_rejected_law_ends_early_and_says_so(rng):
    table = grid_of_runs(rng)
    kaplan = {"alpha_N": 0.3, "alpha_D": 0.4, "Nc": 1e5, "Dc": 1e7}
    joint = LAWS["kaplan_nd"](kaplan, n_params=table["n_params"], n_tokens=table["n_tokens"])
    table["loss"] = joint * np.exp(0.002 * rng.standard_normal(25))
    plan = next_runs(fit_law(table, SURFACE, draws=200), ASKED, BUDGET, drift=0.01, compare=False)
    assert 0 < plan.runs["cost"].sum() <= BUDGET / 4
    assert plan.stopped.startswith("lack of fit: the runs so far reject chinchilla, so the plan")


def test_laws_that_disagree_widen_the_answer_and_runs_that_tell_them_apart_count(result):
    other = fit_law(grid_of_runs(np.random.default_rng(0)), "kaplan_nd", draws=200)
    region = {"n_params": np.log([1e7]), "n_tokens": np.log([1e9])}
    among = of_table({"n_params": [3e4, 3e6], "n_tokens": [3e6, 3e8]}, flops())
    question = Question("region", region=region)
    alone = Belief(result, question, among)
    both = Belief([result, other], question, among)
    apart = (alone.variance + Belief(other, question, among).variance) / 2
    assert both.variance > 1.5 * apart  # the rest is between the laws
    assert both.gain()[1] > 3 * alone.gain()[1]


def test_first_runs_are_far_apart_and_keep_their_budget():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e4, 1e6, 7), np.geomspace(1e6, 1e8, 7)))
    among = Candidates({"n_params": n, "n_tokens": d}, 6 * n * d)
    rows = first_runs(among, 8, 1e13)
    assert len(set(rows)) == 8
    assert among.cost[rows].sum() <= 1e13
    assert np.ptp(np.log(n[rows])) > np.log(20)
    assert np.ptp(np.log(d[rows])) > np.log(20)
    assert first_runs(among, 8, 1.0) == []


def test_a_law_counts_by_its_weight(result):
    """Two laws that are each sure of their answer: a mixture's variance is w (1 - w) gap**2."""
    other = fit_law(grid_of_runs(np.random.default_rng(0)), "kaplan_nd", draws=200)
    region = {"n_params": np.log([1e8]), "n_tokens": np.log([1e10])}
    question = Question("region", region=region)
    among = of_table({"n_params": [3e6], "n_tokens": [3e8]}, flops())
    means = [float(question.answers(one.law, one.draws).mean()) for one in (result, other)]
    gap = means[1] - means[0]
    for weight in (0.5, 0.9, 1.0):
        believed = Belief([result, other], question, among, [weight, 1 - weight])
        alone = Belief(result, question, among).variance * weight
        alone += Belief(other, question, among).variance * (1 - weight)
        between = weight * (1 - weight) * gap**2
        assert believed.variance == pytest.approx(alone + between, rel=0.2)


def test_a_plan_of_two_laws_says_their_weights_and_the_mean_drift(result):
    other = fit_law(grid_of_runs(np.random.default_rng(0)), "skaling", draws=200)
    plan = next_runs(
        result, ASKED, 1e13, others=[other], weights=[3, 1], drift=[0.0, 0.02], compare=False
    )
    assert plan.laws == {"chinchilla": 0.75, "skaling": 0.25}
    assert plan.drift == pytest.approx(0.01)
    assert len(plan.runs)


def test_a_law_without_an_optimum_joins_only_where_losses_are_asked():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e4, 3e5, 4), np.geomspace(1e6, 3e7, 4)))
    table = noisy(SURFACE, TRUE, np.random.default_rng(0), n_params=n, n_tokens=d)
    fields = {field.name: getattr(SURFACE, field.name) for field in dataclasses.fields(SURFACE)}
    no_best = WithoutOptimum(**{**fields, "name": "no_best"})
    averaged = average(table, FitSettings(draws=120), [SURFACE, no_best])
    asked = mixture(averaged, ASKED)
    assert [one.law.name for one in asked.fits] == ["chinchilla"]
    assert asked.weights == (1.0,)
    assert "no_best" in asked.left_out
    region = {"n_params": np.log([1e6]), "n_tokens": np.log([1e8])}
    asked = mixture(averaged, Question("region", region=region))
    assert len(asked.fits) == 2
    assert asked.weights == pytest.approx((0.5, 0.5), abs=0.1)


def test_doubt_is_the_drift_and_the_pattern_of_a_significant_lack_of_fit(result):
    places = ASKED.places(SURFACE, result.theta)
    unique = {"n_unique_tokens": np.array([np.inf])}  # no size: losses do not drift along it
    doubt = doubt_of(result, places | unique, 0.03)
    assert doubt.per_log_compute == 0.03
    assert doubt.target == pytest.approx({name: float(x[0]) for name, x in places.items()})
    seen = result.problem.log_x
    farthest = {name: np.abs(seen[name] - x).max() for name, x in places.items()}
    assert doubt.length == pytest.approx(farthest)
    found = dataclasses.replace(result.misfit, p_value=1e-9, size=0.2, noise=0.3)
    across = np.ptp(seen["n_params"] + seen["n_tokens"]) / 2
    rejected = dataclasses.replace(result, misfit=found)
    assert doubt_of(rejected, places, 0.03).per_log_compute == pytest.approx(
        np.hypot(0.03, 0.2 / across)
    )
    small = dataclasses.replace(result, misfit=dataclasses.replace(found, size=0.1))
    assert doubt_of(small, places, 0.03).per_log_compute == 0.03  # far below the noise


def test_answers_are_those_of_the_closed_form():
    """Hoffmann et al. (2022), Eq. 4, for two sets of parameters at once."""
    true = dict(TRUE)
    more = {**TRUE, "alpha": 0.5}
    theta = np.stack([SURFACE.internal(one) for one in (true, more)])
    for one, row in zip((true, more), range(2), strict=True):
        both = one["alpha"] + one["beta"]
        factor = (one["alpha"] * one["A"] / (one["beta"] * one["B"])) ** (1 / both)
        n_params = factor * (1e16 / 6) ** (one["beta"] / both)
        n_tokens = 1e16 / 6 / n_params
        loss = one["E"] + one["A"] / n_params ** one["alpha"] + one["B"] / n_tokens ** one["beta"]
        expected = {"n_params": np.log(n_params), "loss": loss, "a": one["beta"] / both}
        for decision, value in expected.items():
            question = Question(decision, 1e16)
            assert question.answers(SURFACE, theta)[row] == pytest.approx([value])
            assert question.factor is (decision == "n_params")
        at = Question("loss", 1e16).places(SURFACE, theta[row])
        assert at["n_params"] == pytest.approx([np.log(n_params)])
        assert at["n_tokens"] == pytest.approx([np.log(n_tokens)])
