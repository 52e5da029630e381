"""Cluster-robust errors where runs are few: bias-reduced residuals, and degrees of freedom.

Everything is of least squares in whitened coordinates: rows times the roots of their weights.
"""

import numpy as np

# Share of the variance that rows of a run have in common, for the degrees of freedom alone. They
# hardly depend on it: .3, .7, .95 and AR(1) rows gave the same coverage on tables for tuning.
WORKING = 0.7
LEAST_LEFT = 0.01  # of 1 - leverage: a smaller value would scale residuals up without limit
LEAST_FREEDOM = 1.0


def bias_reduced(residual: np.ndarray, basis: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """CR2 residuals: those of each run times (1 - H)**-1/2 (Bell and McCaffrey 2002).

    H is the run's own block of the hat matrix (its leverage). The variance that follows has no bias
    where rows are independent and alike.

    Parameters
    ----------
    residual : ndarray, shape (row,)
    basis : ndarray, shape (row, direction)
        Orthonormal basis of the tangent space.
    clusters : ndarray of int, shape (row,)
    """
    freed = np.empty_like(residual)
    for rows in _rows_of(clusters):
        freed[rows] = _freed(basis[rows], residual[rows])
    return freed


def freedom(basis: np.ndarray, solver: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Satterthwaite's degrees of freedom of CR2 variances (Bell and McCaffrey 2002, Sec. 4).

    The working model of the rows is that those of one run have `WORKING` of their variance in
    common, as Imbens and Kolesar (2016, Sec. IV) propose.

    Parameters
    ----------
    basis : ndarray, shape (row, direction)
        Orthonormal basis of the tangent space.
    solver : ndarray, shape (quantity, row)
        The weights of rows in each quantity: its linear estimate is solver @ ln L.
    clusters : ndarray of int, shape (row,)

    Returns
    -------
    ndarray, shape (quantity,)
    """
    groups = _rows_of(clusters)
    weights = [_freed(basis[rows], solver[:, rows].T) for rows in groups]  # (row, quantity)
    seen = np.stack([basis[rows].T @ w for rows, w in zip(groups, weights, strict=True)])
    sums = np.stack([basis[rows].sum(axis=0) for rows in groups])
    own = np.stack([np.sum(w**2, axis=0) for w in weights])
    total = np.stack([w.sum(axis=0) for w in weights])
    found = np.empty(len(solver))
    for k in range(len(solver)):
        common = np.diag(total[:, k]) - sums @ seen[:, :, k].T
        apart = np.diag(own[:, k]) - seen[:, :, k] @ seen[:, :, k].T
        gram = (1 - WORKING) * apart + WORKING * common.T @ common
        found[k] = np.trace(gram) ** 2 / max(np.sum(gram**2), 1e-300)
    return np.maximum(found, LEAST_FREEDOM)


def summed(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sums over the rows of each run, shape (run, ...)."""
    return np.stack([values[rows].sum(axis=0) for rows in _rows_of(clusters)])


def _freed(basis, columns):
    """(1 - H)**-1/2 times the columns, H = basis @ basis.T of the rows of one run."""
    left, size, _ = np.linalg.svd(basis, full_matrices=False)
    grown = 1 / np.sqrt(np.maximum(1 - size**2, LEAST_LEFT)) - 1
    return columns + left @ ((grown * (left.T @ columns).T).T)


def _rows_of(clusters):
    order = np.argsort(clusters, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1)


def shared(residual: np.ndarray, clusters: np.ndarray) -> float:
    """The share of the variance that rows of one run have in common, from 0 to 1 (by moments)."""
    counts = np.bincount(clusters)
    pairs = summed(residual, clusters) ** 2 - summed(residual**2, clusters)
    number = float(np.sum(counts * (counts - 1)))
    variance = float(np.mean(residual**2))
    if not number or not variance:
        return 0.0
    return float(np.clip(np.sum(pairs) / number / variance, 0.0, 1.0))
