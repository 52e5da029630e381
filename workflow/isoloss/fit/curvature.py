"""F test of a power law against a law whose exponent drifts with x."""

from dataclasses import dataclass

import numpy as np

from isoloss.fit.objective import Objective
from isoloss.fit.optimum import find
from isoloss.fit.problem import Problem
from isoloss.laws.curved import Curved
from isoloss.laws.sums import Sum
from isoloss.stats import fisher, student

SIGNIFICANT = 0.01
MATERIAL = 0.25  # change of the local exponent over the runs, as a share of its middle value
EXACT = 1e-9  # root mean square residual of ln L that leaves nothing to explain


@dataclass(frozen=True)
class LackOfFit:
    """F test of the law against `laws.curved.Curved`, by least squares of the log loss.

    Attributes
    ----------
    p_value : float
        Probability of a curvature at least this large, under the law with normal noise of one size.
    curvature, lo, hi : float
        kappa and its interval (from the F test's standard error); zero is a power law.
    exponent_first, exponent_last : float
        Local exponent of the reducible loss at the smallest and the largest x.
    size : float
        Root mean square of ln L that the curvature explains.
    bends : bool
        The test is significant (p < 0.01), and the exponent changes by over a quarter in the runs.
    """

    p_value: float
    curvature: float
    lo: float
    hi: float
    exponent_first: float
    exponent_last: float
    size: float
    bends: bool


def lack_of_fit(problem: Problem, level: float) -> LackOfFit | None:
    """The F test of a power law of one variable.

    None where the test does not apply: other laws, too few rows, or residuals of zero.
    """
    law = problem.law
    one_term = isinstance(law, Sum) and len(law.terms) == 1
    if not one_term or problem.fixed or problem.weights is not None:
        return None
    log_x, log_loss = problem.log_x[law.variables[0]], problem.log_loss
    n = len(log_loss)
    centre = float(log_x.mean())
    curved = Curved(centre, law.floor is not None)
    n_params = len(curved.parameters)
    if min(n, len(np.unique(log_x))) <= n_params:
        return None
    squares = Objective("lsq")
    straight = Problem(law, problem.log_x, log_loss, squares)
    z, _, _ = find(straight)
    residual = straight.residuals(straight.theta(z[None]))[0]
    before = float(residual @ residual)
    if np.sqrt(before / n) < EXACT:
        return None
    values = dict(zip(law.names, straight.theta(z), strict=True))
    alpha, a = values[law.terms[0].exponent], values[law.terms[0].coefficient]
    bent = Problem(curved, {"x": log_x}, log_loss, squares)
    starts = np.array(
        [
            [a - alpha * centre + shift, alpha * tilt, kappa, values.get("E", 0) * share]
            for kappa in (-0.3, -0.1, 0.0, 0.1, 0.3)
            for tilt in (0.5, 1.0, 2.0)
            for share, shift in ((1.0, 0.0), (0.5, 1.0))
        ]
    )[:, :n_params]
    ends = bent.solve(bent.z(starts))
    best = int(np.argmin(ends.value))
    after = 2 * float(ends.value[best])
    gain = max(before - after, 0.0)
    variance = max(after, 1e-30) / (n - n_params)
    size, theta = float(np.sqrt(gain / n)), bent.theta(ends.z[best])
    return _judged(gain / variance, n - n_params, theta, log_x - centre, level, size)


def _judged(f_value, freedom, theta, u, level, size):
    p_value = fisher.tail(f_value, 1, freedom)
    kappa, alpha = float(theta[2]), float(theta[1])
    half = abs(kappa) / max(np.sqrt(f_value), 1e-12) * student.quantile(level, freedom)
    first, last = alpha + 2 * kappa * u.min(), alpha + 2 * kappa * u.max()
    material = abs(last - first) > MATERIAL * max(abs(first + last) / 2, 1e-12)
    return LackOfFit(
        p_value,
        kappa,
        kappa - half,
        kappa + half,
        float(first),
        float(last),
        size,
        bool(p_value < SIGNIFICANT and material),
    )
