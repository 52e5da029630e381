"""The interval of a law that its runs reject is of the size of its misfit."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.fit.counted import NOTE, counted
from isoloss.forecast import forecast
from isoloss.laws import LAWS

BUDGETS = np.repeat(np.geomspace(1e18, 1e20, 4), 5)
SIZES = np.sqrt(BUDGETS / 120) * np.tile(np.geomspace(0.3, 3.3, 5), 4)
TOKENS = BUDGETS / 6 / SIZES
TARGET = 1e21
# N* of the sum 300 / N**.4 + 800 / D**.4: its two terms have the same slope in ln N there.
BEST = np.sqrt(TARGET / 6) * (300.0 / 800.0) ** (1 / 0.8)


def table(loss, seed, sd=0.001):
    noise = np.random.default_rng([seed, 9]).standard_normal(len(loss))
    return {"n_params": SIZES, "n_tokens": TOKENS, "loss": loss * np.exp(sd * noise)}


def coupled(n, d):
    return 1.0 + 1.1 * (300.0 / n**0.4 + 800.0 / d**0.4) ** 0.35


@pytest.fixture(scope="module")
def rejected():
    loss = coupled(SIZES, TOKENS)
    return [fit_law(table(loss, seed), "chinchilla", draws=200) for seed in range(10)]


def test_intervals_of_a_rejected_law_hold_the_truth(rejected):
    """9 of 10 hold N* and the loss there; with the noise of the runs alone, hardly any does."""
    assert all(result.misfit.rejects for result in rejected)
    loss = coupled(BEST, TARGET / 6 / BEST)
    found = [result.optimum([TARGET]).iloc[0] for result in rejected]
    assert sum(one["n_params_lo"] <= BEST <= one["n_params_hi"] for one in found) >= 8
    assert sum(one["loss_lo"] <= loss <= one["loss_hi"] for one in found) >= 6
    assert all(one["n_params_hi"] > 2 * one["n_params_lo"] for one in found)


def test_every_number_of_a_rejected_law_has_the_wide_interval(rejected):
    """Parameters, what follows from them, forecasts: all come from the same draws."""
    result, right = rejected[0], LAWS["chinchilla"]
    a = result.derived["a"]
    drawn = right.derived(dict(zip(right.names, right.natural(result.draws).T, strict=True)))["a"]
    assert np.mean((drawn >= a.lo) & (drawn <= a.hi)) == pytest.approx(0.9, abs=0.02)
    assert NOTE in result.notes
    log_x = {"n_params": np.log([BEST]), "n_tokens": np.log([TARGET / 6 / BEST])}
    said, size = forecast(result, log_x), result.misfit.size
    assert said.law_hi[0] / said.law_lo[0] > 1 + 2 * size


def test_a_profile_of_a_rejected_law_is_no_narrower_than_its_draws():
    loss = coupled(SIZES, TOKENS)
    settings = {"draws": 200, "objective": "lsq", "seed": 1}
    drawn = fit_law(table(loss, 0), "chinchilla", **settings)
    profiled = fit_law(table(loss, 0), "chinchilla", intervals="profile", **settings)
    for name, wide in drawn.params.items():
        assert profiled.params[name].lo <= wide.lo
        assert profiled.params[name].hi >= wide.hi


def test_a_law_that_holds_keeps_its_intervals():
    params = {"A": 400.0, "B": 410.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}
    loss = LAWS["chinchilla"](params, n_params=SIZES, n_tokens=TOKENS)
    result = fit_law(table(loss, 2), "chinchilla", draws=200)
    assert not result.misfit.significant
    assert NOTE not in result.notes
    assert result.derived["a"].hi - result.derived["a"].lo < 0.05


def test_the_interval_of_a_power_law_that_bends_holds_its_local_exponents():
    """The exponent falls from .4 to .1 along the runs: no narrow interval stands beside it."""
    u = np.linspace(0, 1, 12)
    x = np.exp(10 * u)
    loss = 5 * np.exp(-10 * (0.4 * u - 0.15 * u**2))
    result = fit_law(
        {"x": x, "loss": loss * (1 + 1e-4 * np.cos(70 * u))}, "power_law", x="x", draws=200
    )
    alpha = result.params["alpha"]
    assert result.verdict.status == "not a power law"
    assert alpha.hi - alpha.lo > 0.1


@pytest.mark.parametrize(("ratio_fixed", "directions"), [(False, 5), (True, 4)])
def test_a_counted_pattern_has_the_size_of_the_one_seen_in_each_direction(ratio_fixed, directions):
    """Its sum of squares is one pattern's for each parameter; flat directions stay as they are."""
    params = {"A": 400.0, "B": 410.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}
    size, freedom, d = 1e-5, 1_000_000, 20 * SIZES if ratio_fixed else TOKENS
    loss = LAWS["chinchilla"](params, n_params=SIZES, n_tokens=d)
    data = {"n_params": SIZES, "n_tokens": d, "loss": loss}
    problem = fit_law(data, "chinchilla", draws=0).problem
    z = problem.z(LAWS["chinchilla"].internal(params)[None])
    found = counted(problem, z[0], np.repeat(z, 400, axis=0), size * np.sqrt(freedom / 20), freedom,
                    np.random.default_rng(0))  # fmt: skip
    moved = problem.law.log_loss(problem.theta(found.z), problem.log_x) - problem.log_loss
    assert np.mean(np.sum(moved**2, axis=1)) == pytest.approx(directions * size**2, rel=0.12)
