"""How far losses drift from a law beyond its runs: known from the law's own record."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.forecast import trials
from isoloss.forecast.drift import OF_OTHERS, SCATTER, drift_of, forecast
from isoloss.forecast.trials import trials_of
from isoloss.laws import LAWS

FITTED = np.geomspace(1e3, 1e6, 30)
BEYOND = {"x": np.log([1e7])}
NOISE = 0.003
TRUE = {"A": 400.0, "B": 2000.0, "E": 1.7, "alpha": 0.34, "beta": 0.37}
PUBLISHED = OF_OTHERS * np.exp(SCATTER**2)  # root mean square of the log-normal distribution


def losses(x, bend, rng, noise=NOISE):
    """A power law whose exponent changes by 2 bend for each unit of ln x."""
    u = np.log(x / x[0] if np.ndim(x) else x / FITTED[0])
    return 5 * np.exp(-0.1 * u + bend * u**2 + rng.normal(0, noise, np.shape(u)))


def fitted(bend, seed, n=30, noise=NOISE):
    rng = np.random.default_rng(seed)
    x = FITTED[:n]
    table = {"x": x, "loss": losses(x, bend, rng, noise)}
    result = fit_law(table, "power_law", x="x", draws=120)
    return result, float(np.log(losses(1e7, bend, rng, noise)))


def test_a_law_that_goes_on_has_little_drift_and_its_forecasts_hold():
    found = [fitted(0.0, seed) for seed in range(16)]
    drifts = [drift_of(result) for result, _ in found]
    assert np.median([drift.per_log_compute for drift in drifts]) < 0.3 * PUBLISHED
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
    assert plain < drifting - 0.1
    assert drifting > 0.7


def test_a_table_too_small_to_try_the_law_on_has_the_drift_of_published_tables():
    result, _ = fitted(0.0, 1, n=4)
    drift = drift_of(result)
    assert drift.n_trials == 0
    assert drift.per_log_compute == pytest.approx(PUBLISHED, rel=0.02)
    assert "too few runs" in drift.source


def test_more_trials_and_farther_ones_lower_the_drift_of_a_law_that_goes_on():
    drifts = [
        np.median([drift_of(fitted(0.0, seed, n)[0]).per_log_compute for seed in range(5)])
        for n in (4, 8, 30)
    ]
    assert drifts[0] > 1.5 * drifts[1] > 3 * drifts[2]


def planted(n, d):
    return LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d)


def grid(noise=0.0, seed=0):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6)))
    loss = planted(n, d) * np.exp(noise * np.random.default_rng(seed).standard_normal(n.size))
    return {"n_params": n, "n_tokens": d, "loss": loss}


def test_a_table_that_obeys_the_law_exactly_is_forecast_nearly_exactly():
    """No floor of the interval: published tables with drift do not outweigh trials without."""
    result = fit_law(grid(), "chinchilla", draws=60)
    n, d = 10**0.5 * 1e9, 10**0.5 * 1e11
    said = forecast(result, {"n_params": np.log([n]), "n_tokens": np.log([d])})
    truth = planted(n, d)
    assert said.lo[0] <= truth <= said.hi[0]
    assert said.hi[0] - said.lo[0] < 4e-3 * truth


def test_a_forecast_at_an_optimum_is_not_above_the_best_loss_of_less_compute():
    """Kaplan's joint law on runs of Hoffmann's: nothing but the table bounds it."""
    table = grid(0.05)
    result = fit_law(table, "chinchilla", draws=60)
    best = table["loss"].min()
    compute = table["n_params"] * table["n_tokens"]
    far = {"n_params": np.log([1e9]), "n_tokens": np.log([3 * compute.max() / 1e9])}
    plain, optimal = (forecast(result, far, at_optimum=said) for said in (False, True))
    assert optimal.hi[0] <= best
    assert optimal.lo[0] <= optimal.loss[0] <= optimal.hi[0]
    dominated = (table["n_params"] <= 1.0001e9).all()
    assert dominated
    assert plain.hi[0] <= best


def test_runs_of_more_tokens_or_parameters_bound_no_forecast():
    """A small model with more tokens than any run had: only its like bound it."""
    table = grid()
    result = fit_law(table, "chinchilla", draws=60)
    small = {"n_params": np.log([1e7]), "n_tokens": np.log([3e13])}
    assert forecast(result, small).loss[0] == pytest.approx(planted(1e7, 3e13), rel=1e-3)
    assert forecast(result, small).loss[0] > table["loss"].min()


def test_between_the_fitted_runs_nothing_drifts():
    result, _ = fitted(0.004, 2)
    one = forecast(result, {"x": np.log([1e4, 1e6])})
    np.testing.assert_array_equal(one.lo, one.law_lo)
    np.testing.assert_array_equal(one.hi, one.law_hi)


def test_a_law_of_the_loss_has_no_size_to_go_beyond():
    loss = np.linspace(2, 4, 12)
    result = fit_law({"loss_reached": loss, "loss": 2e6 * loss**-4.8}, "kaplan_b_crit", draws=20)
    assert drift_of(result) is None


def test_trials_in_one_batch_are_those_of_each_share_of_the_rows_alone(monkeypatch):
    """A batch leaves the rows beyond a share out by weights of zero."""
    result = fit_law(grid(0.01, 3), "chinchilla", draws=20)
    together = trials_of(result)
    monkeypatch.setattr(trials, "CHUNK", 0)
    alone = trials_of(result)
    assert len(together) == len(alone) > 5
    for one, other in zip(together, alone, strict=True):
        assert one.error == pytest.approx(other.error, rel=1e-4)
        assert one.noise == pytest.approx(other.noise, rel=1e-4)
