"""The verdict of a fit: whether the data identify the law, and if not, why."""

from collections.abc import Mapping

import numpy as np

from isoloss.fit.curvature import LackOfFit
from isoloss.fit.loose import FLAT
from isoloss.fit.misfit import Misfit
from isoloss.fit.optimum import Certificate
from isoloss.fit.problem import Problem
from isoloss.fit.trade_off import trade_offs
from isoloss.results.verdict import (
    IDENTIFIED,
    OFTEN,
    RATIO,
    WIDE,
    Status,
    Verdict,
    not_identified,
    only_if,
)
from isoloss.stats.intervals import bounds, fewest_draws

FAILED = 0.05  # share of the draws that may fail
STAND_IN = 400  # normal draws for the verdict of a fit without draws


def verdict(
    problem: Problem,
    certificate: Certificate,
    theta: np.ndarray,
    draws: np.ndarray,
    lost: float,
    level: float,
    bend: LackOfFit | None,
    pattern: Misfit | None,
    flat: Mapping[str, tuple[str, ...]],
    loose: tuple[str, ...],
) -> Verdict:
    """Whether the fit is identified, and if not, why; `flat` are the sides of profiles without end.

    A law whose form the runs reject is at most identified if the law holds. Without enough draws,
    draws from the normal distribution that the Jacobian gives replace them.
    """
    if bend is not None and bend.bends:
        return Verdict(
            Status.NOT_A_POWER_LAW,
            f"the local exponent goes from {bend.exponent_first:.3g} to "
            f"{bend.exponent_last:.3g} over the runs (p = {bend.p_value:.2g})",
        )
    judged = draws if len(draws) >= fewest_draws(level) else normal_draws(problem, theta)
    reasons = list(why_not(problem, certificate, theta, judged, level, loose))
    reasons += [
        f"the profile of {name} is flat {' and '.join(sides)}" for name, sides in flat.items()
    ]
    if lost > FAILED:
        reasons.append(f"{lost:.0%} of the resampled tables have no minimum")
    if reasons:
        return not_identified("; ".join(reasons))
    if pattern is not None and pattern.rejects:
        return only_if(pattern.miss, pattern.noise)
    return IDENTIFIED


def normal_draws(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """theta of `STAND_IN` draws from N(theta, s2 (J'J)^-1), s2 the variance of the residuals."""
    z = problem.z(theta[None])[0]
    jacobian = problem.jacobian(z)
    weights = 1.0 if problem.weights is None else np.sqrt(problem.weights / problem.weights.mean())
    jacobian = jacobian * np.reshape(weights, (-1, 1))
    residual = problem.residuals(theta[None])[0] * weights
    n_rows, n_free = jacobian.shape
    if not np.all(np.isfinite(jacobian)):
        return np.empty((0, len(theta)))
    sd = np.sqrt(np.sum(residual**2) / max(n_rows - n_free, 1))
    spread = np.linalg.pinv(jacobian, rcond=1 / FLAT)
    normal = np.random.default_rng(0).standard_normal((STAND_IN, n_rows))
    return problem.theta(np.clip(z + sd * normal @ spread.T, problem.lower, problem.upper))


def why_not(problem, certificate, theta, draws, level, loose):
    """The reasons, the most important first."""
    if not certificate.converged:
        yield "no start ended at a minimum"
    yield from (f"the optimum lies at the bound {bound}" for bound in certificate.at_bounds)
    named = {bound.split(" = ")[0] for bound in certificate.at_bounds}
    if certificate.condition_number > FLAT:
        yield (
            "some combination of the parameters hardly changes the fit (condition number "
            f"{certificate.condition_number:.2g}){_which(loose)}"
        )
    if not len(draws):
        return
    natural = problem.law.natural(draws)
    value = problem.law.natural(theta)
    z = problem.z(draws)
    for i, parameter in enumerate(problem.law.parameters):
        if parameter.name in problem.fixed or parameter.name in named or parameter.name in loose:
            continue
        column = natural[:, i]
        lo, hi = bounds(column, level)
        share = np.mean(column <= parameter.lower + 1e-9)
        if parameter.log:
            # A coefficient varies with its exponent, which is judged; only scales are judged here.
            if parameter.name not in problem.law.linear and hi > RATIO * lo:
                yield f"{parameter.name} may be anything from {lo:.2g} to {hi:.2g}"
        elif share > OFTEN:
            yield f"{parameter.name} is zero in {share:.0%} of the draws"
        elif hi - lo > WIDE * abs(value[i]):
            yield f"{parameter.name} may be anything from {lo:.2g} to {hi:.2g}"
    yield from trade_offs(problem.law, value, natural, level)
    edge = np.mean(np.any(z >= problem.upper - 1e-9, axis=1))
    if edge > OFTEN:
        yield f"{edge:.0%} of the draws run into an upper bound"


def _which(loose):
    return f": nothing is known of {', '.join(loose)}" if loose else ""
