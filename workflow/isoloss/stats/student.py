"""Student's t (1908) and leverage: the uncertainty of the size of the noise when runs are few."""

import numpy as np

MOST_LEVERAGE = 0.99  # a point of larger leverage has a residual without information


def scales(freedom: float, draws: int, rng: np.random.Generator, runs: float | None = None):
    """Factors that turn normal noise into Student's t, one for each draw.

    A factor is sqrt(freedom / chi-squared with `freedom` degrees of freedom). It is the posterior
    of the noise's standard deviation over its estimate (Gelman et al. 2013, Bayesian Data Analysis,
    Sec. 3.2).

    Parameters
    ----------
    freedom : float
        Degrees of freedom of the residuals.
    draws : int
    rng : Generator
    runs : float, optional
        Number of runs, which replaces `freedom` in the numerator where residuals are raw. The fit
        made raw residuals smaller by sqrt(freedom / runs).

    Returns
    -------
    ndarray, shape (draw, 1)
    """
    above = freedom if runs is None else runs
    return np.sqrt(above / rng.chisquare(freedom, size=(draws, 1)))


def quantile(level: float, freedom: float | None = None) -> float:
    """The half-width of a central interval, in standard errors.

    Parameters
    ----------
    level : float
        Probability of the interval, in (0, 1).
    freedom : float, optional
        Degrees of freedom of the standard error; by default, the standard error is exact.
    """
    from scipy.special import ndtri, stdtrit

    share = (1 + level) / 2
    return float(ndtri(share) if freedom is None else stdtrit(freedom, share))


def two_sided(value: float, freedom: float) -> float:
    """Probability that t exceeds a value to either side: the p-value of a t test."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(value)))


def leverage(design: np.ndarray) -> np.ndarray:
    """Leverage of each point in a least-squares fit: the diagonal of the hat matrix.

    It is sum Q**2 for an orthonormal basis Q of the columns (Hoaglin and Welsch 1978).

    Parameters
    ----------
    design : ndarray, shape (point, parameter)

    Returns
    -------
    ndarray, shape (point,)
        At most 0.99.
    """
    basis = np.linalg.qr(design)[0]
    return np.minimum(np.sum(basis**2, axis=1), MOST_LEVERAGE)


def leverage_of_solver(design: np.ndarray, solver: np.ndarray) -> np.ndarray:
    """Leverage from the matrix that solves the fit: the diagonal of design @ solver.

    Parameters
    ----------
    design : ndarray, shape (point, parameter)
    solver : ndarray, shape (parameter, point)
        The pseudo-inverse of `design`.
    """
    return np.minimum(np.einsum("rp,pr->r", design, solver), MOST_LEVERAGE)


def freed(residual: np.ndarray, leverage: np.ndarray) -> np.ndarray:
    """HC2 residuals: divided by sqrt(1 - leverage) (MacKinnon and White 1985)."""
    return residual / np.sqrt(1 - leverage)
