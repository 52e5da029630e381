"""What a law's misfit adds to its intervals: the one place that decides it.

Resampled tables have the noise of the runs, or their whole misfit as if it were noise of single
runs. A pattern is neither: it has a few degrees of freedom, however many runs there are. What it
looks like outside the space of the law's parameters is seen, and what it does inside that space is
not. The textbook answer takes the mean square of the lack of fit in place of that of the noise
(Draper and Smith 1998, Applied Regression Analysis, Sec. 2.1; Box and Draper 1959 for the bias of a
wrong polynomial). So each draw adds a random pattern to the law's own losses, inside the space of
its parameters and as large per degree of freedom as the pattern seen, and fits the law again.
"""

import dataclasses

import numpy as np

from isoloss.fit.below import opened
from isoloss.fit.curvature import LackOfFit
from isoloss.fit.misfit import Misfit
from isoloss.fit.newton import Minimised, joined
from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.fit.resample import BLOCK, ENOUGH
from isoloss.stats import student
from isoloss.stats.spread import root_mean_square

FLATTEST = 1e-5  # directions flatter than this share of the steepest are sloppy, and stay
NOTE = "intervals count the misfit of the law, with the pattern of its residuals as unknown bias"


def seen_pattern(pattern: Misfit | None, bend: LackOfFit | None) -> tuple[float, int] | None:
    """Size and degrees of freedom of the pattern by which the runs reject the law, or None."""
    if pattern is not None and pattern.rejects:
        return pattern.bias
    if bend is not None and bend.bends:
        return bend.size, 1
    return None


def hidden_pattern(
    problem: Problem,
    theta: np.ndarray,
    pattern: Misfit | None,
    bend: LackOfFit | None,
    n_clusters: int,
) -> tuple[float, int]:
    """Size and degrees of freedom of a pattern that the residuals could hide.

    It is the one that a test found too weak to reject the law. Without a test, all residuals may
    be pattern.
    """
    if pattern is not None:
        return pattern.bias
    if bend is not None:
        return bend.size, 1
    size = root_mean_square(problem.residuals(theta)[0])
    return size, max(n_clusters - problem.n_free, 1)


def counted(
    problem: Problem, z: np.ndarray, draws: np.ndarray, size: float, freedom: int, rng
) -> Minimised:
    """Draws of a fit, moved by patterns as large as the one that its residuals show.

    Parameters
    ----------
    z : ndarray, shape (free parameter,)
        The optimum.
    draws : ndarray, shape (draw, free parameter)
        Fits of the resampled tables.
    size : float
        Root mean square over the rows of the pattern of ln L.
    freedom : int
        Degrees of freedom of the pattern.
    rng : Generator

    Returns
    -------
    Minimised
        One fit for each draw.
    """
    problem = dataclasses.replace(opened(problem), objective=Objective("lsq"))
    basis, length, _ = np.linalg.svd(problem.jacobian(z), full_matrices=False)
    basis = basis[:, length > FLATTEST * length[0]]
    one = size * np.sqrt(len(basis) / freedom)  # in one direction
    scale = one * student.scales(freedom, len(draws), rng)
    along = scale * rng.standard_normal((len(draws), basis.shape[1]))
    parts, block = [], max(1, BLOCK // len(basis))
    for first in range(0, len(draws), block):
        some, pattern = draws[first : first + block], along[first : first + block] @ basis.T
        losses = problem.law.log_loss(problem.theta(some), problem.log_x) + pattern
        parts.append(problem.solve(some, damping=0.1, enough=ENOUGH, log_loss=losses))
    return joined(parts)
