"""Starts of the solver: a grid over the exponents; the other parameters are solved linearly.

Given the exponents, L is linear in the coefficients and the floor (variable projection, Golub and
Pereyra 1973). So a start needs only the exponents: 64 starts cover what takes 4,500 otherwise.
"""

import numpy as np

from isoloss.fit.problem import Problem

SMALLEST = 1e-6  # share of the loss at which a coefficient starts if its solution is <= 0


def starting_points(problem: Problem) -> np.ndarray:
    """Starts, shape (start, free parameter)."""
    law, log_x = problem.law, problem.log_x
    theta = law.shapes(log_x, problem.log_loss)
    if law.linear:
        project(problem, theta)
    starts = problem.z(theta)
    starts = np.clip(starts[np.isfinite(starts).all(axis=1)], problem.lower, problem.upper)
    return np.unique(starts, axis=0)


@np.errstate(all="ignore")
def project(problem: Problem, theta: np.ndarray) -> None:
    """Fill in the linear parameters by least squares of the relative residual, kept positive."""
    law = problem.law
    index = {name: i for i, name in enumerate(law.names)}
    loss = np.exp(problem.log_loss)
    basis = law.basis(theta, problem.log_x) / loss
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
