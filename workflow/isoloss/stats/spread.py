"""Measures of the spread of draws and residuals."""

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
        Probabilities of the two quantiles.

    Returns
    -------
    float or ndarray
        NaN where a draw is NaN.
    """
    low, high = np.quantile(draws, shares, axis=axis)
    return high - low


def standard_error(draws, axis: int = 0):
    """Half the distance between the 16th and the 84th percentile of the draws.

    For normal draws it is their standard deviation; it is robust against outliers.

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

    For residuals of ln L, it is the misfit of a law as a share of the loss.

    Parameters
    ----------
    values : ndarray or Series
    """
    return float(np.sqrt(np.mean(values**2)))
