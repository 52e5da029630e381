"""Interpolation: along power laws, and by splines that go on straight."""

import numpy as np


def log_log(at, x, y, beyond: float | None = None):
    """y at given places, by linear interpolation of ln y against ln x.

    It is exact along a power law y = c x**p.

    Parameters
    ----------
    at : array_like
        Places, positive.
    x, y : array_like, shape (point,)
        Points, positive, by rising or by falling x.
    beyond : float, optional
        ln y outside the points, such as NaN; by default, ln y of the nearest point.

    Returns
    -------
    float or ndarray
        y, with the shape of `at`.
    """
    log_x, log_y = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    if log_x[0] > log_x[-1]:
        log_x, log_y = log_x[::-1], log_y[::-1]
    return np.exp(np.interp(np.log(at), log_x, log_y, left=beyond, right=beyond))


def spline_beyond(at, x, y) -> np.ndarray:
    """y at some places: a cubic spline between the points, its tangents beyond the outermost two.

    Parameters
    ----------
    at : array_like
        Places.
    x, y : ndarray, shape (point,)
        Points, by rising x.
    """
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(x, y)
    inside = np.clip(at, x[0], x[-1])
    slope = np.where(at < x[0], spline(x[0], 1), spline(x[-1], 1))
    return spline(inside) + slope * (at - inside)
