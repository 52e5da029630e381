"""The lowest loss and the best size for each budget, with the draws of their intervals.

At each budget a parabola ln L(ln N) goes through the sizes, those near its bottom counting most.
(`fit.near_lowest` takes the sizes within a factor of the best: too few on a coarse grid.) A draw
moves the whole curve of a size by one random factor: the points of a curve are not independent
of each other, curves of different sizes are. How far they move is what the parabolas leave
unexplained, or the scatter over seeds where that is larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.exhibits.kaplan.size_curves import FEWEST_SIZES, SizeCurve
from isoloss.results import Status, Verdict
from isoloss.stats import parabola, student
from isoloss.stats.line import through_rows

DRAWS, SEED = 400, 0
FEWEST_LEVELS = 3
CENTRED = 4  # times that a parabola is centred anew on its own bottom
TRIED = 240  # budgets that are tried, to see where the best size lies inside the grid
FEWEST_TO_BEND = 5  # budgets from which a bend is looked for
SURE = 0.02  # chance of a bend where there is none
MATERIAL = 0.25  # change of the local exponent that counts, as a share of its middle
LOST = 0.1  # share of draws without a frontier beyond which it is not identified


@dataclass(frozen=True)
class Frontier:
    """Optima at some budgets; the first row of each array is the estimate, the others draws.

    Attributes
    ----------
    compute : ndarray, shape (level,)
        PF-days, without embeddings.
    n_params, loss : ndarray, shape (1 + draw, level)
        NaN where a draw's best size lies beyond those of its valley.
    version : ndarray of int, shape (1 + draw,)
        Which version of the curves each row was made from.
    sd : float
        Of ln L of a whole curve.
    runs : tuple of str
    """

    compute: np.ndarray
    n_params: np.ndarray
    loss: np.ndarray
    version: np.ndarray
    sd: float
    runs: tuple[str, ...]

    def power(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """p and ln(c) of values = c C**p, each of shape (1 + draw,)."""
        return through_rows(np.log(self.compute), np.log(values))

    def bend(self, values: np.ndarray) -> Verdict | None:
        """Why values are no power of C, or None: a parabola in logs that bends, surely and much."""
        x = np.log(self.compute / self.compute[0])
        if len(x) < FEWEST_TO_BEND:
            return None
        logs = np.log(values)
        curved = np.array([
            np.polyfit(x[seen], row[seen], 2)[:2] if seen.sum() > 3 else (np.nan, np.nan)
            for row, seen in zip(logs, np.isfinite(logs), strict=True)
        ])  # fmt: skip
        lo, hi = np.nanquantile(curved[1:, 0], [SURE / 2, 1 - SURE / 2])
        first, last = curved[0, 1], curved[0, 1] + 2 * curved[0, 0] * x[-1]
        if lo <= 0 <= hi or abs(last - first) <= MATERIAL * abs(first + last) / 2:
            return None
        reason = f"the local exponent goes from {abs(first):.2g} to {abs(last):.2g}"
        return Verdict(Status.NOT_A_POWER_LAW, reason)

    def local_exponents(self, values: np.ndarray) -> tuple[float, float] | None:
        """d ln value / d ln C at the least and the most compute, or None of few budgets.

        `values` has one value for each budget. The slope is that of a parabola in logs.
        """
        x, seen = np.log(self.compute / self.compute[0]), np.isfinite(values)
        if seen.sum() < FEWEST_TO_BEND:
            return None
        bend, first, _ = np.polyfit(x[seen], np.log(values[seen]), 2)
        return float(first), float(first + 2 * bend * x[-1])


@dataclass(frozen=True)
class Valley:
    """A parabola in ln N through the sizes that reach a budget, the nearer ones counting more.

    Attributes
    ----------
    chosen : ndarray of int
        The sizes.
    x, weight : ndarray, shape (size,)
        ln N about `middle`, and how much each counts.
    solve : ndarray, shape (3, size)
        What makes the coefficients of the parabola from the heights.
    """

    chosen: np.ndarray
    x: np.ndarray
    weight: np.ndarray
    middle: float
    solve: np.ndarray

    def unexplained(self, heights: np.ndarray) -> tuple[float, float]:
        """Weighted squares that the parabola leaves, and the same if the variance were one."""
        design, own = np.vander(self.x, 3), heights[self.chosen]
        squares = np.sum(self.weight * (own - design @ (self.solve @ own)) ** 2)
        taken = np.trace(self.solve @ (self.weight[:, None] * design))
        return float(squares), float(self.weight.sum() - taken)

    def lowest(self, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln N and height of the bottom, for heights of shape (..., size); NaN beyond the sizes."""
        bend, slope, height = np.moveaxis(heights[..., self.chosen] @ self.solve.T, -1, 0)
        at, bottom = parabola.minimum_between(
            bend, slope, height, self.x.min(), self.x.max(), ends=True
        )
        return at + self.middle, bottom


def frontier(
    versions: Sequence[Sequence[SizeCurve]], n_levels: int, width: float, seed_sd: float, where: str
) -> Frontier:
    """Find the optima.

    Parameters
    ----------
    versions : sequence of sequence of SizeCurve
        The curves of the sizes; then the same for draws of B_crit, taken in turn (or nothing).
    seed_sd : float
        Standard deviation of ln L over seeds, 0 where it was not measured.

    Raises
    ------
    UserError
        The best size lies inside the grid at too few budgets.
    """
    curves = versions[0]
    compute, valleys = _budgets(curves, n_levels, width, where)
    loss = _losses(curves, compute)
    rng = np.random.default_rng(SEED)
    sd = max(_unexplained(valleys, loss), seed_sd)
    freedom = max(len(curves) - 3, 1)
    factors = rng.standard_normal((DRAWS, len(curves))) * student.scales(freedom, DRAWS, rng)
    # Another B_crit moves the ends of the curves a little: what they no longer reach stays.
    others = [_losses(version, compute) for version in versions[1:]] or [loss]
    others = [np.where(np.isfinite(other), other, loss) for other in others]
    sampled = np.stack([others[i % len(others)] for i in range(DRAWS)])
    tables = np.concatenate([loss[None], sampled + sd * factors[:, None]])
    lowest = [found.lowest(tables[:, level]) for level, found in enumerate(valleys)]
    log_n, best = (np.stack(values, axis=1) for values in zip(*lowest, strict=True))
    good = np.isfinite(log_n).sum(axis=1) >= max(FEWEST_LEVELS, len(compute) / 2)
    if np.mean(~good) > LOST:
        share = f"{np.mean(~good):.0%} of the draws"
        raise UserError(where, [f"{share} have no best size inside the grid at most budgets"])
    version = np.concatenate([[0], np.arange(DRAWS) % len(others) + (len(versions) > 1)])
    runs = tuple(run_id for curve in curves for run_id in curve.runs)
    return Frontier(compute, np.exp(log_n[good]), np.exp(best[good]), version[good], sd, runs)


def _losses(curves, compute) -> np.ndarray:
    """ln L, shape (level, size); NaN where a curve does not reach."""
    return np.log(np.stack([curve.at("compute", compute) for curve in curves], axis=1))


def _budgets(curves, n_levels, width, where) -> tuple[np.ndarray, list[Valley]]:
    """Budgets, evenly spaced in log compute, whose best size lies inside; and their valleys."""
    log_n = np.log([curve.n_params for curve in curves])
    low = np.sort([curve.compute[0] for curve in curves])[FEWEST_SIZES - 1]
    high = np.sort([curve.compute[-1] for curve in curves])[-FEWEST_SIZES]
    if low < high:
        tried = np.geomspace(low, high, TRIED)
        inside = [found is not None for found in _valleys(log_n, _losses(curves, tried), width)]
        if sum(inside) >= FEWEST_LEVELS:
            compute = np.geomspace(*tried[np.flatnonzero(inside)[[0, -1]]], n_levels)
            found = _valleys(log_n, _losses(curves, compute), width)
            kept = [i for i, one in enumerate(found) if one is not None]
            if len(kept) >= FEWEST_LEVELS:
                return compute[kept], [found[i] for i in kept]
    raise UserError(where, ["the best size lies between the sizes of the grid at too few budgets"])


def _valleys(log_n, losses, width) -> list[Valley | None]:
    return [valley(log_n, row, width) for row in losses]


def valley(log_n: np.ndarray, heights: np.ndarray, width: float) -> Valley | None:
    """The parabola around the lowest height; None where it has no bottom between the sizes.

    A size counts exp(-d^2 / 2), with d the distance of its ln N from the bottom over ln(width).
    """
    seen = np.flatnonzero(np.isfinite(heights))
    if len(seen) < FEWEST_SIZES:
        return None
    best = seen[np.argmin(heights[seen])]
    if best in (seen[0], seen[-1]):
        return None
    middle = float(log_n[best])
    for _ in range(CENTRED):
        x = log_n[seen] - middle
        weight = np.exp(-0.5 * (x / np.log(width)) ** 2)
        found = Valley(seen, x, weight, middle, parabola.solver(x, weight))
        middle = float(found.lowest(heights)[0])
        if not np.isfinite(middle):
            return None
    return found


def _unexplained(valleys, losses) -> float:
    """Standard deviation of ln L about all parabolas together."""
    parts = [found.unexplained(loss) for found, loss in zip(valleys, losses, strict=True)]
    squares, freedom = np.sum(parts, axis=0)
    return float(np.sqrt(squares / freedom))
