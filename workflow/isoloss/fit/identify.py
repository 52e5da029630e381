"""Do the data determine the law? Reasons why not, in words."""

from collections.abc import Mapping

import numpy as np

from isoloss.fit.curvature import LackOfFit
from isoloss.fit.optimum import Certificate
from isoloss.fit.problem import Problem

WIDE = 0.7  # the interval of an exponent or a floor may be this wide, in units of its value
RATIO = 10.0  # and the two ends of a scale's interval this far apart
OFTEN = 0.05  # share of the draws that may end on a bound
FLAT = 1e5  # condition number; designs that determine the law have 10 to 100
FAILED = 0.05  # share of the draws that may fail


def verdict(
    problem: Problem,
    certificate: Certificate,
    theta: np.ndarray,
    draws: np.ndarray,
    lost: float,
    level: float,
    bend: LackOfFit | None,
    flat: Mapping[str, tuple[str, ...]],
) -> str:
    """ "identified", or what is wrong; `flat` are the sides of profiles without an end."""
    if bend is not None and bend.bends:
        return (
            f"not a power law: the local exponent goes from {bend.exponent_first:.3g} to "
            f"{bend.exponent_last:.3g} over the runs (curvature {bend.curvature:.3g}, "
            f"{bend.lo:.3g} to {bend.hi:.3g}; p = {bend.p_value:.2g})"
        )
    reasons = list(why_not(problem, certificate, theta, draws, level))
    reasons += [
        f"the profile of {name} is flat {' and '.join(sides)}" for name, sides in flat.items()
    ]
    if lost > FAILED:
        reasons.append(f"{lost:.0%} of the resampled tables have no minimum")
    return f"not identified: {'; '.join(reasons)}" if reasons else "identified"


def why_not(problem, certificate, theta, draws, level):
    """The reasons, most telling first."""
    if not certificate.converged:
        yield "no start ended at a minimum"
    yield from (f"the optimum lies at the bound {bound}" for bound in certificate.at_bounds)
    named = {bound.split(" = ")[0] for bound in certificate.at_bounds}
    if certificate.condition_number > FLAT:
        yield (
            "some combination of the parameters hardly changes the fit (condition number "
            f"{certificate.condition_number:.2g})"
        )
    if not len(draws):
        return
    natural = problem.law.natural(draws)
    value = problem.law.natural(theta)
    z = problem.z(draws)
    for i, parameter in enumerate(problem.law.parameters):
        if parameter.name in problem.fixed or parameter.name in named:
            continue
        column = natural[:, i]
        lo, hi = np.quantile(column, [(1 - level) / 2, (1 + level) / 2])
        share = np.mean(column <= parameter.lower + 1e-9)
        if parameter.log:
            # A coefficient varies with its exponent, which is judged; a scale stands for itself.
            if parameter.name not in problem.law.linear and hi > RATIO * lo:
                yield f"{parameter.name} may be anything from {lo:.2g} to {hi:.2g}"
        elif share > OFTEN:
            yield f"{parameter.name} is zero in {share:.0%} of the draws"
        elif hi - lo > WIDE * abs(value[i]):
            yield f"{parameter.name} may be anything from {lo:.2g} to {hi:.2g}"
    edge = np.mean(np.any(z >= problem.upper - 1e-9, axis=1))
    if edge > OFTEN:
        yield f"{edge:.0%} of the draws run into an upper bound"
