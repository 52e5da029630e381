"""The noise model, and that intervals made from it cover what they say."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import find
from isoloss.fit.problem import Problem
from isoloss.fit.resample import noise_model
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}


def grid(n_sizes, n_lengths):
    axes = np.geomspace(1e4, 3e6, n_sizes), np.geomspace(1e6, 1e8, n_lengths)
    n, d = (a.ravel() for a in np.meshgrid(*axes))
    return n, d, LAW(TRUE, n_params=n, n_tokens=d)


def test_noise_that_grows_with_the_loss_is_found(rng):
    n, d, loss = grid(20, 15)
    relative = loss / np.median(loss)
    sd = 0.002 * np.exp(1.5 * (relative - relative.mean()))
    measured = np.log(loss) + sd * rng.standard_normal(len(n))
    problem = Problem(LAW, {"n_params": np.log(n), "n_tokens": np.log(d)}, measured, Objective())
    noise = noise_model(problem, find(problem)[0])
    assert noise.slope == pytest.approx(1.5, abs=0.35)
    assert np.log(noise.scale / sd) == pytest.approx(np.zeros(len(n)), abs=0.35)
    assert noise.draw(500, rng).std(axis=0) == pytest.approx(noise.scale, rel=0.35)


def test_draws_are_wider_the_fewer_runs_there_are(rng):
    """As Student's t: with four runs more than parameters the spread is 1.4 times the noise's."""
    n, d, loss = grid(3, 3)
    measured = np.log(loss) + 0.002 * rng.standard_normal(9)
    problem = Problem(LAW, {"n_params": np.log(n), "n_tokens": np.log(d)}, measured, Objective())
    noise = noise_model(problem, find(problem)[0])
    spread = np.sqrt(np.mean((noise.draw(4000, rng) / noise.scale) ** 2))
    assert spread > 1.2


def test_intervals_of_a_laptop_grid_cover_the_truth():
    """At 90 %, 60 intervals of alpha and of beta hold the truth in 47 to 60 cases (p > .001)."""
    n, d, loss = grid(6, 5)
    inside = {"alpha": 0, "beta": 0}
    for seed in range(60):
        noise = 0.003 * np.random.default_rng([seed, 9]).standard_normal(len(n))
        result = fit_law({"N": n, "D": d, "loss": loss * np.exp(noise)}, LAW, draws=100, seed=seed)
        for name in inside:
            inside[name] += result.params[name].lo <= TRUE[name] <= result.params[name].hi
    assert all(47 <= count <= 60 for count in inside.values()), inside


def test_a_loss_that_falls_through_decades_keeps_an_interval_with_a_width():
    """An exponential of the loss would leave most rows of such a table without any noise."""
    rng = np.random.default_rng(3)
    x = np.repeat(np.geomspace(10, 1e5, 9), 5)
    loss = (1e-7 + 300 * x**-3.0) * np.exp(0.5 * rng.standard_normal(len(x)))
    result = fit_law({"x": x, "loss": loss}, "power_law_floor", x="x", y="loss", draws=400)
    alpha, floor = result.params["alpha"], result.params["E"]
    assert 0.02 < alpha.hi - alpha.lo < 1.5
    assert alpha.lo < 3.0 < alpha.hi
    assert floor.lo < 1e-7 < floor.hi
