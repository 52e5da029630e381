"""How far draws or misses spread."""

import numpy as np

# The quantiles of a normal distribution at one standard deviation below and above its mean.
ONE_SD = (0.158655, 0.841345)


def between(draws, shares: tuple[float, float], axis: int = 0):
    """The distance between two quantiles of the draws.

    Parameters
    ----------
    draws : ndarray
        At least one along `axis`.
    shares : (low, high)
        Of the draws, below the one and below the other quantile.

    Returns
    -------
    float or ndarray
        NaN where a draw is NaN.
    """
    low, high = np.quantile(draws, shares, axis=axis)
    return high - low


def standard_error(draws, axis: int = 0):
    """Half the distance between the quantiles that lie one standard deviation from the middle.

    For normal draws that is their standard deviation; a few wild draws do not move it.

    Parameters
    ----------
    draws : ndarray
        At least one along `axis`.

    Returns
    -------
    float or ndarray
        NaN where a draw is NaN.
    """
    return between(draws, ONE_SD, axis) / 2


def root_mean_square(values) -> float:
    """sqrt(mean(values**2)).

    Of residuals of ln L it is the misfit of a law, as a share of the loss.

    Parameters
    ----------
    values : ndarray or Series
    """
    return float(np.sqrt(np.mean(values**2)))
