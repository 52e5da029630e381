"""Least-squares polynomials against theorems: projection, Legendre series, error of a fit."""

import math

import numpy as np
import pytest

from isoloss.tasks.polynomial import solution as polynomial
from isoloss.tasks.polynomial.settings import PolynomialRun
from isoloss.tasks.polynomial.solution import solve


def run(target="sine", degree=3, n_samples=64, **task):
    return PolynomialRun.model_validate(
        {
            "task": {"kind": "polynomial", "target": target, **task},
            "model": {"degree": degree},
            "data": {"n_samples": n_samples, "n_heldout": 256},
        }
    )


def legendre_coefficient_of_abs(k):
    """Of P_k in |x| = 1/2 + sum over even k: integrate |x| P_k by parts (Rodrigues' formula)."""
    if k == 0:
        return 0.5
    m = k // 2
    sign = -1 if m % 2 == 0 else 1
    return (
        sign * (4 * m + 1) * math.factorial(2 * m - 2)
        / (4**m * math.factorial(m - 1) * math.factorial(m + 1))
    )  # fmt: skip


def best_error_of_abs(degree):
    """Mean square of what the Legendre series leaves out (Parseval), from the mean square 1/3."""
    kept = range(0, degree + 1, 2)
    return 1 / 3 - sum(legendre_coefficient_of_abs(k) ** 2 / (2 * k + 1) for k in kept)


@pytest.mark.parametrize("design", ["grid", "random"])
def test_recovers_a_polynomial_exactly(monkeypatch, design):
    monkeypatch.setitem(polynomial.TARGETS, "sine", lambda x: 1 - 2 * x + 4 * x**3)
    assert solve(run(degree=3, design=design), 0)["loss"] < 1e-28
    assert solve(run(degree=2, design=design), 0)["loss"] > 1e-3


def test_the_basis_is_orthonormal_under_the_uniform_density():
    x, w = polynomial.half_interval_nodes(64)
    phi = polynomial.basis(x, 12)
    np.testing.assert_allclose(phi.T @ (w[:, None] * phi), np.eye(13), atol=1e-13)


@pytest.mark.parametrize("degree", [0, 2, 4, 6, 8])
def test_the_best_error_of_abs_is_that_of_its_legendre_series(degree):
    found = solve(run("abs", degree, design="grid"), 0)["loss"]
    assert found == pytest.approx(best_error_of_abs(degree), rel=1e-10)


def test_odd_degrees_do_not_help_an_even_target():
    even, odd = (solve(run("abs", degree, design="grid"), 0)["loss"] for degree in (6, 7))
    assert odd == pytest.approx(even, rel=1e-12)


def test_the_error_of_abs_falls_as_the_third_power_of_the_degree():
    losses = [solve(run("abs", d, 512, design="grid"), 0)["loss"] for d in (64, 128)]
    assert math.log2(losses[0] / losses[1]) == pytest.approx(3, abs=0.06)


def test_the_best_line_through_the_sine_leaves_a_half_minus_3_over_pi_squared():
    # sin(pi x) has the mean square 1/2 and the coefficient sqrt(3) / pi on phi_1 = sqrt(3) x.
    found = solve(run("sine", 1, design="grid"), 0)["loss"]
    assert found == pytest.approx(0.5 - 3 / math.pi**2, rel=1e-12)


@pytest.mark.parametrize("design", ["grid", "random"])
def test_the_variance_theory_is_the_mean_of_many_noisy_fits_of_one_design(design):
    rng = np.random.default_rng(1)
    x, w = polynomial.design(design, 20, rng)
    operator = polynomial.least_squares(polynomial.basis(x, 3), w)
    noise = 0.3 * rng.standard_normal((20, 40_000))
    # An independent fit: numpy's, on powers of x, with the noise as the data.
    fitted = np.polynomial.polynomial.polyfit(x, noise, 3, w=np.sqrt(w))
    fine = (np.arange(400) + 0.5) / 200 - 1
    errors = np.polynomial.polynomial.polyval(fine, fitted)
    measured = np.mean(errors**2)
    assert measured == pytest.approx(0.3**2 * np.sum(operator**2), rel=0.02)


@pytest.mark.parametrize("design", ["grid", "random"])
def test_the_standard_error_is_the_spread_of_repeated_measurements(design):
    one_run = run(degree=2, n_samples=30, noise_sd=0.3, design=design, repeats=20)
    rows = [solve(one_run, seed) for seed in range(400)]
    off = [(row["variance_loss"] - row["theory_loss"]) / row["variance_loss_se"] for row in rows]
    assert np.mean(off) == pytest.approx(0, abs=4 / math.sqrt(400))
    assert np.std(off) == pytest.approx(1, abs=0.15)


def test_ordinary_least_squares_adds_the_trace_of_the_inverse_gram_matrix():
    rng = np.random.default_rng(0)
    x, w = polynomial.design("random", 50, rng)
    phi = polynomial.basis(x, 4)
    operator = polynomial.least_squares(phi, w)
    assert np.sum(operator**2) == pytest.approx(np.trace(np.linalg.inv(phi.T @ phi)), rel=1e-10)


@pytest.mark.parametrize("design", ["grid", "random"])
def test_the_measured_variance_agrees_with_its_theory(design):
    row = solve(run(degree=4, n_samples=40, noise_sd=0.2, design=design, repeats=2000), 0)
    off = abs(row["variance_loss"] - row["theory_loss"])
    assert off < 4 * row["variance_loss_se"] < 0.3 * row["theory_loss"]


def test_with_much_data_the_variance_is_noise_times_coefficients_over_samples():
    row = solve(run(degree=4, n_samples=20_000, noise_sd=0.2, repeats=5), 0)
    assert row["theory_loss"] == pytest.approx(0.2**2 * 5 / 20_000, rel=0.01)


def test_the_loss_on_noisy_values_is_the_excess_and_the_noise():
    row = solve(run(noise_sd=0.5, repeats=10), 0)
    assert row["loss"] == pytest.approx(row["excess_loss"] + 0.25)
    assert row["loss_se"] > 0
    assert row["approximation_loss"] < row["excess_loss"]


def test_without_noise_there_is_no_variance_to_compare():
    row = solve(run(), 0)
    assert row["loss"] == row["excess_loss"] == row["approximation_loss"] > 0
    assert row["loss_se"] is None
    assert not row.keys() & {"variance_loss", "variance_loss_se", "theory_loss"}


def test_a_run_repeats_itself_and_a_seed_draws_anew():
    one, again, other = (solve(run(noise_sd=0.1), seed) for seed in (0, 0, 1))
    assert one == again
    assert one["loss"] != other["loss"]
