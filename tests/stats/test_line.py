"""Lines through points, against numpy's and scipy's own."""

import numpy as np
import pytest
from scipy.stats import linregress

from isoloss.stats.line import slopes_of_columns, through_rows, weighted


def test_each_row_has_the_line_of_linregress_through_the_points_it_has(rng):
    x, y = rng.normal(size=8), rng.normal(size=(5, 8))
    y[1, 2], y[3, [0, 5]] = np.nan, [np.inf, np.nan]
    slope, value = through_rows(x, y, at=0.7)
    for i, row in enumerate(y):
        here = np.isfinite(row)
        truth = linregress(x[here], row[here])
        assert slope[i] == pytest.approx(truth.slope)
        assert value[i] == pytest.approx(truth.intercept + 0.7 * truth.slope)


def test_places_may_differ_from_row_to_row():
    slope, value = through_rows(np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([[1.0, 3.0]] * 2))
    assert slope.tolist() == [2.0, 1.0]
    assert value.tolist() == [1.0, 1.0]


def test_a_row_with_too_few_points_has_no_line():
    y = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, np.nan, np.nan], [1.0, *[np.nan] * 3]])
    x = np.arange(4.0)
    assert np.isfinite(through_rows(x, y)[0]).tolist() == [True, True, False]
    assert np.isfinite(through_rows(x, y, fewest=3)[0]).tolist() == [True, False, False]
    assert np.isfinite(through_rows(x, y, fewest=3)[1]).tolist() == [True, False, False]


def test_weights_are_those_of_polyfit(rng):
    x, y, sd = rng.normal(size=9), rng.normal(size=9), rng.uniform(0.5, 3, size=9)
    assert weighted(x, y) == pytest.approx(np.polyfit(x, y, 1))
    assert weighted(x, y, sd) == pytest.approx(np.polyfit(x, y, 1, w=1 / sd))


def test_a_column_with_a_gap_has_no_slope_and_the_others_that_of_polyfit(rng):
    x, y = rng.normal(size=6), rng.normal(size=(6, 3))
    y[2, 1] = np.nan
    found = slopes_of_columns(x, y)
    assert np.isnan(found[1])
    assert found[[0, 2]] == pytest.approx(np.polyfit(x, y[:, [0, 2]], 1)[0])
