"""Test of a law within a wider one, of which it is a special case: is the wider one needed?

The test of lack of fit knows no other law: it looks at all bends together, and so misses one that
is small. A wider law bends in a few ways only. Hoffmann's sum and Kaplan's joint law are both
cases of `skaling`. The score test (Rao 1948; Cox and Hinkley 1974, Theoretical Statistics, Sec.
9.3) adds the derivatives in the parameters that the narrow law holds, at the narrow law's optimum,
and asks whether they explain more of the residuals than noise would.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from isoloss.fit.misfit import EXACT, cut_residuals, probability
from isoloss.fit.problem import Problem
from isoloss.laws import SKALING
from isoloss.stats.spread import root_mean_square

DOUBTFUL = 0.1
FREEDOM = 2  # least residual degrees of freedom of the test
NEW = 1e-6  # share of a derivative that must lie outside the space of the narrow law


@dataclass(frozen=True)
class Within:
    """A test of a law within a wider one.

    Attributes
    ----------
    law : str
        The wider law.
    p_value : float
        Probability of a gain at least as large, if the narrow law held.
    """

    law: str
    p_value: float

    @property
    def doubtful(self) -> bool:
        """Whether the p-value is below 0.1.

        Such a law is not rejected. But of planted tables of `skaling`, those whose interval by
        Hoffmann's sum misses N* are nearly all among them (docs/performance-fit.md).
        """
        return self.p_value < DOUBTFUL


def _of_hoffmann(values):
    return values | {"k": 1.0}


def _of_kaplan(values):
    ratio = values["alpha_N"] / values["alpha_D"]
    return {"A": values["Nc"] ** ratio, "B": values["Dc"], "E": 0.0, "alpha": ratio, "beta": 1.0,
            "k": values["alpha_D"]}  # fmt: skip


# Law -> its parameters in `skaling`, and those of them that it holds.
CASES: Mapping[str, tuple[Callable[[dict], dict], tuple[str, ...]]] = {
    "chinchilla": (_of_hoffmann, ("k",)),
    "kaplan_nd": (_of_kaplan, ("E", "beta")),
}


@np.errstate(all="ignore")
def within(problem: Problem, theta: np.ndarray, clusters: np.ndarray | None) -> Within | None:
    """Test a fitted law within `skaling`, or None where it is no case of it or rows are too few.

    Parameters
    ----------
    theta : ndarray, shape (parameter,)
        The optimum.
    clusters : ndarray of int, shape (row,), optional
        The run of each row; without it, rows are independent.
    """
    if problem.law.name not in CASES:
        return None
    in_wider, held = CASES[problem.law.name]
    z = problem.z(theta[None])[0]
    left, tangent, root, at = cut_residuals(problem, z)
    if root_mean_square(left) < EXACT or len(left) < tangent.shape[1] + len(held) + FREEDOM:
        return None
    wider = SKALING.separated
    values = dict(zip(problem.law.names, problem.law.natural(problem.theta(at)), strict=True))
    gradient = wider.derivatives(wider.internal(in_wider(values))[None], problem.log_x)[1][0]
    more = gradient[[wider.names.index(name) for name in held]].T * root[:, None]
    if not np.all(np.isfinite(more)):
        return None
    basis = np.linalg.qr(tangent)[0]
    left = left - basis @ (basis.T @ left)
    more = more / np.linalg.norm(more, axis=0)
    for _ in range(2):  # so little is left of them that rounding counts
        more = more - basis @ (basis.T @ more)
    directions, size, _ = np.linalg.svd(more, full_matrices=False)
    directions = directions[:, size > NEW]
    if not directions.shape[1]:
        return None
    return Within(SKALING.name, probability(left, directions, basis, clusters))
