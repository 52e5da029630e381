"""Tables like the one measured: what the draws of an interval are fitted to.

"residual" keeps the design and draws new noise for it, from a model of how large the noise is
(`fit.noise`). "cluster" draws whole runs with replacement: it assumes nothing about the noise, but
on a designed grid of a few dozen runs it loses whole rows of the design. "wild" keeps the design
and turns the residuals of each run over together, for a few runs with many rows each (Cameron,
Gelbach and Miller 2008).
"""

import dataclasses

import numpy as np

from isoloss.fit.newton import Minimised, joined
from isoloss.fit.noise import Noise, noise_of
from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.fit.starts import starting_points
from isoloss.stats import spread, student
from isoloss.tables.data import Data

MIN_CLUSTERS = 30  # below, drawing whole runs loses too much of the design
COMPARED_ROWS = 60  # from here on both methods are at hand, and "auto" compares them
COMPARED_DRAWS = 200
MIDDLE = (0.16, 0.84)  # quantiles between which their draws are compared
BLOCK = 4_000_000  # numbers of resampled tables that are held at once
MANY_ROWS = 150  # from here on drawing rows covers as it should, whatever the noise is like
ENOUGH = 1e-8  # share of the objective: draws are then within 1e-5 of their spread of their minimum
RESCUED = 0.05  # share of the draws that are tried again where they found no minimum
# What residuals are multiplied by: mean 0, variance 1. Two signs alone give 2**runs tables, too few
# where runs are few (Webb 2023).
TURNS = np.outer([-1.0, 1.0], np.sqrt([0.5, 1.0, 1.5])).ravel()
LEAST_LEFT = 0.01  # of a residual by the fit's leverage; less cannot be scaled back up
MISFIT = 1.4  # wider by this factor: the noise is not as the model of it says


def choose(problem: Problem, z, data: Data, rng: np.random.Generator) -> tuple[str, str | None]:
    """The method for a table, and a note that says why where that is not plain."""
    if data.clusters is not None and data.n_clusters < data.n_rows:
        return ("cluster" if data.n_clusters >= MIN_CLUSTERS else "wild"), None
    if data.n_rows < COMPARED_ROWS:
        return "residual", None
    if data.n_rows >= MANY_ROWS:
        return "cluster", None
    widths = {}
    for method in ("residual", "cluster"):
        found = problem.theta(draw(problem, z, data, method, COMPARED_DRAWS, rng).z)
        widths[method] = spread.between(found, MIDDLE)
    with np.errstate(all="ignore"):
        ratio = np.nanmax(widths["cluster"] / widths["residual"])
    if ratio > MISFIT:
        return "cluster", (
            f"rows drawn with replacement spread {ratio:.1f} times as wide as new noise on the "
            "same design: the residuals are no even noise, and the wider intervals are given"
        )
    return "residual", None


def draw(problem: Problem, z, data: Data, method: str, draws: int, rng) -> Minimised:
    """Fits of resampled tables, each started from the optimum `z` of the measured one."""
    parts = []
    for tables in resampled(problem, z, data, method, draws, rng):
        starts = np.repeat(z[None], len(next(iter(tables.values()))), axis=0)
        ends = problem.solve(starts, damping=0.1, enough=ENOUGH, **tables)
        parts.append(_again(problem, ends, tables))
    return joined(parts)


def resampled(problem: Problem, z, data: Data, method: str, draws: int, rng):
    """The resampled tables, some at a time: {"weights" or "log_loss": array (table, row)}."""
    clusters = np.arange(data.n_rows) if data.clusters is None else data.clusters
    fitted = problem.law.log_loss(problem.theta(z)[None], problem.log_x)[0]
    model = noise_model(problem, z) if method == "residual" else None
    freed = _freed(problem, z, clusters) if method == "wild" else None
    block = max(1, BLOCK // data.n_rows)
    for first in range(0, draws, block):
        size = min(block, draws - first)
        if method == "cluster":
            yield {"weights": cluster_weights(clusters, size, rng)}
        elif method == "wild":
            yield {"log_loss": fitted + wild(freed, clusters, size, rng)}
        else:
            yield {"log_loss": fitted + model.draw(size, rng)}


def cluster_weights(clusters: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row occurs when runs are drawn with replacement, shape (draw, row)."""
    number = int(clusters.max()) + 1
    drawn = rng.integers(number, size=(draws, number)) + number * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * number).reshape(draws, number)
    return counts[:, clusters].astype(float)


def wild(residual, clusters, draws, rng) -> np.ndarray:
    """Residuals, each run's turned over together, shape (draw, row).

    They are as uncertain in size as so few runs leave it, which makes Student's t of the normal
    distribution.
    """
    number = int(clusters.max()) + 1
    freedom = max(number - 1, 1)
    turned = rng.choice(TURNS, size=(draws, number))
    turned *= student.scales(freedom, draws, rng)
    return turned[:, clusters] * residual


def _freed(problem, z, clusters):
    """Residuals of least squares, each run's times (1 - H)**-1/2 (Bell and McCaffrey 2002).

    H is the run's own block of the hat matrix: what the fit took of it. Those of the robust fit
    itself will not do: with absolute deviations as many are zero as there are parameters.
    """
    squares = dataclasses.replace(problem, objective=Objective("lsq"))
    at = squares.solve(z[None], damping=0.1, enough=ENOUGH).z[0]
    residual = problem.log_loss - problem.law.log_loss(problem.theta(at)[None], problem.log_x)[0]
    basis = np.linalg.qr(squares.jacobian(at))[0]
    freed = np.empty_like(residual)
    for run in range(int(clusters.max()) + 1):
        rows = clusters == run
        left, size, _ = np.linalg.svd(basis[rows], full_matrices=False)
        grown = 1 / np.sqrt(np.maximum(1 - size**2, LEAST_LEFT)) - 1
        freed[rows] = residual[rows] + left @ (grown * (left.T @ residual[rows]))
    return freed


def noise_model(problem: Problem, z: np.ndarray) -> Noise:
    """The noise of a table, from weighted least-squares fits that start at its optimum."""
    own = 1.0 if problem.weights is None else problem.weights
    at = z

    def fit_weighted(weights):
        nonlocal at  # the next weights' optimum is near
        squares = dataclasses.replace(
            problem, objective=Objective("lsq"), weights=own * weights / np.mean(weights)
        )
        at = squares.solve(at[None], damping=0.1, enough=ENOUGH).z[0]
        model = problem.law.log_loss(problem.theta(at)[None], problem.log_x)[0]
        return problem.log_loss - model, squares.jacobian(at)

    fitted = problem.law.log_loss(problem.theta(z)[None], problem.log_x)[0]
    return noise_of(fit_weighted, fitted, problem.n_free)


def _again(problem: Problem, ends: Minimised, tables: dict) -> Minimised:
    """Draws without a minimum, once more from the whole grid of starts."""
    lost = np.flatnonzero(~ends.converged)
    if not 0 < len(lost) <= RESCUED * len(ends.value):
        return ends  # none, or so many that the law is not determined: the verdict says so
    starts = starting_points(problem)
    for i in lost:
        alone = {name: np.repeat(rows[i : i + 1], len(starts), 0) for name, rows in tables.items()}
        tries = problem.solve(starts, **alone)
        best = int(np.argmin(np.where(tries.converged, tries.value, np.inf)))
        if tries.converged[best] and tries.value[best] <= ends.value[i] * (1 + 1e-9):
            ends.z[i], ends.value[i] = tries.z[best], tries.value[best]
            ends.decrement[i] = tries.decrement[best]
    return ends
