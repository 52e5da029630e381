"""Bootstrap of a table: the resampled tables that the draws of an interval are fitted to.

"residual" is a parametric bootstrap: it keeps the design and draws new noise from a noise model
(`fit.noise`). "cluster" draws whole runs with replacement. It assumes nothing about the noise, but
on a designed grid of a few dozen runs it loses whole rows of the design. "wild" is the wild
cluster bootstrap, for a few runs with many rows each (Cameron, Gelbach and Miller 2008). It keeps
the design and multiplies all residuals of a run by one random weight (`fit.wild`). Where rows are
runs, it is the wild bootstrap of Wu (1986), which needs no noise model.
"""

import dataclasses

import numpy as np

from isoloss.fit.below import centre, opened
from isoloss.fit.newton import Minimised, joined
from isoloss.fit.noise import Noise, noise_of
from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.fit.progress import phase
from isoloss.fit.starts import starting_points
from isoloss.fit.uneven import changes_with
from isoloss.fit.wild import least_squares, turned_runs
from isoloss.stats import spread
from isoloss.tables.data import Data

MIN_CLUSTERS = 30  # below, drawing whole runs loses too much of the design
COMPARED_ROWS = 60  # with so many rows, "auto" compares the two methods
COMPARED_DRAWS = 200
MIDDLE = (0.16, 0.84)  # quantiles whose distance is compared between the methods
BLOCK = 4_000_000  # the most numbers of resampled tables in memory at once
MANY_ROWS = 150  # with so many rows, "cluster" covers as it should under any noise
ENOUGH = 1e-8  # share of the objective: draws are then within 1e-5 of their spread of their minimum
RESCUED = 0.05  # the largest share of draws without a minimum that are fitted again
UNEVEN = 0.2  # the largest p-value at which the noise model is not relied on
MISFIT = 1.4  # if "cluster" is wider by this factor, the noise model does not hold


def choose(problem: Problem, z, data: Data, rng: np.random.Generator) -> tuple[str, str | None]:
    """The method for a table, and a note with the reason where the choice is not obvious."""
    if data.clusters is not None and data.n_clusters < data.n_rows:
        return ("cluster" if data.n_clusters >= MIN_CLUSTERS else "wild"), None
    if data.n_rows < COMPARED_ROWS:
        p_value = changes_with(problem, noise_model(problem, z))
        if p_value < UNEVEN:
            return "wild", (
                f"the noise may change with the variables (p = {p_value:.2g}), so each row has "
                "noise of its own size"
            )
        return "residual", None
    if data.n_rows >= MANY_ROWS:
        return "cluster", None
    widths = {}
    for method in ("residual", "cluster"):
        found = problem.theta(draw(problem, z, data, method, COMPARED_DRAWS, rng).z)
        widths[method] = spread.between(found, MIDDLE)
    with np.errstate(all="ignore"):
        ratio = np.fmax.reduce(widths["cluster"] / widths["residual"])  # NaN: exact losses
    if ratio > MISFIT:
        return "cluster", (
            f"resampled rows spread {ratio:.1f} times as wide as new noise on the same design, so "
            "the residuals are no even noise; the wider intervals are given"
        )
    return "residual", None


def draw(problem: Problem, z, data: Data, method: str, draws: int, rng) -> Minimised:
    """Fits of resampled tables, each started from the optimum `z` of the measured one."""
    problem, z = opened(problem), centre(problem, z)
    tables_of = resampled(problem, z, data, method, draws, rng)
    if method == "wild":  # these tables are made for least squares
        problem = least_squares(problem)
    parts = []
    with phase("resampled tables", draws):
        for tables in tables_of:
            starts = np.repeat(z[None], len(next(iter(tables.values()))), axis=0)
            ends = problem.solve(starts, damping=0.1, enough=ENOUGH, **tables)
            parts.append(_again(problem, ends, tables))
    return joined(parts)


def resampled(problem: Problem, z, data: Data, method: str, draws: int, rng):
    """Resampled tables, in blocks: {"weights" or "log_loss": array (table, row)}."""
    clusters = np.arange(data.n_rows) if data.clusters is None else data.clusters
    fitted = problem.law.log_loss(problem.theta(z)[None], problem.log_x)[0]
    model = noise_model(problem, z) if method == "residual" else None
    turned = turned_runs(problem, z, clusters) if method == "wild" else None
    block = max(1, BLOCK // data.n_rows)
    for first in range(0, draws, block):
        size = min(block, draws - first)
        if method == "cluster":
            yield {"weights": cluster_weights(clusters, size, rng)}
        elif method == "wild":
            yield {"log_loss": fitted + turned.draw(size, rng)}
        else:
            yield {"log_loss": fitted + model.draw(size, rng)}


def cluster_weights(clusters: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row occurs when whole runs are drawn with replacement, shape (draw, row)."""
    number = int(clusters.max()) + 1
    drawn = rng.integers(number, size=(draws, number)) + number * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * number).reshape(draws, number)
    return counts[:, clusters].astype(float)


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
    """Fit draws without a minimum once more, from the whole grid of starts."""
    lost = np.flatnonzero(~ends.converged)
    if not 0 < len(lost) <= RESCUED * len(ends.value):
        return ends  # none; or so many that the verdict is "not identified"
    starts = starting_points(problem)
    for i in lost:
        alone = {name: np.repeat(rows[i : i + 1], len(starts), 0) for name, rows in tables.items()}
        tries = problem.solve(starts, **alone)
        best = int(np.argmin(np.where(tries.converged, tries.value, np.inf)))
        if tries.converged[best] and tries.value[best] <= ends.value[i] * (1 + 1e-9):
            ends.z[i], ends.value[i] = tries.z[best], tries.value[best]
            ends.decrement[i] = tries.decrement[best]
    return ends
