"""Prediction of one new run: the law's loss, with the noise of a run and the law's drift."""

import numpy as np

from isoloss.fit.result import FitResult
from isoloss.stats.intervals import bounds

SEED = 0


def run_noise(result: FitResult) -> np.ndarray:
    """The noise of ln L of one run, shape (row,): the residuals times sqrt(n / (n - p)).

    The factor undoes the shrinkage of the residuals by the p fitted parameters.
    """
    problem, law = result.problem, result.law
    misfit = problem.log_loss - law.log_loss(result.theta[None], problem.log_x)[0]
    free = max(1, result.n_rows - problem.n_free)
    return misfit * np.sqrt(result.n_rows / free)


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
        curves = law.log_loss(result.draws, log_x)
        rng = np.random.default_rng(SEED)
        noise = rng.choice(run_noise(result), size=curves.shape)
        ends = bounds(np.exp(curves + noise + errors), result.level)
        lo, hi = (np.where(result.known_at(log_x), end, np.nan) for end in ends)
    return loss, lo, hi
