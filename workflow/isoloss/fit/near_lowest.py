"""A parabola through the runs near the lowest, and a line through minima.

The status says when a parabola has no minimum between its runs; the run with the lowest loss never
replaces that minimum. Valleys are lopsided, which biases a wide parabola. So only the runs near the
lowest are fitted. (`isoloss.fit.isoflop` fits valleys of several budgets in their own shape.)
"""

from dataclasses import dataclass

import numpy as np

from isoloss.results.verdict import Status
from isoloss.stats import parabola
from isoloss.stats.line import weighted

REACH = 2.0  # runs are fitted within this factor in N of the run with the lowest loss
WIDEST = 1.5  # times that reach, where it holds fewer than
MIN_RUNS = 4  # runs per parabola: one more than its coefficients
INTERIOR = "interior"
EDGE, NO_MINIMUM, FEW = Status.EDGE, Status.NO_MINIMUM, Status.TOO_FEW_RUNS


@dataclass(frozen=True)
class Valley:
    """The runs of one budget near its lowest loss, and their parabola in ln N.

    Attributes
    ----------
    compute : float
        FLOP.
    n_params, loss : ndarray, shape (run,)
        The runs fitted: those within a factor `reach` of the size with the lowest loss. Where
        these are fewer than four, the factor grows up to 1.5 times.
    status : str
        "interior" (the minimum lies between the runs), "edge" (beyond them), "no minimum" (opens
        downwards) or "too few runs".
    n_opt, loss_opt : float or None
        N and loss at the minimum; None unless the status is "interior".
    """

    compute: float
    n_params: np.ndarray
    loss: np.ndarray
    status: str
    n_opt: float | None
    loss_opt: float | None


def valley(compute: float, n_params, loss, reach: float = REACH) -> Valley:
    """Fit one budget's parabola."""
    order = np.argsort(n_params, kind="stable")
    n, loss = np.asarray(n_params, float)[order], np.asarray(loss, float)[order]
    away = np.abs(np.log(n / n[np.argmin(loss)]))
    fourth = np.sort(away)[min(MIN_RUNS, len(n)) - 1]
    near = away <= max(np.log(reach), min(fourth, np.log(WIDEST * reach))) + 1e-9
    n, loss = n[near], loss[near]
    if len(np.unique(n)) < MIN_RUNS:
        return Valley(compute, n, loss, FEW, None, None)
    x, middle = _axis(n)
    bend, slope, level = np.polyfit(x, loss, 2)
    if bend <= 0:
        return Valley(compute, n, loss, NO_MINIMUM, None, None)
    at, lowest = parabola.vertex(bend, slope, level)
    if not x.min() < at < x.max():
        return Valley(compute, n, loss, EDGE, None, None)
    return Valley(compute, n, loss, INTERIOR, float(np.exp(at + middle)), float(lowest))


def line(compute, n_opt, sd=None) -> tuple[float, float]:
    """a and ln(coefficient) of N* = coefficient C**a.

    Least squares of ln N* on ln C, with weights sd**-2 where the sd of ln N* is given.
    """
    return weighted(np.log(np.asarray(compute, float)), np.log(np.asarray(n_opt, float)), sd)


def _axis(n):
    middle = float(np.mean(np.log(n)))
    return np.log(n) - middle, middle
