"""Several experiments in one table: a column whose groups miss the law apart from each other.

The test is the F test of a free shift of ln L for each value of the column, beside the law's own
tangent space.
"""

import numpy as np

from isoloss.fit.misfit import EXACT, cut_residuals
from isoloss.fit.problem import Problem
from isoloss.stats import fisher
from isoloss.stats.spread import root_mean_square
from isoloss.tables.data import Data

SIGNIFICANT = 1e-3  # for all columns of a table together
MATERIAL = 1.2  # residual standard deviation over that of groups with shifts of their own
LISTED = 4  # groups named in one message


def apart(problem: Problem, z: np.ndarray, data: Data) -> str:
    """A warning that names the column whose groups differ most; "" where none does.

    Parameters
    ----------
    z : ndarray
        The optimum of the problem.
    """
    if not data.labels:
        return ""
    left, tangent, root, _ = cut_residuals(problem, z)
    if root_mean_square(left) < EXACT:
        return ""
    found = []
    for column, labels in data.labels.items():
        tried = _test(left, tangent, root, labels, data.clusters)
        if tried is not None and tried[0] * len(data.labels) < SIGNIFICANT and tried[1] > MATERIAL:
            found.append((tried[0], -tried[1], column, labels))
    if not found:
        return ""
    p_value, _, column, labels = min(found, key=lambda one: one[:3])
    return _text(problem.residuals(problem.theta(z))[0], column, labels, p_value)


def _test(left, tangent, root, labels, clusters):
    """p-value, and how many times smaller the residuals are with a shift for each group."""
    kinds, codes = np.unique(labels, return_inverse=True)
    dummies = np.eye(len(kinds))[codes] * root[:, None]
    if clusters is not None:  # a run is one observation
        runs = np.unique(clusters, return_inverse=True)[1]
        weight = 1 / np.sqrt(np.bincount(runs))
        left, tangent, dummies = (
            _summed(one, runs) * (weight if one.ndim == 1 else weight[:, None])
            for one in (left, tangent, dummies)
        )
    own = np.linalg.qr(tangent)[0]
    both = np.linalg.qr(np.column_stack([tangent, dummies[:, 1:]]))[0]
    freedom = len(left) - both.shape[1]
    if freedom < len(kinds):
        return None
    before = left - own @ (own.T @ left)
    after = left - both @ (both.T @ left)
    explained, rest = before @ before - after @ after, after @ after
    n_shifts = len(kinds) - 1
    ratio = (explained / n_shifts) / (rest / freedom) if rest > 0 else np.inf
    p_value = fisher.tail(max(float(ratio), 0.0), n_shifts, freedom)
    spread = np.sqrt((before @ before / (freedom + n_shifts)) / max(rest / freedom, 1e-300))
    return p_value, float(spread)


def _summed(values, runs):
    sums = np.zeros((runs.max() + 1, *values.shape[1:]))
    np.add.at(sums, runs, values)
    return sums


def _text(residuals, column, labels, p_value):
    kinds = np.unique(labels)
    offs = {kind: float(np.expm1(np.median(residuals[labels == kind]))) for kind in kinds}
    listed = sorted(offs, key=lambda kind: -abs(offs[kind]))[:LISTED]
    listed = [kind for kind in listed if abs(offs[kind]) >= 5e-4] or listed
    said = ", ".join(
        f"{kind} {abs(offs[kind]):.1%} {'above' if offs[kind] > 0 else 'below'}" for kind in listed
    )
    return (
        f"column {column!r} splits the rows into experiments that miss this one law apart "
        f"({said}; p = {p_value:.1g}): --by {_quoted(column)} fits one law each, --where picks one"
    )


def _quoted(column):
    return column if column.replace("_", "").isalnum() else f"'{column}'"
