"""The loss of one law at points, apart: its value, its draws, and what a new run adds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from isoloss.forecast.new_run import random_noise


@dataclass(frozen=True)
class LossAt:
    """ln L of one law at points: its value, draws, noise of runs, and errors by drift."""

    at: np.ndarray
    draws: np.ndarray
    noise: np.ndarray
    errors: np.ndarray

    RANDOM: ClassVar = ("draws", "noise", "errors")


def loss_at(member: Any, log_x: Mapping[str, np.ndarray]) -> LossAt:
    """What one law (an `average.Member`) says at points, given as ln of its variables."""
    result = member.result
    with np.errstate(all="ignore"):
        at = result.law.log_loss(result.theta[None], log_x)[0]
        curves = result.law.log_loss(result.draws, log_x)
    curves = np.where(result.known_at(log_x), curves, np.nan)
    noise = random_noise(result, log_x, len(curves))
    errors = 0.0 if member.drift is None else member.drift.errors(result, log_x)
    return LossAt(at, curves, noise, np.broadcast_to(errors, curves.shape))
