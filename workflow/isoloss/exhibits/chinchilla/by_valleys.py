"""Approach 2: a parabola in ln N at each compute, through losses of runs that end there.

Hoffmann et al. (2022, arXiv:2203.15556), Sec. 3.2. Runs of a grid of sizes and tokens do not end at
common budgets, so a parabola in ln D through the ln losses of each size stands between them; never
beyond them. A valley whose minimum does not lie between its sizes is reported as such.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.allocation import Allocation, Places, through
from isoloss.exhibits.chinchilla.design import FEWEST_SIZES, Design
from isoloss.exhibits.chinchilla.noise import Draws
from isoloss.fit.isoflop import INTERIOR, Valley, valley
from isoloss.stats import parabola
from isoloss.stats.interpolation import spline_beyond

FINE = 1000  # budgets among which those of the valleys are chosen


@dataclass(frozen=True)
class DrawnValley:
    """A valley and the minima of its draws: ln N*, and the loss there, NaN where there is none.

    Row 0 of the draws is the valley of the smooth losses.
    """

    valley: Valley
    log_n: np.ndarray
    loss: np.ndarray


def valleys(
    design: Design, draws: Draws, count: str, levels: int, reach: float
) -> list[DrawnValley]:
    """A valley for each of `levels` budgets, evenly spaced in ln C where four sizes reach."""
    between = [_between(design, i) for i in range(design.n_sizes)]
    log_k, log_n = design.log_k[count], design.log_n[count]
    spans = [(k + low, k + high) for k, (low, high, _) in zip(log_k, between, strict=True)]
    found = []
    for log_c in _levels(spans, levels):
        reached = [i for i, (low, high) in enumerate(spans) if low <= log_c <= high]
        rows = np.stack([between[i][2](log_c - log_k[i]) for i in reached])
        one = valley(float(np.exp(log_c)), np.exp(log_n[reached]),
                     np.exp(rows @ design.log_loss), reach)  # fmt: skip
        kept = np.isin(np.round(log_n[reached], 9), np.round(np.log(one.n_params), 9))
        drawn = np.exp((draws.smooth + draws.runs) @ rows[kept].T)
        found.append(DrawnValley(one, *_minima(one, drawn)))
    return found


def second_approach(
    design: Design, draws: Draws, count: str, where: str, levels: int, reach: float
) -> tuple[Allocation, list[DrawnValley]]:
    """The lines through the minima of the valleys, and the valleys.

    Raises
    ------
    UserError
        Fewer than three valleys have a minimum between their sizes.
    """
    found = valleys(design, draws, count, levels, reach)
    good = [one for one in found if one.valley.status == INTERIOR]
    if len(good) < 3:
        statuses = [one.valley.status for one in found]
        counts = ", ".join(f"{statuses.count(s)} {s}" for s in sorted(set(statuses))) or "none"
        raise UserError(
            where, [f"three budgets with a minimum between their sizes are needed; found {counts}"]
        )
    log_c = np.log([one.valley.compute for one in good])
    log_n = np.log([one.valley.n_opt for one in good])
    drawn = np.stack([one.log_n for one in good], axis=1)
    places = Places(log_c, log_n, log_c - per_token(design, count, log_n), log_c[None], drawn,
                    log_c - per_token(design, count, drawn))  # fmt: skip
    return through(2, places, design.ids, where), found


def per_token(design: Design, count: str, log_n: np.ndarray) -> np.ndarray:
    """ln of the FLOPs per token at ln N, between and beyond the design's sizes."""
    return spline_beyond(log_n, design.log_n[count], design.log_k[count])


def _between(design, i):
    """The range of ln D of a size, and what gives its ln loss at ln D as weights of all runs."""
    here = np.flatnonzero(design.size == i)
    x = design.log_d[here]
    middle = x.mean()
    powers = min(3, len(np.unique(np.round(x, 9))))
    solve = np.linalg.pinv(np.vander(x - middle, powers))

    def weights(at):
        row = np.zeros(len(design.size))
        row[here] = np.vander([at - middle], powers)[0] @ solve
        return row

    return x.min(), x.max(), weights


def _levels(spans, count):
    """Budgets spaced evenly over those that four sizes reach: between them there may be gaps."""
    fine = np.linspace(np.min(spans), np.max(spans), FINE)
    low, high = np.array(spans).T[..., None]
    good = fine[((low <= fine) & (fine <= high)).sum(axis=0) >= FEWEST_SIZES]
    if not len(good):
        return []
    return good[np.round((np.arange(count) + 0.5) / count * len(good) - 0.5).astype(int)]


def _minima(one: Valley, losses: np.ndarray):
    """Minima of the parabolas through drawn losses, shape (draw, size), where they are interior."""
    x = np.log(one.n_params)
    middle = x.mean()
    nothing = np.full(len(losses), np.nan)
    if one.status != INTERIOR:
        return nothing, nothing
    coefficients = (losses @ parabola.solver(x - middle).T).T
    at, lowest = parabola.minimum_between(*coefficients, x.min() - middle, x.max() - middle)
    return at + middle, lowest
