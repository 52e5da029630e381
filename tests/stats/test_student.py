"""Student's t, against scipy's distributions; leverages, against the textbook's hat matrix."""

import numpy as np
import pytest
from scipy import stats

from isoloss.stats.student import freed, leverage, leverage_of_solver, quantile, scales


@pytest.mark.parametrize("freedom", [1, 2, 3.5, 20])
def test_normal_noise_times_the_scales_is_students_t(rng, freedom):
    draws = rng.standard_normal(20_000) * scales(freedom, 20_000, rng)[:, 0]
    assert stats.kstest(draws, stats.t(freedom).cdf).pvalue > 1e-3


def test_raw_residuals_are_scaled_up_for_what_the_fit_took():
    raw, plain = (scales(5, 9, np.random.default_rng(1), runs=runs) for runs in (20, None))
    assert raw / plain == pytest.approx(np.full((9, 1), 2.0))


def test_quantiles_are_those_of_the_printed_tables():
    """Student's t of 95 % on each side, and the normal distribution below the last line."""
    found = [quantile(0.9, freedom) for freedom in (1, 2, 10, 30)]
    assert found == pytest.approx([6.314, 2.920, 1.812, 1.697], abs=5e-4)
    assert quantile(0.95) == pytest.approx(1.959964, abs=1e-6)


def test_quantiles_are_scipys_to_the_last_bit():
    for level in (0.5, 0.9, 0.99):
        assert quantile(level) == stats.norm.ppf((1 + level) / 2)
        for freedom in (1, 2.7, 50):
            assert quantile(level, freedom) == stats.t.ppf((1 + level) / 2, freedom)


def test_leverages_are_the_diagonal_of_the_hat_matrix_and_at_most_99_percent(rng):
    design = rng.normal(size=(9, 3))
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    assert leverage(design) == pytest.approx(np.diag(hat))
    assert leverage_of_solver(design, np.linalg.pinv(design)) == pytest.approx(np.diag(hat))
    assert leverage(np.eye(3)) == pytest.approx([0.99] * 3)
    assert leverage_of_solver(np.eye(3), np.eye(3)) == pytest.approx([0.99] * 3)


def test_freed_residuals_are_as_large_as_the_noise(rng):
    """A line through three points takes two thirds of the variance of residuals on average."""
    design = np.vander([0.0, 1.0, 5.0], 2)
    noise = rng.standard_normal((20_000, 3))
    residual = noise - noise @ (design @ np.linalg.pinv(design)).T
    size = np.mean(freed(residual, leverage(design)) ** 2, axis=0)
    assert size == pytest.approx(np.ones(3), rel=0.05)
