"""Another law that leaves no pattern in the residuals, where a fit has lack of fit."""

import dataclasses

from isoloss.fit.misfit import MAY_FIT, Misfit, misfit
from isoloss.fit.optimum import find
from isoloss.fit.problem import Problem
from isoloss.laws import LAWS
from isoloss.tables.data import Data

RIVALS = ("skaling",)  # the most general first; each holds laws that are fitted often


def without_pattern(problem: Problem, data: Data, pattern: Misfit) -> str:
    """The warning of lack of fit; it names a law of the same variables that removes the pattern.

    Such a law is fitted to the same rows, without resampled tables.
    """
    for name in RIVALS:
        law = LAWS[name]
        if law.variables != problem.law.variables or law.name == problem.law.name:
            continue
        other = dataclasses.replace(problem, law=law, fixed={}, tied=())
        z, _, certificate = find(other)
        left = misfit(other, z, data) if certificate.converged else None
        if left is not None and not left.significant:
            return pattern.text.replace(MAY_FIT, f"{name} leaves none (p = {left.p_value:.2g})")
    return pattern.text
