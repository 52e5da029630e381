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
    for rows in _alike_in_size(clusters):
        freed[rows] = _freed(basis[rows], residual[rows][..., None])[..., 0]
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
    weights = np.empty_like(solver.T)  # (row, quantity)
    for rows in _alike_in_size(clusters):
        weights[rows] = _freed(basis[rows], solver.T[rows])
    order, starts = _sorted(clusters)
    sums, own, total = (
        np.add.reduceat(values[order], starts, axis=0) for values in (basis, weights**2, weights)
    )
    among = sums.T @ sums
    found = np.empty(len(solver))
    for k in range(len(solver)):
        seen = np.add.reduceat((basis * weights[:, k, None])[order], starts, axis=0)
        # The covariance of the runs is diag(d) + P K P^T; runs by runs, it would fill the memory.
        d = (1 - WORKING) * own[:, k] + WORKING * total[:, k] ** 2
        p = np.column_stack([seen, total[:, k, None] * sums])
        one, none = np.eye(len(among)), np.zeros_like(among)
        inner = np.block(
            [[WORKING * among - (1 - WORKING) * one, -WORKING * one], [-WORKING * one, none]]
        )
        diagonal = np.sum(p @ inner * p, axis=1)
        product = inner @ (p.T @ p)
        square = np.sum(d**2) + 2 * d @ diagonal + np.sum(product * product.T)
        found[k] = np.sum(d + diagonal) ** 2 / max(square, 1e-300)
    return np.maximum(found, LEAST_FREEDOM)


def summed(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sums over the rows of each run, shape (run, ...)."""
    order, starts = _sorted(clusters)
    return np.add.reduceat(values[order], starts, axis=0)


def _freed(basis, columns):
    """(1 - H)**-1/2 times the columns, H = basis @ basis.T of the rows of each run.

    Shapes (run, row, direction) and (run, row, column), of runs with as many rows each.
    """
    left, size, _ = np.linalg.svd(basis, full_matrices=False)
    grown = 1 / np.sqrt(np.maximum(1 - size**2, LEAST_LEFT)) - 1
    return columns + left @ (grown[..., None] * (left.transpose(0, 2, 1) @ columns))


def _alike_in_size(clusters):
    """The rows of runs, shape (run, row), once for each number of rows that runs have."""
    order, starts = _sorted(clusters)
    sizes = np.diff(np.append(starts, len(order)))
    for size in np.unique(sizes):
        yield order[starts[sizes == size, None] + np.arange(size)]


def _sorted(clusters):
    """The rows in the order of their runs, and where each run starts."""
    order = np.argsort(clusters, kind="stable")
    return order, np.flatnonzero(np.diff(clusters[order], prepend=clusters[order[0]] - 1))


def shared(residual: np.ndarray, clusters: np.ndarray) -> float:
    """The share of the variance that rows of one run have in common, from 0 to 1 (by moments)."""
    counts = np.bincount(clusters)
    pairs = summed(residual, clusters) ** 2 - summed(residual**2, clusters)
    number = float(np.sum(counts * (counts - 1)))
    variance = float(np.mean(residual**2))
    if not number or not variance:
        return 0.0
    return float(np.clip(np.sum(pairs) / number / variance, 0.0, 1.0))
