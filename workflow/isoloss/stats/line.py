"""Least-squares lines, with missing points or with weights."""

import numpy as np


def through_rows(x, y, at: float = 0.0, fewest: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares line of y on x for each row, through the points that the row has.

    slope = sum (x - mean x) y / sum (x - mean x)**2, and the line goes through the means.

    Parameters
    ----------
    x, y : ndarray
        Shapes that broadcast to (row, point). A point counts where both are finite.
    at : float
        The x at which to return the line's value.
    fewest : int
        The least number of points for a line.

    Returns
    -------
    slope, value : ndarray, shape (row,)
        NaN where a row has no line.
    """
    here = np.isfinite(x) & np.isfinite(y)
    count = here.sum(axis=1)
    with np.errstate(all="ignore"):
        x, y = np.where(here, x, 0.0), np.where(here, y, 0.0)
        mean_x, mean_y = x.sum(axis=1) / count, y.sum(axis=1) / count
        away = np.where(here, x - mean_x[:, None], 0.0)
        slope = np.sum(away * y, axis=1) / np.sum(away**2, axis=1)
        slope[count < fewest] = np.nan
        return slope, mean_y + slope * (at - mean_x)


def weighted(x, y, sd=None) -> tuple[float, float]:
    """Slope, and value at x = 0, of the line of y on x with weights sd**-2.

    Parameters
    ----------
    x, y : ndarray, shape (point,)
    sd : array_like, shape (point,), optional
        Standard deviation of each y; by default, all are equal.
    """
    weight = np.ones_like(x) if sd is None else np.asarray(sd, float) ** -2.0
    centre = np.average(x, weights=weight)
    slope = np.sum(weight * (x - centre) * y) / np.sum(weight * (x - centre) ** 2)
    return float(slope), float(np.average(y, weights=weight) - slope * centre)


def slopes_of_columns(x, y) -> np.ndarray:
    """The slope of each column of y on the same x; NaN where the column has a NaN.

    Parameters
    ----------
    x : ndarray, shape (point,)
    y : ndarray, shape (point, column)
    """
    centred = x - x.mean()
    return centred @ y / (centred @ centred)
