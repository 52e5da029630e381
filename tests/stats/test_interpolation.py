"""Interpolation in logarithms, against power laws and numbers made by hand."""

import numpy as np
import pytest

from isoloss.stats.interpolation import log_log, spline_beyond


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_a_power_law_is_followed_exactly_by_rising_and_by_falling_x(order):
    x = np.geomspace(1.0, 1e6, 4)[order]
    at = np.array([3.0, 5e2, 7e5])
    np.testing.assert_allclose(log_log(at, x, 8.0 * x**-0.3), 8.0 * at**-0.3)


def test_halfway_in_logarithms_is_the_geometric_mean():
    assert log_log(10.0, [1.0, 100.0], [4.0, 9.0]) == pytest.approx(6.0)


def test_beyond_the_points_it_is_the_nearest_or_what_was_asked_for():
    at = [0.5, 200.0]
    assert log_log(at, [1.0, 100.0], [4.0, 9.0]) == pytest.approx([4.0, 9.0])
    assert log_log(at, [100.0, 1.0], [9.0, 4.0]) == pytest.approx([4.0, 9.0])
    assert np.isnan(log_log(at, [1.0, 100.0], [4.0, 9.0], beyond=np.nan)).tolist() == [True, True]


def test_a_spline_follows_a_cubic_between_the_points_and_its_tangents_beyond():
    x = np.linspace(-1.0, 2.0, 7)
    between = np.array([-0.8, 0.3, 1.9])
    np.testing.assert_allclose(spline_beyond(between, x, x**3 - x), between**3 - between)
    beyond = spline_beyond(np.array([-3.0, 4.0]), x, x**3 - x)
    np.testing.assert_allclose(beyond, [0.0 + 2.0 * -2.0, 6.0 + 11.0 * 2.0], rtol=1e-12)
