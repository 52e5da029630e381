"""What few runs leave open of the size of the noise: Student's t (1908)."""

import numpy as np

MOST_LEVERAGE = 0.99  # a residual of a point that the fit almost goes through says nothing


def scales(freedom: float, draws: int, rng: np.random.Generator, runs: float | None = None):
    """Factors of normal noise that make Student's t of it, one for each draw.

    sqrt(freedom / chi-squared with as many degrees of freedom): the noise's standard deviation over
    the one estimated, where both are open (Gelman et al. 2013, Bayesian Data Analysis, Sec. 3.2).

    Parameters
    ----------
    freedom : float
        Degrees of freedom of the residuals.
    draws : int
    rng : Generator
    runs : float, optional
        Stands for `freedom` above the bar where the residuals are raw: a fit made them smaller
        by sqrt(freedom / runs).

    Returns
    -------
    ndarray, shape (draw, 1)
    """
    above = freedom if runs is None else runs
    return np.sqrt(above / rng.chisquare(freedom, size=(draws, 1)))


def quantile(level: float, freedom: float | None = None) -> float:
    """How many standard errors a central interval reaches to each side.

    Parameters
    ----------
    level : float
        Probability of the interval, in (0, 1).
    freedom : float, optional
        Degrees of freedom of the standard error; it is exact if they are not given.
    """
    from scipy.special import ndtri, stdtrit

    share = (1 + level) / 2
    return float(ndtri(share) if freedom is None else stdtrit(freedom, share))


def leverage(design: np.ndarray) -> np.ndarray:
    """What share of each residual a least-squares fit takes: the diagonal of its hat matrix.

    Through an orthonormal basis Q of the columns: sum Q**2 (Hoaglin and Welsch 1978).

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
    """As `leverage`, from the matrix that solves the fit: the diagonal of design @ solver.

    Parameters
    ----------
    design : ndarray, shape (point, parameter)
    solver : ndarray, shape (parameter, point)
        Its pseudo-inverse.
    """
    return np.minimum(np.einsum("rp,pr->r", design, solver), MOST_LEVERAGE)


def freed(residual: np.ndarray, leverage: np.ndarray) -> np.ndarray:
    """Residuals over sqrt(1 - leverage): as large as the noise (MacKinnon and White 1985, HC2)."""
    return residual / np.sqrt(1 - leverage)
