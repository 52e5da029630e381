"""The global optimum of a fit, and its certificate: the evidence that the optimum is global."""

from dataclasses import dataclass

import numpy as np

from isoloss.fit.newton import Minimised
from isoloss.fit.problem import Problem
from isoloss.fit.progress import phase
from isoloss.fit.starts import starting_points
from isoloss.stats.spread import standard_error

LADDER = (0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)  # Huber's delta, from smooth to the objective's
STRAIGHT_DELTA = 1e-5  # below, a direct solution takes too many steps
AGREE = 1e-6  # relative: objectives this close are the same optimum
PLAIN = 0.9  # share of the direct solutions that must end at one minimum
AT_BOUND = 1e-7
LARGE = 20_000  # rows; above, the grid of starts is searched on a sample, then polished on all
SAMPLE = 2_000


@dataclass(frozen=True)
class Certificate:
    """The evidence that the optimum found is the global one.

    Attributes
    ----------
    n_starts, n_agree : int
        Starts, and how many of them ended at the best objective (to a relative 1e-6).
    converged : bool
        The best point is a minimum: reweighted least squares can lower it by less than 1e-7 of it.
    gradient_norm : float
        Scaled gradient of the objective, without unit: sqrt(g H^-1 g / objective).
    condition_number : float
        Condition number of the Jacobian at the optimum, its columns scaled to length one. If it is
        large (1e5 and more), some combination of parameters hardly changes the fit.
    at_bounds : tuple of str
        Parameters that end on a bound, each with the bound.
    """

    n_starts: int
    n_agree: int
    converged: bool
    gradient_norm: float
    condition_number: float
    at_bounds: tuple[str, ...]


def find(problem: Problem) -> tuple[np.ndarray, float, Certificate]:
    """Minimise from every start: the best point z, its (scaled) objective and the certificate."""
    with phase("search for the optimum"):
        starts = starting_points(problem)
        if len(problem.log_loss) > LARGE:
            starts = _search_on_sample(problem, starts)
        ends = descend(problem, starts)
    best = int(np.argmin(ends.value))
    z, value = ends.z[best], float(ends.value[best])
    same = ends.value <= value * (1 + AGREE) + 1e-20
    jacobian = problem.jacobian(z)
    size = np.linalg.norm(jacobian, axis=0)
    condition = np.inf
    if np.all(np.isfinite(size) & (size > 0)):
        singular = np.linalg.svd(jacobian / size, compute_uv=False)
        condition = float(singular[0] / max(singular[-1], 1e-300))
    return (
        z,
        value,
        Certificate(
            n_starts=len(ends.z),
            n_agree=int(same.sum()),
            converged=bool(ends.converged[best]),
            gradient_norm=float(np.sqrt(max(2 * ends.decrement[best], 0.0))),
            condition_number=condition,
            at_bounds=tuple(at_bounds(problem, z)),
        ),
    )


def descend(problem: Problem, starts: np.ndarray) -> Minimised:
    """Minimise from the starts: directly, and through a sequence of smoother objectives.

    The smoother objectives (Huber's, with falling delta) lead to the right basin from far away.
    Direct solutions may end in several basins. Both sets are returned, so that the best of either
    wins. Where nearly all direct solutions end at one minimum, and none below it, the smoother
    objectives are skipped.
    """
    target = problem.objective.solved_delta
    if np.isinf(target):
        return problem.solve(starts)
    straight = problem.solve(starts, delta=max(target, STRAIGHT_DELTA))
    lowest = straight.value <= straight.value.min() * (1 + AGREE) + 1e-20
    if np.mean(lowest & straight.converged) >= PLAIN and target >= STRAIGHT_DELTA:
        return straight
    z, damping = starts, 1.0
    for delta in LADDER:
        if delta <= target * 1.01:
            break
        z = problem.solve(z, delta=delta, damping=damping, max_steps=60).z
        damping = 0.1
    both = np.concatenate([straight.z, z])
    return problem.solve(both, damping=damping)


def _search_on_sample(problem, starts, keep=4):
    rows = np.linspace(0, len(problem.log_loss) - 1, SAMPLE).astype(int)
    order = np.argsort(problem.log_loss, kind="stable")[rows]  # keeps the whole range of losses
    part = Problem(
        problem.law,
        {name: x[order] for name, x in problem.log_x.items()},
        problem.log_loss[order],
        problem.objective,
        None if problem.weights is None else problem.weights[order],
        problem.fixed,
        problem.tied,
    )
    ends = descend(part, part.z(problem.theta(starts)))
    best = np.argsort(ends.value, kind="stable")[:: max(1, len(starts) // (4 * keep))][:keep]
    return problem.z(part.theta(ends.z[best]))


def near_bounds(problem: Problem, z: np.ndarray, draws: np.ndarray):
    """A warning for each parameter that ends within a standard error of a bound, but not on it.

    `draws` are those of z, shape (draw, free parameter).
    """
    law, natural = problem.law, problem.law.natural
    spread = standard_error(draws)
    for i, name in enumerate(problem.free):
        if name in law.linear and law.parameters[law.names.index(name)].log:
            continue  # its bounds are the solver's own, far from all plausible values
        for bound, distance in (
            (problem.lower[i], z[i] - problem.lower[i]),
            (problem.upper[i], problem.upper[i] - z[i]),
        ):
            if AT_BOUND * max(1.0, abs(bound)) < distance < spread[i]:
                moved = z.copy()
                moved[i] = bound
                place = law.names.index(name)
                value, end = (natural(problem.theta(at))[place] for at in (z, moved))
                yield f"{name} = {value:.3g} is within a standard error of its bound {end:.3g}"


def at_bounds(problem: Problem, z: np.ndarray):
    """Names of the parameters that end on a bound, each with the bound."""
    law = problem.law
    theta = problem.theta(z)
    for name, at, low, high in zip(problem.free, z, problem.lower, problem.upper, strict=True):
        value = theta[law.names.index(name)]
        shown = law.natural(theta)[law.names.index(name)]
        if np.isfinite(low) and at <= low + AT_BOUND * max(1.0, abs(low)):
            yield f"{name} = {'0' if name in law.linear and value != at else f'{shown:g}'}"
        elif np.isfinite(high) and at >= high - AT_BOUND * max(1.0, abs(high)):
            yield f"{name} = {shown:g}"
