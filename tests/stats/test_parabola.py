"""Vertices of parabolas, against numpy's own roots and fits and against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoloss.stats.parabola import minimum_between, solver, vertex, vertex_of_three

bends = st.floats(0.01, 100) | st.floats(-100, -0.01)


@given(bends, st.floats(-50, 50), st.floats(-50, 50))
def test_the_vertex_is_where_numpys_polynomial_has_no_slope(square, slope, constant):
    curve = np.polynomial.Polynomial([constant, slope, square])
    place, height = vertex(square, slope, constant)
    assert place == pytest.approx(curve.deriv().roots()[0], abs=1e-9)
    assert height == pytest.approx(curve(place), rel=1e-9, abs=1e-6)


def test_a_straight_line_has_no_vertex():
    assert not np.isfinite(vertex(np.array([0.0]), np.array([1.0]))[0]).any()


def test_minima_outside_the_range_and_maxima_are_nan():
    # (x - 2)**2 + 5, (x - 9)**2, -(x - 2)**2
    square, slope = np.array([1.0, 1.0, -1.0]), np.array([-4.0, -18.0, 4.0])
    place, height = minimum_between(square, slope, np.array([9.0, 81.0, -4.0]), 0.0, 4.0)
    np.testing.assert_array_equal(place, [2.0, np.nan, np.nan])
    np.testing.assert_array_equal(height, [5.0, np.nan, np.nan])


@pytest.mark.parametrize(("ends", "place"), [(True, 2.0), (False, np.nan)])
def test_a_minimum_at_the_very_end_counts_only_if_it_is_said_so(ends, place):
    found = minimum_between(np.array([1.0]), np.array([-4.0]), 0.0, 2.0, 4.0, ends=ends)[0]
    np.testing.assert_array_equal(found, [place])


def test_the_parabola_through_three_points_has_the_minimum_of_polyfit():
    x, y = np.array([1.0, 2.5, 7.0]), np.array([3.0, 1.0, 4.0])
    bend, slope, _ = np.polyfit(x, y, 2)
    assert vertex_of_three(x, y) == pytest.approx(-slope / (2 * bend))
    assert np.isnan(vertex_of_three(x, -y))


def test_the_solver_gives_the_coefficients_of_polyfit_with_and_without_weights(rng):
    x, y, weight = rng.normal(size=9), rng.normal(size=9), rng.uniform(0.1, 2, size=9)
    np.testing.assert_allclose(solver(x) @ y, np.polyfit(x, y, 2))
    # polyfit multiplies residuals by its weights before it squares them.
    np.testing.assert_allclose(solver(x, weight) @ y, np.polyfit(x, y, 2, w=np.sqrt(weight)))
