"""Approach 1: which size has the least loss at each compute, along learning curves.

Hoffmann et al. (2022, arXiv:2203.15556), Sec. 3.1, with curves at a constant rate, so that no
schedule favours a length. With few sizes the winners are stairs, whose slope is too small by
1 / (number of stairs)**2; so the line is drawn through the places where one size takes over from
another. There both lose alike, and the optimum lies midway between them in ln N.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.allocation import Allocation, Places, through
from isoloss.exhibits.chinchilla.design import FEWEST_SIZES, Design
from isoloss.exhibits.chinchilla.noise import Draws, best_polynomial
from isoloss.stats.parabola import vertex_of_three

N_BUDGETS = 600
SPAN = 0.7  # ln D about a point over which a curve is smoothed


@dataclass(frozen=True)
class Envelope:
    """Smoothed learning curves on common budgets.

    Attributes
    ----------
    log_c : ndarray, shape (budget,)
    log_loss : ndarray, shape (size, budget)
        NaN where a size has no curve.
    drawn : ndarray, shape (1 + draw, size, budget)
        With the luck of each size taken off (row 0), and new luck.
    winner : ndarray of int, shape (budget,)
        The size with the least loss.
    """

    count: str
    log_c: np.ndarray
    log_loss: np.ndarray
    drawn: np.ndarray
    winner: np.ndarray


def envelope(design: Design, draws: Draws, count: str, where: str) -> Envelope:
    """Every size's curve on common budgets, and the least of them.

    Raises
    ------
    UserError
        Fewer than four sizes have a learning curve at a constant rate.
    """
    curves = {i: curve for i, curve in enumerate(design.curves) if curve is not None}
    if len(curves) < FEWEST_SIZES:
        found = f"{len(curves)} size" + ("" if len(curves) == 1 else "s")
        raise UserError(
            where,
            [f"four sizes with a learning curve at a constant rate are needed; found {found}"],
        )
    log_k = design.log_k[count]
    ends = [(log_k[i] + c.log_d[0], log_k[i] + c.log_d[-1]) for i, c in curves.items()]
    log_c = np.linspace(min(e[0] for e in ends), max(e[1] for e in ends), N_BUDGETS)
    log_loss = np.full((design.n_sizes, N_BUDGETS), np.nan)
    drawn = np.full((len(draws), design.n_sizes, N_BUDGETS), np.nan)
    luck = _luck(design, curves)
    for i, curve in curves.items():
        at = log_c - log_k[i]
        inside = (at >= curve.log_d[0]) & (at <= curve.log_d[-1])
        log_loss[i, inside] = smoothed(curve.log_d, curve.log_loss, at[inside])
        drawn[:, i, inside] = log_loss[i, inside] - luck[i] + draws.runs[:, curve.run, None]
    return Envelope(count, log_c, log_loss, drawn, _winners(log_loss[None])[0])


def _luck(design, curves) -> dict[int, float]:
    """By how much each size's curve lies above a polynomial through all curves, on average."""
    size = np.concatenate([np.full(len(c.log_d), i) for i, c in curves.items()])
    log_d, log_loss = (
        np.concatenate([getattr(c, name) for c in curves.values()])
        for name in ("log_d", "log_loss")
    )
    log_n = design.log_n["embeddings"][size]
    columns, _ = best_polynomial(log_n, log_d, log_loss)
    left = log_loss - columns @ np.linalg.lstsq(columns, log_loss, rcond=None)[0]
    return {i: float(left[size == i].mean()) for i in curves}


def smoothed(x: np.ndarray, y: np.ndarray, at: np.ndarray, span: float = SPAN) -> np.ndarray:
    """Local lines with tricube weights (Cleveland 1979), and as wide as four points need."""
    away = x[None] - at[:, None]
    fourth = np.sort(np.abs(away), axis=1)[:, min(3, len(x) - 1)]
    reach = np.maximum(span, 1.01 * fourth)[:, None]
    weight = np.clip(1 - np.abs(away / reach) ** 3, 0, None) ** 3
    total = weight.sum(axis=1)
    mean_x, mean_y = (weight * away).sum(axis=1) / total, (weight * y).sum(axis=1) / total
    centred = away - mean_x[:, None]
    slope = (weight * centred * y).sum(axis=1) / (weight * centred**2).sum(axis=1)
    return mean_y - slope * mean_x


def first_approach(design: Design, draws: Draws, count: str, where: str) -> Allocation:
    """The lines through the places where one size takes over from another.

    Raises
    ------
    UserError
        Too few curves, or fewer than three such places.
    """
    found = envelope(design, draws, count, where)
    log_n, log_k = design.log_n[count], design.log_k[count]
    measured = handovers(found.log_c, found.log_loss)
    n_pairs = design.n_sizes * (design.n_sizes - 1) // 2
    pairs = [(i, j) for j in range(design.n_sizes) for i in range(j)]
    drawn = np.full((len(draws), n_pairs), np.nan)
    for row, log_loss in zip(drawn, found.drawn, strict=True):
        of_draw = handovers(found.log_c, log_loss)
        row[:] = [of_draw.get(pair, np.nan) for pair in pairs]
    middle_n = np.array([(log_n[i] + log_n[j]) / 2 for i, j in pairs])
    middle_k = np.array([(log_k[i] + log_k[j]) / 2 for i, j in pairs])
    at = np.array([measured.get(pair, np.nan) for pair in pairs])
    here = np.isfinite(at)
    places = Places(at[here], middle_n[here], at[here] - middle_k[here], *(
        drawn, np.where(np.isfinite(drawn), middle_n, np.nan), drawn - middle_k
    ))  # fmt: skip
    return through(1, places, design.curve_ids, where, steep=True)


def handovers(log_c: np.ndarray, log_loss: np.ndarray) -> dict[tuple[int, int], float]:
    """(smaller size, larger size) -> ln C at which the larger takes over, shape as `Envelope`.

    Only where both have a curve on both sides: a curve that merely begins or ends there says
    nothing. Several crossings of the same two count once, at their mean.
    """
    winner = _winners(log_loss[None])[0]
    found: dict[tuple[int, int], list[float]] = {}
    for k in np.flatnonzero(winner[1:] != winner[:-1]):
        i, j = winner[k], winner[k + 1]
        gap = log_loss[i, k : k + 2] - log_loss[j, k : k + 2]
        if i >= 0 and j >= 0 and np.isfinite(gap).all():
            share = gap[0] / (gap[0] - gap[1])
            at = log_c[k] + share * (log_c[k + 1] - log_c[k])
            found.setdefault((int(min(i, j)), int(max(i, j))), []).append(at)
    return {pair: float(np.mean(at)) for pair, at in found.items()}


def frontier(found: Envelope, log_n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln N* at every budget, measured and drawn: a parabola through the winner and its neighbours.

    NaN where the winner has not both neighbours' curves beside it: there the least loss may lie
    beyond the sizes.
    """
    return _vertex(found.log_loss[None], log_n)[0], _vertex(found.drawn, log_n)


def _vertex(log_loss, log_n):
    winner = _winners(log_loss)
    inside = (winner > 0) & (winner < len(log_n) - 1)
    middle = np.where(inside, winner, 1)
    y = [np.take_along_axis(log_loss, (middle + k)[:, None], axis=1)[:, 0] for k in (-1, 0, 1)]
    x = [log_n[middle + k] for k in (-1, 0, 1)]
    return np.where(inside, vertex_of_three(x, y), np.nan)


def _winners(log_loss):
    """The size with the least loss, shape (draw, budget); -1 where no size has a curve."""
    filled = np.where(np.isfinite(log_loss), log_loss, np.inf)
    return np.where(np.isfinite(filled).any(axis=1), filled.argmin(axis=1), -1)
