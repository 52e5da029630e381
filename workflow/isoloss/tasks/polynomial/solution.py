"""Least-squares polynomials in closed form: errors are computed, not sampled.

Inputs are uniform on [-1, 1]. The basis phi_k = sqrt(2 k + 1) P_k (Legendre) is orthonormal under
that density. A fit is a weighted least-squares problem on the design's points x with weights w.
With the weights of a quadrature ("grid"), its solution is the L2 projection of the target. With
equal weights ("random"), it is ordinary least squares.

With y = f(x) + noise, the coefficients are those of the noiseless fit plus A noise, where
A = (Phi' W Phi)^-1 Phi' W. Phi is orthonormal, so given the design, the noise adds exactly
noise_sd^2 tr(A A') to the expected error. For ordinary least squares, this is
noise_sd^2 tr((Phi' Phi)^-1). (It is not noise_sd^2 p / n, the error at the design's own points.)
"""

import math
from typing import Any

import numpy as np
from scipy.special import roots_legendre

from isoloss.tasks.polynomial.settings import PolynomialRun
from isoloss.tasks.streams import numpy_stream

TARGETS = {"sine": lambda x: np.sin(np.pi * x), "abs": np.abs}


def solve(run: PolynomialRun, seed: int) -> dict[str, Any]:
    """The final row of one run: means over its repeats, each with a fresh design and fresh noise.

    Returns
    -------
    dict
        n_params, n_samples : coefficients, degree + 1; samples of one repeat.
        excess_loss : mean squared error against the noiseless target, over all x.
        loss : mean squared error against noisy values, excess_loss + noise_sd^2.
        loss_se : standard error of both over the repeats; None for one repeat.
        approximation_loss : the excess_loss of noiseless fits on the same designs.
        variance_loss : mean square of the fits' change by noise; None without noise.
        theory_loss : expectation of variance_loss given the designs, noise_sd^2 tr(A A').
        variance_loss_se : standard error of variance_loss around theory_loss, exact for normal
            noise given the designs: one repeat has the variance 2 noise_sd^4 tr((A A')^2).
    """
    task, degree, n = run.task, run.model.degree, run.data.n_samples
    f = TARGETS[task.target]
    rng = numpy_stream(seed, "data", n)
    x_all, w_all = half_interval_nodes(run.data.n_heldout)
    phi_all, y_all = basis(x_all, degree), f(x_all)

    def error(coefficients: np.ndarray) -> float:
        return w_all @ (phi_all @ coefficients - y_all) ** 2

    rows = []
    fit = None
    for _ in range(task.repeats):
        if fit is None or task.design == "random":
            x, w = design(task.design, n, rng)
            fit = least_squares(basis(x, degree), w)
            clean = fit @ f(x)
            spread = fit @ fit.T
        if not task.noise_sd:
            rows.append((error(clean), error(clean), 0.0, 0.0, 0.0))
            continue
        added = fit @ (task.noise_sd * rng.standard_normal(n))
        expected = task.noise_sd**2 * np.trace(spread)
        variance_of = 2 * task.noise_sd**4 * np.sum(spread**2)
        rows.append((error(clean + added), error(clean), added @ added, expected, variance_of))
    excess, approximation, variance, theory, variance_of = np.array(rows).T
    row = {
        "n_params": degree + 1,
        "n_params_non_embedding": degree + 1,
        "n_samples": n,
        "loss": float(excess.mean()) + task.noise_sd**2,
        "loss_se": standard_error(excess),
        "excess_loss": float(excess.mean()),
        "approximation_loss": float(approximation.mean()),
    }
    if task.noise_sd:
        row["variance_loss"] = float(variance.mean())
        row["variance_loss_se"] = math.sqrt(variance_of.sum()) / task.repeats
        row["theory_loss"] = float(theory.mean())
    return row


def basis(x: np.ndarray, degree: int) -> np.ndarray:
    """The orthonormal Legendre polynomials of degree 0 ... `degree` at x, shape (n, degree + 1)."""
    return np.polynomial.legendre.legvander(x, degree) * np.sqrt(2 * np.arange(degree + 1) + 1)


def least_squares(phi: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A = (Phi' W Phi)^-1 Phi' W, shape (degree + 1, n): coefficients = A y."""
    root = np.sqrt(weights)[:, None]
    q, r = np.linalg.qr(phi * root)
    return np.linalg.solve(r, (q * root).T)


def design(name: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`n` points and the weights of their squared errors, which add up to 1."""
    if name == "grid":
        return half_interval_nodes(n)
    return rng.uniform(-1, 1, n), np.full(n, 1 / n)


def half_interval_nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """`n` Gauss-Legendre nodes in all, on [-1, 0] and on [0, 1], with weights that add up to 1.

    The split at 0 is at the kink of |x|. So the rule is exact for |x| times a polynomial of degree
    below n - 2, as for the polynomial alone.
    """
    left, right = ((size, *roots_legendre(size)) for size in (max(n // 2, 1), n - n // 2))
    x = np.concatenate([(left[1] - 1) / 2, (right[1] + 1) / 2])
    return x, np.concatenate([left[2], right[2]]) / 4


def standard_error(values: np.ndarray) -> float | None:
    """Standard error of the mean; None for a single value."""
    if len(values) < 2:
        return None
    return float(values.std(ddof=1)) / math.sqrt(len(values))
