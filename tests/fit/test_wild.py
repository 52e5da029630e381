"""Rows of one run belong together: how many runs there are counts, not how many rows."""

import numpy as np
import pytest

from isoloss.fit import fit_law, robust
from isoloss.fit.wild import least_squares, turned_runs
from isoloss.laws import LAWS
from isoloss.stats import student

LAW = LAWS["chinchilla"]
TRUE = {"A": 480.0, "B": 2000.0, "E": 1.8, "alpha": 0.35, "beta": 0.366}
CRV1, CRV3 = 0.00120168, 0.00188144  # pyfixest 0.60.0, no further small-sample factor
A = TRUE["beta"] / (TRUE["alpha"] + TRUE["beta"])


def curves(n_runs, seed, shared=0.7):
    """Five rows of each run; `shared` of the variance of a row is that of its run."""
    rng = np.random.default_rng([seed, n_runs])
    run = np.repeat(np.arange(n_runs), 5)
    n = np.geomspace(2e7, 2e9, n_runs)[run]
    d = n * np.tile(np.geomspace(5, 80, 5), n_runs)
    common, own = rng.standard_normal(n_runs)[run], rng.standard_normal(len(run))
    noise = 0.003 * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
    loss = LAW(TRUE, n_params=n, n_tokens=d) * np.exp(noise)
    return {"n_params": n, "n_tokens": d, "loss": loss, "run": run}


def held(n_runs, tables):
    """How often the 90 % interval of a holds the truth."""
    count = 0
    for seed in range(tables):
        a = fit_law(curves(n_runs, seed), draws=100, cluster="run").derived["a"]
        count += a.lo < A < a.hi
    return count


def test_intervals_of_six_runs_hold_the_truth_about_as_often_as_they_say():
    """Of 60 at 90 %, between 47 and 60 (p > .001). Residuals as they are left held 40."""
    assert 47 <= held(6, 60) <= 60


def test_a_handful_of_runs_is_said_to_be_few():
    def said(n_runs):
        found = fit_law(curves(n_runs, 0), draws=20, cluster="run").warnings
        return any(text.startswith(f"intervals rest on {n_runs} runs") for text in found)

    assert said(4)
    assert not said(6)


def test_the_interval_of_a_linear_law_is_that_of_bell_and_mccaffrey():
    """A power law by least squares is linear in ln x: CR2 and Student's t, by formula.

    The standard error lies between two that pyfixest computes for this table: CRV1 has raw
    residuals, and CRV3, the jackknife, enlarges them more than CR2 does.
    """
    run, x, y = line()
    table = {"x": np.exp(x), "loss": np.exp(y), "run": run}
    fit = fit_law(table, "power_law", x="x", cluster="run", objective="lsq", draws=20_000)
    design = np.stack([np.ones(40), x], axis=1)
    basis, solver = np.linalg.qr(design)[0], np.linalg.pinv(design)
    freed = robust.bias_reduced(y - basis @ (basis.T @ y), basis, run)
    error = np.sqrt(np.sum(robust.summed((solver[1] * freed), run) ** 2))
    assert CRV1 < error < CRV3
    freedom = np.median(robust.freedom(basis, solver, run))
    alpha = fit.params["alpha"]
    assert alpha.value == pytest.approx(0.053155332, rel=1e-6)  # pyfixest's, too
    half = student.quantile(0.9, freedom) * error
    assert alpha.hi - alpha.lo == pytest.approx(2 * half, rel=0.03)


def line():
    """Eight runs of five rows on a line in ln x, and noise that runs have in common."""
    rng = np.random.default_rng(12)
    run = np.repeat(np.arange(8), 5)
    x = np.log(np.geomspace(1e18, 1e20, 8))[run] + np.tile(np.log(np.geomspace(1, 8, 5)), 8)
    noise = np.sqrt(0.7) * rng.standard_normal(8)[run] + np.sqrt(0.3) * rng.standard_normal(40)
    return run, x, np.log(30.0) - 0.05 * x + 0.01 * noise


def test_six_runs_are_turned_over_and_forty_are_drawn():
    assert fit_law(curves(6, 0), draws=20, cluster="run").method == "wild"
    assert fit_law(curves(40, 0), draws=20, cluster="run").method == "cluster"


def test_least_absolute_values_of_single_rows_vary_as_a_median_does():
    """A median of normal numbers has sqrt(pi / 2) times the standard error of their mean."""
    _, x, y = line()
    table = {"x": np.exp(x), "loss": np.exp(y)}
    problem = fit_law(table, "power_law", x="x", objective="lad", draws=0).problem
    z, rows = least_squares(problem).solve(problem.z(np.zeros((1, 2)))).z[0], np.arange(40)
    robustly, by_squares = (
        turned_runs(one, z, rows).residual for one in (problem, least_squares(problem))
    )
    assert robustly / by_squares == pytest.approx(np.sqrt(np.pi / 2), rel=0.03)
