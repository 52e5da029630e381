"""Where a path reaches a loss: the compute at which the curve of each draw first falls to it."""

import numpy as np

from isoloss.fit.below import log_losses
from isoloss.forecast.average import Averaged
from isoloss.forecast.loss_at import middle_at
from isoloss.forecast.mixture import picked_of
from isoloss.forecast.paths import Path, steps
from isoloss.forecast.trials import shape_of
from isoloss.laws.base import Law
from isoloss.stats.intervals import bounds

NEVER = 1e6  # ln C of a draw that never reaches a loss: beyond all that can
FINER, AGAIN = 11, 3  # places between two steps where a crossing is sought again, and how often


def law_of(averaged: Averaged) -> Law:
    """One of the averaged laws; all have the same variables."""
    return averaged.members[0].result.law


def mean_curve(averaged: Averaged, path: Path, log_c: np.ndarray) -> np.ndarray:
    """The averaged ln L along a path, shape (point,)."""
    log_x = path.points(log_c, law_of(averaged))
    there = np.isfinite(log_x["n_tokens"])
    some = {name: x[there] for name, x in log_x.items()}
    alone = len(averaged.members) == 1
    said = np.array([middle_at(member, some, alone) for member in averaged.members])
    found = np.full(len(log_c), np.nan)
    if not alone:
        weights = np.array([averaged.weights_at(shape) for shape in shape_of(some).tolist()])
        said = np.sum(weights.T * said, axis=0, keepdims=True)
    found[there] = np.where(np.isfinite(said[0]), said[0], np.nan)
    return found


def curve_draws(
    averaged: Averaged, place: int, path: Path, log_c: np.ndarray, side: np.ndarray | None = None
) -> np.ndarray:
    """ln L of one law along a path with its drift, for each draw, shape (draw, point).

    `side` is that of `Drift.errors`.
    """
    member = averaged.members[place]
    result = member.result
    log_x = path.points(log_c, law_of(averaged))
    curves = log_losses(result.law, result.draws, log_x)
    there = np.isfinite(log_x["n_tokens"])
    known = np.zeros(len(log_c), bool)
    some = {name: x[there] for name, x in log_x.items()}
    known[there] = result.known_at(some)
    if member.drift is not None and there.any():
        curves[:, there] += member.drift.errors(result, some, side)
    return np.where(known, curves, np.nan)


def crossings(log_c: np.ndarray, curves: np.ndarray, target) -> np.ndarray:
    """ln C where each curve first falls to a target, shape (draw,).

    It is `NEVER` for a curve that does not, and NaN for one that is unknown everywhere.

    Parameters
    ----------
    curves : ndarray, shape (draw, point)
    target : float or ndarray, shape (draw,)
    """
    target = np.broadcast_to(target, len(curves))
    below = curves <= target[:, None]
    first = below.argmax(axis=1)
    rows, before = np.arange(len(curves)), np.maximum(first - 1, 0)
    high, low = curves[rows, before], curves[rows, first]
    with np.errstate(all="ignore"):
        share = np.where(high > low, (high - target) / (high - low), 1.0)
    share = np.where(np.isfinite(share), share, 1.0)
    at = log_c[before] + share * (log_c[first] - log_c[before])
    at = np.where(below.any(axis=1), at, NEVER)
    return np.where(np.isnan(curves).all(axis=1), np.nan, at)


def reached_by(
    averaged: Averaged, path: Path, log_c: np.ndarray, middle: np.ndarray, target: float
) -> float:
    """ln C where the averaged curve first falls to a target; infinite if it never does.

    Parameters
    ----------
    log_c, middle : ndarray, shape (point,)
        ln C, and `mean_curve` there.
    target : float
        ln of the loss.
    """
    below = middle <= target
    if not below.any():
        return np.inf
    first = int(below.argmax())
    if first == 0 or np.isnan(middle[first - 1]):
        return float(log_c[first])
    low, high = log_c[first - 1], log_c[first]
    for _ in range(AGAIN):
        finer = np.linspace(low, high, FINER)
        curve = mean_curve(averaged, path, finer)
        at = float(crossings(finer, curve[None], target)[0])
        step = int(np.clip(np.searchsorted(finer, at), 1, FINER - 1))
        low, high = finer[step - 1], finer[step]
    return at


def mixed(
    averaged: Averaged, path: Path, log_c: float, by_law: list[np.ndarray]
) -> tuple[float, float, float]:
    """The interval of ln C over the laws' draws, and the share of them that never reach.

    An open end is `NEVER`; both are NaN where the runs do not determine the loss.

    Parameters
    ----------
    log_c : float
        Where the weights of the laws are taken.
    by_law : list of ndarray, shape (draw,)
        `crossings` of each law.
    """
    log_x = path.points(np.array([log_c]), law_of(averaged))
    weights = averaged.weights_at(float(shape_of(log_x)[0]))
    draws = np.concatenate([picked_of(one, w) for one, w in zip(by_law, weights, strict=True)])
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return np.nan, np.nan, 0.0
    lo, hi = bounds(draws, averaged.level)
    top = steps(averaged, path.flops_per_param_token, path.served)[-1]
    lo, hi = (NEVER if end > top else float(end) for end in (lo, hi))
    return lo, hi, float(np.mean(draws >= NEVER))
