"""Sloppy (unidentifiable) directions of a fit, and the parameters that they affect.

Draws do not show a sloppy direction. Each draw's solver starts at the optimum and does not move
along a direction without slope, so an interval made of such draws has no width.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from isoloss.fit.problem import Problem
from isoloss.laws import Law
from isoloss.laws.sums import Sum, Term

FLAT = 1e5  # condition number; designs that determine the law have 10 to 100
KNOWN = 1e-3  # of the largest slope of the table's losses: a smaller slope is negligible
SHORT = 1e-5  # step along a direction, in units of its length
MOVED = 1e-4  # of the step, by which a number must change to count as moved
ON_LINE = 1e-4  # how far ln of a variable may lie from a line in ln of another: no loss shows it
SAME = 1e-3  # largest difference of ln L at a point where both places of two terms say the same


def flat_directions(problem: Problem, z: np.ndarray) -> np.ndarray:
    """Sloppy directions: those from the optimum `z` in which the fit does not change.

    Returns
    -------
    ndarray, shape (direction, free parameter)
        Each has the length at which the direction that matters most changes the residuals by one.
    """
    jacobian = problem.jacobian(z)
    size = np.linalg.norm(jacobian, axis=0)
    if not np.all(np.isfinite(size)) or not size.any():
        return np.empty((0, len(z)))
    size = np.where(size > 0, size, 1.0)
    # All directions, also where there are fewer rows than parameters; never one for each row.
    few = len(jacobian) < jacobian.shape[1]
    _, singular, across = np.linalg.svd(jacobian / size, full_matrices=few)
    singular = np.append(singular, np.zeros(len(across) - len(singular)))
    return across[singular * FLAT < singular[0]] / (size * singular[0])


def loose(problem: Problem, z: np.ndarray, directions: np.ndarray) -> tuple[str, ...]:
    """Parameters and derived quantities that can change while the fit does not."""
    found = set()
    for direction in directions:
        step = SHORT * direction / np.abs(direction).max() * max(1.0, np.abs(z).max())
        ahead, behind = (_numbers(problem, z + sign * step) for sign in (1, -1))
        with np.errstate(all="ignore"):
            change = {name: abs(np.log(ahead[name] / behind[name])) for name in ahead}
        found |= {name for name, share in change.items() if not share <= MOVED * SHORT}
    names = _numbers(problem, z)
    for one, other, *_ in _exchangeable(problem):
        found |= {one.coefficient, one.exponent, other.coefficient, other.exponent}
        found |= set(names) - set(problem.law.names)
    return tuple(name for name in names if name in found and name not in problem.fixed)


def known_at(
    problem: Problem, z: np.ndarray, directions: np.ndarray, log_x: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Whether the table determines the law's loss at each point (ln of its variables)."""
    theta = problem.theta(z)
    slope = np.abs(directions @ problem.slopes(theta, log_x).T)
    known = np.all(slope * np.sqrt(len(problem.log_loss)) <= KNOWN, axis=0)
    for exchange in _exchangeable(problem):
        both = np.stack([theta, _exchanged(problem.law, theta, *exchange)])
        with np.errstate(all="ignore"):
            known &= np.ptp(problem.law.log_loss(both, log_x), axis=0) <= SAME
    return known


def _exchangeable(problem: Problem) -> list[tuple[Term, Term, float, float]]:
    """Pairs of terms that may change places: ln of the second variable is a line in the first.

    The optimum may lie at either place, or where one term has vanished. No direction from there
    shows the others. The line must rise: on one that falls, as of one isoFLOP slice, the exponents
    would be below zero. A parameter that is held or tied keeps its terms in their places.

    Returns
    -------
    list of (first term, second term, slope, intercept)
    """
    law, found = problem.law, []
    bound = {*problem.fixed, *(name for tie in problem.tied for name in tie[:2])}
    for one, other in combinations(law.terms if isinstance(law, Sum) else (), 2):
        names = {one.coefficient, one.exponent, other.coefficient, other.exponent}
        x, y = problem.log_x[one.variable], problem.log_x[other.variable]
        if names & bound or not (np.ptp(x) and np.ptp(y)):
            continue
        slope = (x - x.mean()) @ (y - y.mean()) / np.sum((x - x.mean()) ** 2)
        intercept = y.mean() - slope * x.mean()
        if slope > 0 and np.abs(y - slope * x - intercept).max() <= ON_LINE:
            found.append((one, other, float(slope), float(intercept)))
    return found


def _exchanged(law: Law, theta: np.ndarray, one, other, slope, intercept) -> np.ndarray:
    """theta with the places of two terms changed: on the line each is the other's power law."""
    at = {name: law.names.index(name) for term in (one, other)
          for name in (term.coefficient, term.exponent)}  # fmt: skip
    a, alpha = (theta[at[name]] for name in (one.coefficient, one.exponent))
    b, beta = (theta[at[name]] for name in (other.coefficient, other.exponent))
    found = theta.copy()
    found[at[one.coefficient]], found[at[one.exponent]] = b - beta * intercept, beta * slope
    found[at[other.coefficient]] = a + alpha / slope * intercept
    found[at[other.exponent]] = alpha / slope
    return found


def _numbers(problem, z):
    law = problem.law
    with np.errstate(all="ignore"):
        params = dict(zip(law.names, law.natural(problem.theta(z)), strict=True))
        return params | law.derived(params)
