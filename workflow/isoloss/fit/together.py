"""Are rows of one size independent runs? Residuals decide where no column says it.

Rows of one run, or of runs that share a trunk, miss a law together. The test is the locally best
invariant test of a variance that rows of a group have in common (King and Hillier 1985).
"""

import dataclasses
import shlex

import numpy as np

from isoloss.fit import robust
from isoloss.fit.misfit import EXACT, FREEDOM, bends_outside, cut_residuals, misfit
from isoloss.fit.problem import Problem
from isoloss.stats.spread import root_mean_square
from isoloss.tables.asking import INDEPENDENT
from isoloss.tables.data import Data
from isoloss.tables.grouping import Grouping

# Chosen on planted grids of 4 x 4 to 9 x 4 and curves of 7 and 12 runs, with other exponents than
# those whose shares docs/performance-fit.md reports.
TOGETHER = 0.03  # below this p-value, rows of a group are taken as one run
# Less in common is no sign of one run: a law that is slightly wrong, or a size read off a figure,
# leaves .1 to .2 in large tables of independent runs. Chosen when the 240 rows of Epoch AI (.21)
# had been taken as few runs, so that table is no test of it.
MATERIAL = 0.3
IN_DOUBT = 0.5  # below this one, the assumption that they are independent is said
SIMULATED = 4000  # draws of the null distribution
MANY_GROUPS = 200  # the null distribution is then nearly normal


def settle(problem: Problem, z: np.ndarray, data: Data) -> Data:
    """The data with `clusters` where rows belong together, and a note of what was assumed.

    Parameters
    ----------
    z : ndarray
        The optimum of the problem, rows taken as independent.
    """
    grouping = data.grouping
    if grouping is None or data.clusters is not None:
        return data
    independent = f"if they are independent runs, add --cluster {INDEPENDENT}"
    if grouping.certain:
        said = f"{data.n_rows} rows are checkpoints of {grouping.n_groups} runs ({grouping.said})"
        return _with(data, grouping.codes, f"{said}; {independent}")
    found = _alike(problem, z, data, grouping)
    if found is None:
        return data
    p_value, share = found
    rows = f"{data.n_rows} rows of {grouping.n_groups} groups ({grouping.said})"
    if p_value < TOGETHER and share >= MATERIAL:
        return _with(
            data,
            grouping.codes,
            f"{rows} are taken as {grouping.n_groups} runs: rows of a group miss the law together "
            f"(correlation {share:.2f}, p = {p_value:.2g}), as checkpoints of one run or runs of "
            f"one trunk do; {independent}",
        )
    if p_value < IN_DOUBT:
        column = shlex.quote(grouping.option) if grouping.option else "COLUMN"
        note = (
            f"{rows} are independent runs (correlation {share:.2f} in a group, p = {p_value:.2g}); "
            "if those of a group are checkpoints of one run or share a trunk, add --cluster "
            f"{column}"
        )
        return _with(data, None, note)
    return data


def _with(data, codes, note):
    return dataclasses.replace(data, clusters=codes, grouping=None, notes=(*data.notes, note))


def _alike(problem, z, data, grouping: Grouping):
    """p-value and correlation of the rows of a group; None where too little is left to test."""
    if data.n_rows < problem.n_free + FREEDOM + 1:
        return None
    left, tangent, root, _ = cut_residuals(problem, z)
    if root_mean_square(left) < EXACT:
        return None
    basis = np.linalg.qr(tangent)[0]
    p_value, share = alike(left, basis, grouping.codes)
    if p_value >= TOGETHER:
        return p_value, share
    # A law that is wrong misses the rows of a size together, too.
    wrong = misfit(problem, z, dataclasses.replace(data, clusters=grouping.codes))
    if wrong is None or not wrong.significant:
        return p_value, share
    bends, _ = bends_outside(problem, basis, root)
    if bends is None:
        return p_value, share
    return alike(left, np.column_stack([basis, bends]), grouping.codes)


def alike(left: np.ndarray, basis: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Test that rows of a group have nothing in common: the p-value, and their correlation.

    Parameters
    ----------
    left : ndarray, shape (row,)
        Residuals, whitened.
    basis : ndarray, shape (row, direction)
        Orthonormal basis of what was fitted to them.
    groups : ndarray of int, shape (row,)
    """
    left = left - basis @ (basis.T @ left)
    counts, seen = np.bincount(groups).astype(float), robust.summed(basis, groups)
    measured = float(np.sum(robust.summed(left, groups) ** 2) / (left @ left))
    n_left = len(left) - basis.shape[1]
    if len(counts) > MANY_GROUPS:
        from scipy.special import ndtr

        first = counts.sum() - np.sum(seen**2)
        second = np.sum(counts**2) - 2 * counts @ np.sum(seen**2, axis=1)
        second += np.sum((seen.T @ seen) ** 2)
        sd = np.sqrt(2 * (n_left * second - first**2) / (n_left + 2)) / n_left
        p_value = float(ndtr((first / n_left - measured) / sd))
    else:
        size = np.linalg.eigvalsh(np.diag(counts) - seen @ seen.T)
        size = size[size > 1e-9 * counts.max()][-n_left:]
        rng = np.random.default_rng(0)
        squares = rng.chisquare(1, (SIMULATED, len(size)))
        rest = n_left - len(size)
        others = rng.chisquare(rest, SIMULATED) if rest else np.zeros(SIMULATED)
        drawn = squares @ size / (squares.sum(axis=1) + others)
        p_value = float((1 + np.sum(drawn >= measured)) / (1 + SIMULATED))
    return p_value, robust.shared(robust.bias_reduced(left, basis, groups), groups)
