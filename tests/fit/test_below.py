"""Intervals of laws whose floor is zero, where fits of resampled tables would stop at a bound."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.fit.below import centre, log_losses, opened
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import find
from isoloss.fit.problem import Problem
from isoloss.forecast.paths import least
from isoloss.laws import LAWS
from isoloss.laws.powers import powers

LAW = LAWS["chinchilla"]
FLOORLESS = {"A": 25.0, "B": 500.0, "E": 0.0, "alpha": 0.30, "beta": 0.42}
N, D = (x.ravel() for x in np.meshgrid(np.geomspace(8e3, 2e6, 7), np.geomspace(1e6, 2e8, 6)))
COMPUTE = 100 * 6 * float(np.max(N * D))


def table(seed, sd=0.004, params=FLOORLESS):
    noise = np.random.default_rng([seed, 2]).standard_normal(len(N))
    loss = LAW(params, n_params=N, n_tokens=D) * np.exp(sd * noise)
    return {"n_params": N, "n_tokens": D, "loss": loss}


def loss_far_ahead(result):
    at = LAW.optimum(FLOORLESS, COMPUTE)
    place = {name: [float(at[name])] for name in ("n_params", "n_tokens")}
    return result.predict(place).iloc[0], float(at["loss"])


def tangent_width(result):
    """Half the interval of ln L far ahead by the delta method: no draws, and no bound."""
    problem = result.problem
    z = problem.z(result.theta[None])[0]
    jacobian, residual = problem.jacobian(z), problem.residuals(result.theta[None])[0]
    variance = residual @ residual / (len(residual) - len(z))
    at = LAW.optimum(FLOORLESS, COMPUTE)
    log_x = {name: np.log(np.atleast_1d(at[name])) for name in LAW.variables}
    slope = LAW.derivatives(result.theta[None], log_x)[1][0, :, 0] @ problem.matrix
    return 1.645 * np.sqrt(variance * slope @ np.linalg.inv(jacobian.T @ jacobian) @ slope)


@pytest.fixture(scope="module")
def fits():
    return [fit_law(table(seed), "chinchilla", draws=200, seed=seed) for seed in range(8)]


def test_the_interval_of_the_loss_far_ahead_goes_down_as_far_as_that_of_a_free_floor(fits):
    """With draws that stop at a floor of zero it went .2 to .7 as far, and held too seldom."""
    assert min(one.params["E"].value for one in fits) == 0
    for one in fits:
        said, _ = loss_far_ahead(one)
        assert np.log(said.loss / said.lo) > 0.85 * tangent_width(one)


def test_the_interval_of_the_loss_holds_the_fit_itself(fits):
    """Where the best floor lies far below zero, the draws are not made from there."""
    for one in fits:
        said, _ = loss_far_ahead(one)
        assert said.lo <= said.loss <= said.hi * 1.002


def test_no_floor_is_reported_below_zero(fits):
    for result in fits:
        floor = result.params["E"]
        assert floor.value >= 0
        assert 0 <= floor.lo <= floor.hi
        answer = next(one for one in result.answers() if one.question == "E")
        assert answer.lo >= 0
    on_it = [one for one in fits if one.params["E"].value == 0]
    assert on_it
    assert all(np.any(one.draws[:, 2] < 0) for one in on_it)


def test_a_floor_far_from_zero_has_the_draws_that_it_had():
    """No bound is near, so the open floor changes nothing."""
    rows = table(1, params=FLOORLESS | {"E": 1.5})
    logs = {name: np.log(rows[name]) for name in LAW.variables}
    problem = Problem(LAW, logs, np.log(rows["loss"]), Objective("huber", 1e-3))
    z, _, _ = find(problem)
    assert np.array_equal(centre(problem, z), z)
    both = [one.solve(z[None], log_loss=problem.log_loss) for one in (problem, opened(problem))]
    assert np.array_equal(both[0].z, both[1].z)


def test_a_law_without_a_floor_stays_as_it_is():
    rows = table(1)
    logs = {"n_params": np.log(rows["n_params"])}
    law = LAWS["power_law"]
    problem = Problem(law, {law.variables[0]: logs["n_params"]}, np.log(rows["loss"]),
                      Objective("lsq"))  # fmt: skip
    z, _, _ = find(problem)
    assert np.array_equal(centre(problem, z), z)


def test_a_floor_below_zero_moves_no_optimum_and_its_loss_far_ahead_is_zero():
    """There L is below zero and has no logarithm: a search skipped these sizes, or found no N*."""
    compute = 1e4 * COMPUTE
    at = LAW.optimum(FLOORLESS, compute)
    below = FLOORLESS | {"E": -2 * float(at["loss"])}
    assert LAW.optimum(below, compute) == at | {"loss": 0.0}
    named = powers("powers:n_params,n_tokens")
    values = [below[name] for name in ("A", "B", "E", "alpha", "beta")]
    found = named.optimum(dict(zip(named.names, values, strict=True)), compute)
    assert found["n_params"] == pytest.approx(float(at["n_params"]), rel=1e-4)
    theta = LAW.internal(below)[None]
    log_n = least(LAW, theta, np.log(compute), 6.0, {}, served=1.0)  # hardly any inference
    assert log_n[0, 0] == pytest.approx(np.log(at["n_params"]), abs=0.01)


def test_a_draw_whose_loss_far_ahead_is_below_zero_stays_the_lowest_of_the_draws():
    """Left out, such draws made both ends of an interval too high."""
    log_x = {name: np.log([1e9]) for name in LAW.variables}
    loss = float(LAW(FLOORLESS, n_params=1e9, n_tokens=1e9))
    draws = np.array([LAW.internal(FLOORLESS | {"E": floor * loss}) for floor in (-3, -0.5, 1)])
    assert np.exp(log_losses(LAW, draws, log_x))[:, 0] == pytest.approx([0, loss / 2, 2 * loss])
    draws[0, 0] = np.nan  # a draw without a minimum has no loss
    assert np.isnan(log_losses(LAW, draws, log_x)[0, 0])
