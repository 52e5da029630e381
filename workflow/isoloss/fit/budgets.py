"""Budgets that runs share: which runs were meant to take the same compute.

Training ends at whole steps, so runs of one budget may differ by a few per cent in C. They are
grouped, and their losses are moved to the budget of the group. At the optimum dL / d ln C at
fixed N is that along the frontier (the envelope theorem), which the lowest losses of the groups
show.
"""

from dataclasses import dataclass

import numpy as np

GAPS = (0.02, 0.05, 0.1, 0.2)  # of ln C between two groups; the finest that does as well
WIDEST = 0.25  # range of ln C in a group
ROUNDING = 0.02  # of ln C in a group: losses are not moved for less
FEWEST_BENT = 4  # groups from which on the frontier may be bent


@dataclass(frozen=True)
class Budgets:
    """Runs by their budgets.

    Attributes
    ----------
    compute : ndarray, shape (run,)
        The budget of the run's group: the geometric mean of C.
    loss : ndarray, shape (run,)
        The loss, moved to that budget where C differs by more than rounding.
    spread : float
        Largest C of a group over its smallest, less 1.
    """

    compute: np.ndarray
    loss: np.ndarray
    spread: float


def grouped(compute, n_params, loss, fewest: int) -> Budgets:
    """Group runs by compute, so that as many as can be are in groups of `fewest` sizes.

    Parameters
    ----------
    compute, n_params, loss : array, shape (run,)
        FLOP, parameters and loss.
    fewest : int
        Sizes that a budget needs.
    """
    log_c = np.log(np.asarray(compute, float))
    n_params, loss = np.asarray(n_params, float), np.asarray(loss, float)
    best, kept = None, -1
    for gap in GAPS:
        group = _groups(log_c, gap)
        here = sum(
            len(rows)
            for rows in (np.flatnonzero(group == g) for g in np.unique(group))
            if np.ptp(log_c[rows]) <= WIDEST and len(np.unique(n_params[rows])) >= fewest
        )
        if here > kept:
            best, kept = group, here
    middle = np.array([log_c[best == g].mean() for g in np.unique(best)])
    spread = max(float(np.ptp(log_c[best == g])) for g in np.unique(best))
    moved = loss
    if ROUNDING < spread <= WIDEST and len(middle) > 1:
        least = np.log([loss[best == g].min() for g in np.unique(best)])
        degree = 2 if len(middle) >= FEWEST_BENT else 1
        frontier = np.polyfit(middle - middle.mean(), least, degree)
        along = np.polyval(np.polyder(frontier), middle - middle.mean())[best]
        moved = loss * np.exp(along * (middle[best] - log_c))
    return Budgets(np.exp(middle[best]), moved, float(np.expm1(spread)))


def _groups(log_c: np.ndarray, gap: float) -> np.ndarray:
    """A number for each run, by rising compute: a new one after each gap."""
    order = np.argsort(log_c, kind="stable")
    group = np.empty(len(log_c), dtype=int)
    group[order] = np.concatenate([[0], np.cumsum(np.diff(log_c[order]) > gap)])
    return group
