"""Parabolas: their vertices, and least-squares fits."""

import numpy as np

N_COEFFICIENTS = 3


def vertex(square, slope, constant=0.0):
    """Place and height of the vertex of square x**2 + slope x + constant.

    Completing the square: the vertex is at -slope / (2 square), its height is
    constant - slope**2 / (4 square). It is a minimum where `square` is positive.

    Parameters
    ----------
    square, slope, constant : float or ndarray
        Shapes that broadcast.

    Returns
    -------
    place, height : float or ndarray
        Not finite where `square` is 0.
    """
    with np.errstate(all="ignore"):
        return -slope / (2 * square), constant - slope**2 / (4 * square)


def minimum_between(square, slope, constant, low, high, *, ends: bool = False):
    """Place and height of the minima of many parabolas, if they lie between two places.

    Parameters
    ----------
    square, slope, constant : ndarray
        Coefficients of square x**2 + slope x + constant, all of one shape.
    low, high : float
        The minimum must lie between them.
    ends : bool
        Whether `low` and `high` themselves count as between.

    Returns
    -------
    place, height : ndarray
        NaN where the parabola opens downwards, or its minimum lies outside.
    """
    place, height = vertex(square, slope, constant)
    with np.errstate(invalid="ignore"):
        inside = (low <= place) & (place <= high) if ends else (low < place) & (place < high)
        inside = inside & (square > 0)
    return np.where(inside, place, np.nan), np.where(inside, height, np.nan)


def vertex_of_three(x, y):
    """Place of the minimum of the parabola through three points.

    By Newton's divided differences, it is the middle of x_0 and x_1, minus the first difference
    over twice the second difference.

    Parameters
    ----------
    x, y : sequence of three ndarray
        The points, by rising x; shapes that broadcast.

    Returns
    -------
    ndarray
        NaN where the parabola does not open upwards.
    """
    low, high = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    with np.errstate(all="ignore"):
        bend = (high - low) / (x[2] - x[0])
        place = (x[0] + x[1]) / 2 - low / (2 * bend)
        return np.where(bend > 0, place, np.nan)


def solver(x, weight=None) -> np.ndarray:
    """The matrix that maps heights to the coefficients of the least-squares parabola.

    It is the pseudo-inverse of the weighted Vandermonde matrix (Golub and Van Loan 2013, Sec. 5.5).

    Parameters
    ----------
    x : ndarray, shape (point,)
        Places; centre them to reduce rounding errors.
    weight : ndarray, shape (point,), optional
        Weight of each point; by default, all are equal.

    Returns
    -------
    ndarray, shape (3, point)
        `solver(x) @ heights` is the coefficients of x**2, x and 1.
    """
    design = np.vander(x, N_COEFFICIENTS)
    if weight is None:
        return np.linalg.pinv(design)
    root = np.sqrt(weight)
    return np.linalg.pinv(design * root[:, None]) * root
