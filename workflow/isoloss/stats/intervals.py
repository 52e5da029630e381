"""Intervals from draws: central quantiles and standard errors."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from isoloss.stats.spread import standard_error

LEVEL = 0.9  # of the intervals of a study


@dataclass(frozen=True)
class Estimate:
    """A value, its interval (None where there is none), its standard error, and its unit.

    The standard error is half the distance between the 16th and the 84th percentile of the draws.
    It equals the standard deviation of normal draws, and is robust against outliers.
    """

    value: float
    lo: float | None
    hi: float | None
    se: float | None
    unit: str


def bounds(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The central interval of the draws along the first axis; NaN where there are too few.

    The ends are Weibull's quantiles: a further draw falls between them with probability `level`,
    for any number of draws. The usual quantiles make the interval of 200 draws 1 % too narrow.
    Weibull's quantiles need at least `fewest_draws` draws.
    """
    if len(draws) < fewest_draws(level):
        nothing = np.full(draws.shape[1:], np.nan)
        return nothing, nothing
    shares = [(1 - level) / 2, (1 + level) / 2]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")
        lo, hi = np.nanquantile(draws, shares, axis=0, method="weibull")
    return lo, hi


def fewest_draws(level: float) -> int:
    """The least number of draws for an interval: 19 for 90 %."""
    return max(1, math.ceil(2 / (1 - level) - 1 - 1e-9))


def estimate(value: float, draws: np.ndarray, level: float, unit: str) -> Estimate:
    """A value with the interval and the standard error of its draws."""
    draws = draws[np.isfinite(draws)]
    if len(draws) < fewest_draws(level):
        return Estimate(float(value), None, None, None, unit)
    lo, hi = bounds(draws, level)
    return Estimate(float(value), float(lo), float(hi), float(standard_error(draws)), unit)
