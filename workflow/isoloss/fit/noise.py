"""A noise model of a table: the standard deviation of each row, and its uncertainty."""

from dataclasses import dataclass

import numpy as np

from isoloss.stats import student
from isoloss.stats.spread import root_mean_square

ROUNDS = 6  # of weighted fit and variance model; both settle in three or four
SLOPE_LIMIT = 8.0
PRIOR = (1.25, 1.0)  # mean and standard deviation of the slope before the residuals are seen
# Times the median loss: above it, the model's noise stops growing. Else a loss that falls through
# decades would leave most rows without any noise, and every interval without width.
MOST_LEVEL = 4.0
DOUBT = 2.2  # times the slope's standard error: noise is only roughly log-linear in the loss


@dataclass(frozen=True)
class Noise:
    """ln(standard deviation of ln L) = ln sd + slope * level, the slope with a weak prior.

    Seeds differ more where the loss is high: Porian et al. (2024, arXiv:2406.19146) use a standard
    deviation of .002 at a loss of 3 and below, .05 at 7 and above. A handful of rows cannot show
    that, so the slope has a normal prior: 1.25 per median loss, with standard deviation 1. `PRIOR`
    and `DOUBT` were chosen on simulated tables (docs/performance-fit.md).

    Attributes
    ----------
    level : ndarray, shape (row,)
        Fitted loss over its median, at most `MOST_LEVEL`, minus its mean.
    sd, slope, slope_se : float
    freedom : float
        Degrees of freedom of `sd`: rows minus parameters, minus the rows' share in the slope.
    unit : ndarray, shape (row,)
        Residuals divided by their standard deviation and freed of leverage: mean 0, variance 1.
    """

    level: np.ndarray
    sd: float
    slope: float
    slope_se: float
    freedom: float
    unit: np.ndarray

    @property
    def scale(self):
        """The standard deviation of ln L of each row, shape (row,)."""
        return self.sd * np.exp(self.slope * self.level)

    def draw(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """New noise, shape (draw, row), each draw with a standard deviation and a slope of its own.

        The standard deviation is drawn from a scaled inverse chi-square distribution, the slope
        from a normal one. With few rows, the noise then follows Student's t.
        """
        n = len(self.level)
        chosen = rng.choice(self.unit, size=(draws, n))
        sd = self.sd * student.scales(self.freedom, draws, rng)
        slope = self.slope + DOUBT * self.slope_se * rng.standard_normal((draws, 1))
        return chosen * sd * np.exp(slope * self.level)


def noise_of(fit_weighted, level: np.ndarray, n_free: int) -> Noise:
    """Estimate the noise.

    Residuals of the robust fit itself are unsuitable: with least absolute deviations, as many
    residuals are zero as there are parameters.

    Parameters
    ----------
    fit_weighted : callable
        Row weights -> (residual, jacobian) of the weighted least-squares fit of ln L.
    level : ndarray, shape (row,)
        Fitted ln L.
    """
    level = np.exp(level)
    level = np.minimum(level / np.median(level), MOST_LEVEL)
    level -= level.mean()
    (slope, slope_se), n = PRIOR, len(level)
    for _ in range(ROUNDS):
        weight = np.exp(-2 * slope * level)
        residual, jacobian = fit_weighted(weight)
        freed, leverage = _freed(residual, jacobian, weight)
        if not np.any(residual):
            break
        slope, slope_se = _slope(freed**2, 1 - leverage, level, slope)
    relative = residual * np.exp(-slope * level)
    by_rows = 1 - (slope_se / PRIOR[1]) ** 2  # share of the slope from the rows
    freedom = max(n - n_free - by_rows, 1.0)
    sd = float(np.sqrt(np.sum(relative**2) / freedom))
    unit = freed * np.exp(-slope * level)
    unit = unit - unit.mean()
    unit /= max(root_mean_square(unit), 1e-300)
    return Noise(level, sd, slope, slope_se, freedom, unit)


def _freed(residual, jacobian, weight):
    """Residuals divided by sqrt(1 - leverage), and the leverages of the weighted fit."""
    root = np.sqrt(weight)
    leverage = student.leverage(jacobian * root[:, None])
    return student.freed(residual, leverage), leverage


def _slope(square, information, level, slope):
    """The slope of a log-linear variance and its standard error: a gamma regression with a prior.

    Rows beyond four standard deviations are cut there, or they would determine the slope. The
    median gives the scale.
    """
    for _ in range(20):
        relative = square * np.exp(-2 * slope * level)
        relative = np.minimum(relative, 16 * np.median(relative) / 0.455)
        centred = level - np.average(level, weights=information)
        mean = max(np.average(relative, weights=information), 1e-300)
        push = np.sum(information * centred * (relative / mean - 1))
        certainty = 2 * np.sum(information * centred**2) + PRIOR[1] ** -2
        step = (push + (PRIOR[0] - slope) * PRIOR[1] ** -2) / certainty
        slope = float(np.clip(slope + step, -SLOPE_LIMIT, SLOPE_LIMIT))
        if abs(step) < 1e-6:
            break
    return slope, float(certainty**-0.5)
