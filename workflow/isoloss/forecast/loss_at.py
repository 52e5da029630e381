"""The loss of one law at points, apart: its value, its draws, and what a new run adds.

An average takes the middle of a law's draws, not the law as fitted. Where a few runs hardly
determine a law, its fit may say something extreme, and a small change of the runs another thing:
the middle of refits is the steadier forecast (bagging; Breiman 1996, Mach. Learn. 24, 123). That
was chosen on forecasts of runs of middle size (docs/performance-fit.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from isoloss.fit.below import NOTHING, log_losses
from isoloss.forecast.new_run import random_noise


@dataclass(frozen=True)
class LossAt:
    """ln L of one law at points: the middle, draws, noise of runs, and errors by drift."""

    middle: np.ndarray
    draws: np.ndarray
    noise: np.ndarray
    errors: np.ndarray

    RANDOM: ClassVar = ("draws", "noise", "errors")


def loss_at(member: Any, log_x: Mapping[str, np.ndarray], alone: bool = False) -> LossAt:
    """What one law (an `average.Member`) says at points, given as ln of its variables.

    Parameters
    ----------
    alone : bool
        Whether no other law is asked. Its middle is then the law as fitted.
    """
    result = member.result
    curves = _curves(result, log_x)
    noise = random_noise(result, log_x, len(curves))
    errors = 0.0 if member.drift is None else member.drift.errors(result, log_x)
    errors = np.broadcast_to(errors, curves.shape)
    return LossAt(_middle(result, log_x, curves[: 0 if alone else None]), curves, noise, errors)


def middle_at(member: Any, log_x: Mapping[str, np.ndarray], alone: bool) -> np.ndarray:
    """The middle of `loss_at`, shape (point,)."""
    curves = np.empty((0, 0)) if alone else _curves(member.result, log_x)
    return _middle(member.result, log_x, curves)


@np.errstate(all="ignore")
def _curves(result, log_x):
    """ln L of each draw, shape (draw, point); NaN where the table does not determine it."""
    return np.where(result.known_at(log_x), log_losses(result.law, result.draws, log_x), np.nan)


@np.errstate(all="ignore")
def _middle(result, log_x, curves):
    """The median of the draws at each point; the law as fitted where there is none above zero."""
    middle = np.array(result.law.log_loss(result.theta[None], log_x)[0])
    if len(curves):
        some = np.isfinite(middle) & np.isfinite(curves).any(axis=0)
        median = np.nanmedian(curves[:, some], axis=0)
        middle[some] = np.where(median > NOTHING / 2, median, middle[some])
    return middle
