"""Lack of fit against pure error: do points miss the law by more than repeated runs differ?

This is the textbook test, where runs were repeated at the same point: the mean square of what the
law misses the points by, over that of runs about their point. Rows of one run, or of runs that
share a trunk, are not independent. Their covariance is then that of a random effect of each run,
and both components follow from the same repeats by the method of moments. Both mean squares have
Satterthwaite's degrees of freedom (1946, Biometrics Bull. 2, 110).
"""

from dataclasses import dataclass

import numpy as np

from isoloss.stats import fisher
from isoloss.stats.spread import root_mean_square

REPEATS = 10  # fewer repeated runs tell too little of their spread
MOST = 2000  # points or runs of rows that are not independent; more would fill the memory
COPIES = 1e-9  # root mean square of ln L: repeats so near are copies of a run, and tell no noise


@dataclass(frozen=True)
class Against:
    """The test against repeated runs.

    Attributes
    ----------
    p_value : float
    pattern : ndarray, shape (row,)
        Weighted: the mean distance of each row's point from the law, times the row's root.
    freedom : int
        Points beyond the law's parameters.
    points : ndarray of int, shape (row,)
    """

    p_value: float
    pattern: np.ndarray
    freedom: int
    points: np.ndarray

    def noise(self, left: np.ndarray, root: np.ndarray) -> float:
        """Standard deviation of ln L between repeated runs; `root` are the roots of the weights."""
        own, counts = left / root, np.bincount(self.points)
        around = own - (np.bincount(self.points, own) / counts)[self.points]
        return float(np.sqrt(around @ around / (len(own) - len(counts))))


def against_repeats(
    points: np.ndarray,
    left: np.ndarray,
    basis: np.ndarray,
    runs: np.ndarray | None,
    root: np.ndarray | None = None,
) -> Against | None:
    """The test, or None where repeats are too few, or copies of one run.

    Parameters
    ----------
    points : ndarray of int, shape (row,)
        The point of each row.
    left : ndarray, shape (row,)
        Weighted residuals, outside the law's tangent space.
    basis : ndarray, shape (row, direction)
        Orthonormal basis of that space.
    runs : ndarray of int, shape (row,), or None
        The run of each row, where rows of a run are not independent.
    root : ndarray, shape (row,), optional
        Roots of the weights; without them, all rows weigh alike.
    """
    root = np.ones(len(left)) if root is None else root
    unit = root / np.sqrt(np.bincount(points, root**2))[points]
    n, n_points = len(left), int(points.max()) + 1
    between, within = n_points - basis.shape[1], n - n_points
    if within < REPEATS or between < 1:
        return None
    pattern = unit * _summed(unit * left, points)[points]
    around = left - pattern
    if root_mean_square(around) < COPIES:
        return None
    square = float(pattern @ pattern)
    if runs is None:
        ratio = square / between / (float(around @ around) / within)
        return Against(fisher.tail(ratio, between, within), pattern, between, points)
    runs = np.unique(runs, return_inverse=True)[1]
    if max(n_points, int(runs.max()) + 1) > MOST:
        return None
    found = _clustered(points, unit, around, basis, runs)
    if found is None:
        return None
    expected, freedom, freedom_below = found
    return Against(fisher.tail(square / expected, freedom, freedom_below), pattern, between, points)


def _clustered(points, unit, around, basis, runs):
    """The pattern's mean square if the law held, and both degrees of freedom; None if unknown.

    Points have an orthonormal basis, whose vectors are `unit` at the rows of one point. A matrix of
    rows by runs would fill the memory.
    """
    n_points, n_runs = int(points.max()) + 1, int(runs.max()) + 1
    within = len(points) - n_points
    places = np.bincount(points * n_runs + runs, unit, n_points * n_runs)
    places = places.reshape(n_points, n_runs)  # of each run, in the basis of the points
    gram = np.diag(np.bincount(runs).astype(float)) - places.T @ places  # outside that basis
    shared = np.clip(np.linalg.eigvalsh(gram), 0.0, None)
    # Expected squares of what lies around the points, and of its sums over runs: own and shared.
    design = np.array([[within, shared.sum()], [shared.sum(), np.sum(shared**2)]])
    seen = np.array([around @ around, np.sum(_summed(around, runs) ** 2)])
    if np.linalg.matrix_rank(design) < 2:
        return None  # every run repeats every point, or no two rows of a run have repeats
    solve = np.linalg.inv(design)
    parts = solve @ seen
    if parts[1] <= 0:
        parts, solve = np.array([seen[0] / within, 0.0]), np.array([[1 / within, 0], [0, 0]])
    elif parts[0] <= 0:
        parts = np.array([0.0, seen[1] / design[1, 1]])
        solve = np.array([[0, 0], [0, 1 / design[1, 1]]])
    onto = _summed(unit[:, None] * basis, points)
    alone = np.eye(n_points) - onto @ onto.T
    common = places - onto @ _summed(basis, runs).T
    covariance = parts[0] * alone + parts[1] * common @ common.T
    expected = float(np.trace(covariance))
    freedom = expected**2 / max(float(np.sum(covariance**2)), 1e-300)
    weights = np.array([np.trace(alone), np.sum(common**2)]) @ solve
    forms = (weights[0] + weights[1] * shared) * (parts[0] + parts[1] * shared)
    rest = (within - len(shared)) * (weights[0] * parts[0]) ** 2
    spread = float(np.sum(forms**2)) + rest
    return expected, freedom, expected**2 / max(spread, 1e-300)


def _summed(values, groups):
    """Sums over the rows of each group, shape (group, ...)."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(int(groups.max()) + 1))
    return np.add.reduceat(values[order], starts, axis=0)
