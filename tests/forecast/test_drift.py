"""How far losses drift from a law beyond its runs: known from the law's own record."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.forecast.drift import PUBLISHED, drift_of, forecast

FITTED = np.geomspace(1e3, 1e6, 30)
BEYOND = {"x": np.log([1e7])}
NOISE = 0.003


def losses(x, bend, rng):
    """A power law whose exponent changes by 2 bend for each unit of ln x."""
    u = np.log(x / x[0] if np.ndim(x) else x / FITTED[0])
    return 5 * np.exp(-0.1 * u + bend * u**2 + rng.normal(0, NOISE, np.shape(u)))


def fitted(bend, seed, n=30):
    rng = np.random.default_rng(seed)
    x = FITTED[:n]
    result = fit_law({"x": x, "loss": losses(x, bend, rng)}, "power_law", x="x", draws=120)
    return result, float(np.log(losses(1e7, bend, rng)))


def test_a_law_that_goes_on_has_little_drift_and_its_forecasts_hold():
    found = [fitted(0.0, seed) for seed in range(20)]
    drifts = [drift_of(result) for result, _ in found]
    assert np.median([drift.per_log_compute for drift in drifts]) < 0.6 * PUBLISHED
    said = [forecast(result, BEYOND) for result, _ in found]
    holds = [
        np.log(one.lo[0]) <= truth <= np.log(one.hi[0])
        for one, (_, truth) in zip(said, found, strict=True)
    ]
    assert np.mean(holds) > 0.85


def test_most_forecasts_of_a_law_that_bends_hold_and_only_with_its_drift():
    bends = np.random.default_rng(5).normal(0, 0.004, 20)
    found = [fitted(bend, seed) for seed, bend in enumerate(bends)]
    ends = []
    for result, truth in found:
        one = forecast(result, BEYOND)
        plain = np.log(one.law_lo[0]) <= truth <= np.log(one.law_hi[0])
        ends.append((plain, np.log(one.lo[0]) <= truth <= np.log(one.hi[0])))
    plain, drifting = np.mean(ends, axis=0)
    assert plain < 0.5
    assert drifting > 0.7


def test_a_table_too_small_to_try_the_law_on_has_the_drift_of_published_tables():
    result, _ = fitted(0.0, 1, n=4)
    drift = drift_of(result)
    assert drift.n_trials == 0
    assert drift.per_log_compute == pytest.approx(PUBLISHED)
    assert "too few runs" in drift.source


def test_between_the_fitted_runs_nothing_drifts():
    result, _ = fitted(0.004, 2)
    one = forecast(result, {"x": np.log([1e4, 1e6])})
    np.testing.assert_array_equal(one.lo, one.law_lo)
    np.testing.assert_array_equal(one.hi, one.law_hi)


def test_a_law_of_the_loss_has_no_size_to_go_beyond():
    loss = np.linspace(2, 4, 12)
    result = fit_law({"loss_reached": loss, "loss": 2e6 * loss**-4.8}, "kaplan_b_crit", draws=20)
    assert drift_of(result) is None
