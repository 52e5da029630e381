"""Starts of the solver: a grid over the exponents; the other parameters are solved linearly.

Given the exponents, L is linear in the coefficients and the floor (variable projection, Golub and
Pereyra 1973). So a start needs only the exponents: 64 starts cover what takes 4,500 otherwise.
"""

from collections.abc import Mapping

import numpy as np

from isoloss.fit.problem import Problem
from isoloss.laws.base import Law

SMALLEST = 1e-6  # share of the loss at which a coefficient starts if its solution is <= 0


def starting_points(problem: Problem) -> np.ndarray:
    """Starts, shape (start, free parameter)."""
    law = problem.law
    origin = law.joined
    theta = origin.shapes(problem.log_x, problem.log_loss)
    if origin.linear:
        project(origin, problem.log_x, problem.log_loss, theta)
    if origin is not law:
        theta = np.moveaxis(law.internal(_named(origin, theta)), 0, -1)
    starts = problem.z(theta)
    starts = np.clip(starts[np.isfinite(starts).all(axis=1)], problem.lower, problem.upper)
    return np.unique(starts, axis=0)


def _named(law, theta):
    return dict(zip(law.names, np.moveaxis(law.natural(theta), -1, 0), strict=True))


@np.errstate(all="ignore")
def project(
    law: Law, log_x: Mapping[str, np.ndarray], log_loss: np.ndarray, theta: np.ndarray
) -> None:
    """Fill in the linear parameters by least squares of the relative residual, kept positive."""
    index = {name: i for i, name in enumerate(law.names)}
    loss = np.exp(log_loss)
    basis = law.basis(theta, log_x) / loss
    usable = np.isfinite(basis**2).all(axis=(1, 2))
    theta[~usable] = np.nan
    basis[~usable] = 1.0
    scale = np.maximum(np.sqrt((basis**2).mean(axis=2)), 1e-300)
    design = basis / scale[..., None]
    normal = design @ design.transpose(0, 2, 1)
    normal += 1e-9 * np.eye(normal.shape[1]) * len(loss)
    solved = np.linalg.solve(normal, design.sum(axis=2)[..., None])[..., 0]
    for k, name in enumerate(law.linear):
        parameter = law.parameters[index[name]]
        if parameter.log:
            theta[:, index[name]] = np.log(np.maximum(solved[:, k], SMALLEST) / scale[:, k])
        else:
            theta[:, index[name]] = np.maximum(solved[:, k] / scale[:, k], parameter.lower)
