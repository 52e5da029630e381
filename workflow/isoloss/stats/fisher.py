"""Fisher's F distribution, from `scipy.special`: importing `scipy.stats` takes half a second."""


def tail(value: float, freedom: float, freedom_below: float) -> float:
    """Probability that F with these degrees of freedom exceeds a value: the p-value of an F test.

    Parameters
    ----------
    value : float
        The ratio of the two mean squares.
    freedom, freedom_below : float
        Degrees of freedom of the numerator and of the denominator.
    """
    from scipy.special import fdtrc

    return float(fdtrc(freedom, freedom_below, value))


def quantile(level: float, freedom: float, freedom_below: float) -> float:
    """The value that F with these degrees of freedom stays below with probability `level`."""
    from scipy.special import fdtri

    return float(fdtri(freedom, freedom_below, level))
