"""IsoFLOP valleys: a parabola per budget, and the line ln N* against ln C through their minima.

Hoffmann et al. (2022, arXiv:2203.15556), Approach 2. The status says when a parabola has no minimum
between its runs; the run with the lowest loss never replaces that minimum. Valleys are steeper
towards large models than towards small ones, which biases a wide parabola. So only the runs near
the lowest are fitted.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.results.verdict import Status
from isoloss.stats import parabola, student
from isoloss.stats.intervals import Estimate, estimate
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


@dataclass(frozen=True)
class Allocation:
    """N* = coefficient C**a, through the interior minima.

    Attributes
    ----------
    a, coefficient : Estimate
    valleys : tuple of Valley
    level : float
        Level of the intervals.
    drawn : ndarray, shape (draw, 2)
        a and ln(coefficient) of each draw.
    """

    a: Estimate
    coefficient: Estimate
    valleys: tuple[Valley, ...]
    level: float
    drawn: np.ndarray


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


def allocation(
    compute,
    n_params,
    loss,
    *,
    reach: float = REACH,
    level: float = 0.9,
    draws: int = 1000,
    seed: int = 0,
) -> Allocation:
    """Fit all budgets of a table and the line through their minima.

    Parameters
    ----------
    compute, n_params, loss : array, shape (row,)
        Rows of one budget have the same compute.

    Raises
    ------
    UserError
        Fewer than three budgets have a minimum between their runs.

    Notes
    -----
    The intervals are from a residual bootstrap. Residuals of all parabolas are divided by
    sqrt(1 - leverage) and by the least loss of their budget, and pooled. A draw adds residuals of
    the pool to each fitted parabola, and uses the valleys that then have an interior minimum.
    """
    compute, n_params, loss = (np.asarray(v, float) for v in (compute, n_params, loss))
    budgets = np.unique(compute)
    valleys = tuple(
        valley(float(c), n_params[compute == c], loss[compute == c], reach) for c in budgets
    )
    good = [v for v in valleys if v.status == INTERIOR]
    if len(good) < 3:
        counts = {v.status: sum(w.status == v.status for w in valleys) for v in valleys}
        text = ", ".join(f"{n} {status}" for status, n in counts.items())
        raise UserError(
            "isoflop",
            [
                f"three budgets with a minimum between their runs are needed; "
                f"of {len(valleys)} budgets: {text}"
            ],
        )
    a, log_coefficient = line([v.compute for v in good], [v.n_opt for v in good])
    sampled = _draws(good, draws, np.random.default_rng(seed))
    return Allocation(
        estimate(a, sampled[:, 0], level, ""),
        estimate(float(np.exp(log_coefficient)), np.exp(sampled[:, 1]), level, "parameters"),
        valleys,
        level,
        sampled,
    )


def _axis(n):
    middle = float(np.mean(np.log(n)))
    return np.log(n) - middle, middle


def _draws(good, draws, rng):
    fits, pool = [], []
    for v in good:
        x, middle = _axis(v.n_params)
        design = np.vander(x, 3)
        solve = parabola.solver(x)
        fitted = design @ (solve @ v.loss)
        pool.append(student.freed(v.loss - fitted, student.leverage(design)) / v.loss.min())
        fits.append((x, middle, solve, fitted))
    pool = np.concatenate(pool) - np.concatenate(pool).mean()
    minima = np.full((draws, len(good)), np.nan)
    for i, (v, (x, middle, solve, fitted)) in enumerate(zip(good, fits, strict=True)):
        noise = rng.choice(pool, size=(draws, len(x))) * v.loss.min()
        bend, slope, _ = ((fitted + noise) @ solve.T).T
        minima[:, i] = parabola.minimum_between(bend, slope, 0.0, x.min(), x.max())[0] + middle
    log_c = np.log([v.compute for v in good])
    lines = []
    for row in minima:
        here = np.isfinite(row)
        if here.sum() >= 3:
            lines.append(line(np.exp(log_c[here]), np.exp(row[here])))
    return np.array(lines).reshape(-1, 2)
