"""Resampled tables whose floor may lie below zero, so that intervals hold where it is zero.

A floor below zero has no meaning, and no fit reports one. But where the true floor is zero, fits of
resampled tables that stop at the bound lie on one side of it, and a percentile interval of the loss
far ahead leaves the truth out too often: the bootstrap is inconsistent at a bound (Andrews 2000,
Econometrica 68, 399). Without the bound, the errors of a fit are as usual, whatever the floor is.
The draws are made from the fit without the bound, and fitted without it. Their losses, optima and
exponents are used as they are; an interval of the floor itself is cut at its bound. So is a loss
that far ahead is below zero: it counts as 0.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from isoloss.fit.problem import Problem
from isoloss.laws.allocation import cut
from isoloss.laws.base import Law
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

AT_BOUND = 1e-9  # a floor so near to its bound is on it
NOTHING = -1000.0  # ln of a loss of zero or less: a number, so that its draw stays in its place


def opened(problem: Problem) -> Problem:
    """The same problem, whose floor may be as far below zero as the lowest loss is above.

    There a power law is close to its limit, a logarithm of size or data, and the rows can hardly
    tell floors apart. Without an end the search would go on to the limit.
    """
    return dataclasses.replace(problem, lowest_floor=-float(np.exp(problem.log_loss.min())))


def centre(problem: Problem, z: np.ndarray) -> np.ndarray:
    """The fit that resampled tables are made from: the optimum of the opened problem.

    It is the optimum `z` itself, but where the floor is on its bound. There the floor goes below,
    to where a 90 % interval about it still reaches the bound: so that it holds the fit.
    """
    name = problem.law.floor
    if name not in problem.free:
        return z
    place = problem.free.index(name)
    if z[place] > problem.lower[place] + AT_BOUND:
        return z
    ends = opened(problem).solve(z[None], damping=0.1)
    if not ends.converged[0] or not np.all(np.isfinite(problem.jacobian(ends.z[0]))):
        return z
    lowest = problem.lower[place] - student.quantile(LEVEL) * _error(problem, ends.z[0])[place]
    if ends.z[0, place] >= lowest:
        return ends.z[0]
    held = dataclasses.replace(problem, lowest_floor=lowest)
    again = held.solve(z[None], damping=0.1)
    return again.z[0] if again.converged[0] else z


@np.errstate(all="ignore")
def log_losses(law: Law, draws: np.ndarray, log_x: Mapping[str, np.ndarray]) -> np.ndarray:
    """ln L of draws, shape (draw, point): `NOTHING` where the floor takes a loss below zero."""
    found = law.log_loss(draws, log_x)
    if law.floor is None or not np.isnan(found).any():
        return found
    below = np.isnan(found) & np.isfinite(law.log_loss(cut(law, draws), log_x))
    return np.where(below, NOTHING, found)


def _error(problem: Problem, z: np.ndarray) -> np.ndarray:
    """Standard errors of the free parameters, of rows that are alike; shape (free parameter,)."""
    residual, jacobian = problem.residuals(problem.theta(z))[0], problem.jacobian(z)
    freedom = max(len(residual) - len(z), 1)
    return np.linalg.norm(np.linalg.pinv(jacobian), axis=1) * np.sqrt(residual @ residual / freedom)
