"""Cluster-robust errors of few runs, against formulas and other packages."""

import tracemalloc

import numpy as np
import pytest

from isoloss.fit import robust


def fitted(design):
    """The orthonormal basis of a design, and the weights of its coefficients."""
    return np.linalg.qr(design)[0], np.linalg.pinv(design)


def test_two_samples_have_the_degrees_of_freedom_of_the_behrens_fisher_problem(monkeypatch):
    """Imbens and Kolesar (2016), Sec. II: independent rows, one of two groups of n0 and n1."""
    monkeypatch.setattr(robust, "WORKING", 0.0)
    for n0, n1 in ((27, 3), (12, 18), (5, 5)):
        n = n0 + n1
        design = np.stack([np.ones(n), np.arange(n) < n1], axis=1).astype(float)
        basis, solver = fitted(design)
        exact = n**2 * (n0 - 1) * (n1 - 1) / (n1**2 * (n1 - 1) + n0**2 * (n0 - 1))
        assert robust.freedom(basis, solver, np.arange(n))[1] == pytest.approx(exact)


def test_the_mean_of_runs_of_one_length_has_one_degree_of_freedom_less_than_runs():
    basis, solver = fitted(np.ones((30, 1)))
    assert robust.freedom(basis, solver, np.repeat(np.arange(6), 5)) == pytest.approx(5.0)


def test_the_variance_has_no_bias_where_rows_are_independent(rng):
    run = np.repeat(np.arange(6), [2, 3, 5, 5, 7, 8])
    design = np.stack([np.ones(30), rng.standard_normal(30), run.astype(float)], axis=1)
    basis, solver = fitted(design)
    noise = rng.standard_normal((4000, 30))
    left = noise - (noise @ basis) @ basis.T
    found = []
    for one in left[:2000]:
        freed = robust.bias_reduced(one, basis, run)
        found.append(np.sum(robust.summed((solver * freed).T, run) ** 2, axis=0))
    true = np.sum(solver**2, axis=1)
    assert np.mean(found, axis=0) == pytest.approx(true, rel=0.06)


def test_rows_of_one_run_share_what_was_planted(rng):
    run = np.repeat(np.arange(400), 4)
    noise = np.sqrt(0.7) * rng.standard_normal(400)[run] + np.sqrt(0.3) * rng.standard_normal(1600)
    assert robust.shared(noise, run) == pytest.approx(0.7, abs=0.05)
    assert robust.shared(rng.standard_normal(1600), run) < 0.05


def test_degrees_of_freedom_of_many_runs_need_little_memory():
    """A matrix of runs by runs would need 3.2 GB for these 20,000."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((25_000, 4)))[0]
    runs = np.unique(rng.integers(20_000, size=25_000), return_inverse=True)[1]
    tracemalloc.start()
    found = robust.freedom(basis, basis.T, runs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert np.all(found > 1000)
