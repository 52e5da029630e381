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

REPEATS = 10  # fewer repeated runs tell too little of their spread
MOST_POINTS = 2000  # of clustered rows; more would fill the memory


@dataclass(frozen=True)
class Against:
    """The test against repeated runs.

    Attributes
    ----------
    p_value : float
    pattern : ndarray, shape (row,)
        Weighted: the mean distance of each row's point from the law.
    freedom : int
        Points beyond the law's parameters.
    within : int
        Rows beyond the points.
    """

    p_value: float
    pattern: np.ndarray
    freedom: int
    within: int

    def noise(self, left: np.ndarray, root: np.ndarray) -> float:
        """Standard deviation of ln L between repeated runs; `root` are the roots of the weights."""
        around = (left - self.pattern) / root
        return float(np.sqrt(around @ around / self.within))


def against_repeats(
    points: np.ndarray, left: np.ndarray, basis: np.ndarray, runs: np.ndarray | None
) -> Against | None:
    """The test, or None where there are too few repeats.

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
    """
    n, counts = len(left), np.bincount(points)
    between, within = len(counts) - basis.shape[1], n - len(counts)
    if within < REPEATS or between < 1:
        return None
    pattern = _means(left, points)[points]
    around = left - pattern
    square = float(pattern @ pattern)
    if runs is None:
        ratio = square / between / (max(float(around @ around), 1e-300) / within)
        return Against(fisher.tail(ratio, between, within), pattern, between, within)
    if len(counts) > MOST_POINTS:
        return None
    found = _clustered(points, around, basis, runs)
    if found is None:
        return None
    expected, freedom, freedom_below = found
    return Against(fisher.tail(square / expected, freedom, freedom_below), pattern, between, within)


def _clustered(points, around, basis, runs):
    """The pattern's mean square if the law held, and both degrees of freedom; None if unknown."""
    n, counts, n_runs = len(points), np.bincount(points), int(runs.max()) + 1
    within = n - len(counts)
    member = np.zeros((n, n_runs))
    member[np.arange(n), runs] = 1.0
    parted = member - _means(member, points)[points]  # of each run, outside the points' means
    gram = parted.T @ parted
    shared = np.clip(np.linalg.eigvalsh(gram), 0.0, None)
    # Expected squares of what lies around the points, and of its sums over runs: own and shared.
    design = np.array([[within, shared.sum()], [shared.sum(), np.sum(shared**2)]])
    seen = np.array([around @ around, np.sum((member.T @ around) ** 2)])
    if np.linalg.matrix_rank(design) < 2:
        return None  # every run repeats every point, or no two rows of a run have repeats
    solve = np.linalg.inv(design)
    parts = solve @ seen
    if parts[1] <= 0:
        parts, solve = np.array([seen[0] / within, 0.0]), np.array([[1 / within, 0], [0, 0]])
    elif parts[0] <= 0:
        parts = np.array([0.0, seen[1] / design[1, 1]])
        solve = np.array([[0, 0], [0, 1 / design[1, 1]]])
    root = np.sqrt(counts)[:, None]

    def averaged(columns):  # in the orthonormal coordinates of the points
        return _means(columns, points) * root

    onto = averaged(basis)
    alone = np.eye(len(counts)) - onto @ onto.T
    common = averaged(member) - onto @ (basis.T @ member)
    covariance = parts[0] * alone + parts[1] * common @ common.T
    expected = float(np.trace(covariance))
    freedom = expected**2 / max(float(np.sum(covariance**2)), 1e-300)
    weights = np.array([np.trace(alone), np.sum(common**2)]) @ solve
    forms = (weights[0] + weights[1] * shared) * (parts[0] + parts[1] * shared)
    rest = (within - len(shared)) * (weights[0] * parts[0]) ** 2
    spread = float(np.sum(forms**2)) + rest
    return expected, freedom, expected**2 / max(spread, 1e-300)


def _means(values, points):
    """Means over the rows of each point, shape (point, ...)."""
    order = np.argsort(points, kind="stable")
    counts = np.bincount(points)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(values[order], starts, axis=0)
    return sums / counts.reshape(-1, *[1] * (np.ndim(values) - 1))
