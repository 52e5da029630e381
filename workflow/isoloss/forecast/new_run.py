"""Prediction of one new run: the law's loss, with the noise of a run and the law's drift."""

from collections.abc import Mapping

import numpy as np

from isoloss.fit.below import log_losses
from isoloss.fit.problem import Problem
from isoloss.fit.result import FitResult
from isoloss.forecast.trials import alike, extent, shape_of, sizes
from isoloss.stats.intervals import bounds

SEED = 0
NEAR = 5.0  # in ln C: residuals of runs this much smaller count 1 / e for a new run
UNLIKE = 0.05  # what the residual of a run of quite another shape still counts
MORE = float(np.log(2))  # of ln C: so much more compute lowers the loss by more than noise


def run_noise(result: FitResult) -> np.ndarray:
    """The noise of ln L of one run, shape (row,): the residuals times sqrt(n / (n - p)).

    The factor undoes the shrinkage of the residuals by the p fitted parameters.
    """
    problem, law = result.problem, result.law
    misfit = problem.log_loss - law.log_loss(result.theta[None], problem.log_x)[0]
    free = max(1, result.n_rows - problem.n_free)
    return misfit * np.sqrt(result.n_rows / free)


def random_noise(result: FitResult, log_x: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """Noise of ln L of a new run at each point, shape (n, point).

    It is drawn from the residuals. Those of runs of like shape (D/N) and of the largest runs are
    drawn more often, because noise and misfit are not the same everywhere.
    """
    residual = run_noise(result)
    rows = result.problem.log_x
    size = np.zeros(result.n_rows) + extent(rows)  # a law of no size has an extent of zero
    shapes, own = shape_of(log_x), shape_of(rows)
    rng = np.random.default_rng(SEED)
    place = rng.random((n, len(next(iter(log_x.values())))))
    drawn = np.empty_like(place)
    for i in range(place.shape[1]):
        at_shape = None if shapes is None else shapes[i]
        weights = np.exp((size - size.max()) / NEAR) * alike(own, at_shape, UNLIKE)
        shares = np.cumsum(weights) / weights.sum()
        drawn[:, i] = residual[np.minimum(np.searchsorted(shares, place[:, i]), len(size) - 1)]
    return drawn


def of_new_run(
    result: FitResult, log_x: dict[str, np.ndarray], errors: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The loss of one new run at each of some points, and its interval.

    Parameters
    ----------
    log_x : dict of str to ndarray, shape (point,)
        ln of the law's variables.
    errors : ndarray, shape (draw, point), optional
        Random errors of ln L by the law's drift (`forecast.drift`). Without them, the interval
        holds no drift.

    Returns
    -------
    loss, lo, hi : ndarray, shape (point,)
        The ends are NaN where the fit has no draws, or the table does not determine the loss.
    """
    law = result.law
    with np.errstate(all="ignore"):
        loss = np.exp(law.log_loss(result.theta[None], log_x)[0])
        curves = log_losses(law, result.draws, log_x)
        noise = random_noise(result, log_x, len(curves))
        ends = bounds(np.exp(curves + noise + errors), result.level)
        lo, hi = (np.where(result.known_at(log_x), end, np.nan) for end in ends)
    return loss, lo, hi


def bounded(problem: Problem, log_x: Mapping[str, np.ndarray], at_optimum: bool) -> np.ndarray:
    """The most that the loss can be at each point, by the runs of at most half its compute.

    More parameters and more tokens lower the loss, by assumption. So a run bounds the points whose
    N and D are at least its own. At the optimum of its compute, it bounds all points of more.

    Returns
    -------
    ndarray, shape (point,)
        Infinite where no run bounds the loss, or the law's variables are not all sizes.
    """
    rows = problem.log_x
    most = np.full(len(next(iter(log_x.values()))), np.inf)
    if "x" in rows or set(rows) - set(sizes(rows)):
        return most
    smaller = extent(rows)[:, None] <= extent(log_x) - MORE
    if not at_optimum:
        for name, x in rows.items():
            smaller &= x[:, None] <= log_x[name] + 1e-9
    losses = np.where(smaller, problem.log_loss[:, None], np.inf)
    return np.exp(losses.min(axis=0))
