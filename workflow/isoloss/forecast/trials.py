"""Trials of a law: it is fitted to the smaller runs, and predicts the larger ones.

The trials have rolling origins: each fits the runs up to some compute and predicts all runs beyond
(leave-future-out validation; Buerkner, Gabry and Vehtari 2020, arXiv:1902.06281). Their errors are
scored by the density that a drifting law gives them. The density of a trial is averaged over its
runs, because the errors of one trial are errors of one extrapolation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from isoloss.fit.problem import CHUNK, Problem
from isoloss.fit.result import FitResult
from isoloss.fit.starts import starting_points
from isoloss.laws.allocation import BETWEEN
from isoloss.stats.spread import root_mean_square

TRIALS = 8
CLOSE = 0.01  # of the objective: a trial's fit is near enough to its minimum to predict
STARTS = 10  # of a trial's fit, beside the optimum of all runs
FAR = 0.3  # in ln C; runs closer to the fitted ones do not test an extrapolation
# The next four were chosen with all tables of docs/performance-fit.md in sight.
OVERLAP = 0.5  # trials of one table overlap: each counts as half of an independent one
LATE = 4.0  # power of the share of the runs that a trial is fitted to, in the trial's weight
ALIKE = 1.0  # in ln(D/N): runs of this much other shape count less
UNLIKE = 0.02  # what a run of quite another shape still counts
TAU = np.geomspace(1e-6, 0.5, 64)  # drifts that are weighed, of ln L for each unit of ln C
NOT_A_SIZE = ("n_unique_tokens", "loss_reached")


@dataclass(frozen=True)
class Trial:
    """One extrapolation.

    Attributes
    ----------
    share : float
        Of the runs, those that were fitted.
    error : ndarray, shape (run,)
        ln L measured minus predicted, of the runs beyond.
    distance : ndarray, shape (run,)
        ln C of each run beyond the largest fitted run.
    shape : ndarray or None, shape (run,)
        ln(D/N) of each run, for laws of N and D.
    noise, typical : float
        Of the fitted runs: the standard deviation of ln L, and the same without outliers, by the
        median. Both are freed of the fitted parameters.
    """

    share: float
    error: np.ndarray
    distance: np.ndarray
    shape: np.ndarray | None
    noise: float
    typical: float

    def log_density(self, noise: float, at_shape: float | None) -> np.ndarray:
        """Mean log density of the errors for each drift of `TAU`, shape (drift,).

        Runs that are farther, and whose shape is more like `at_shape`, count more.
        """
        weights = self.distance * alike(self.shape, at_shape, UNLIKE)
        variance = noise**2 + np.outer(TAU, self.distance) ** 2
        density = -(np.log(variance) + self.error**2 / variance) / 2
        return density @ (weights / weights.sum())


def sizes(variables: Iterable[str]) -> list[str]:
    """The variables whose product is the compute: N and D where both are there, or all sizes.

    So a batch or a learning rate beside N and D is none.
    """
    variables = list(variables)
    if set(BETWEEN) <= set(variables):
        return list(BETWEEN)
    return [name for name in variables if name not in NOT_A_SIZE]


def extent(log_x: Mapping[str, np.ndarray]) -> np.ndarray:
    """ln C of each row, up to a constant; for a law of one variable, ln of the variable.

    It is 0 for a law of no size, such as the critical batch against loss.
    """
    nothing = np.zeros_like(next(iter(log_x.values())))
    return sum((log_x[name] for name in sizes(log_x)), nothing)


def shape_of(log_x: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """ln(D/N) of each row; None for laws of other variables."""
    if not {"n_params", "n_tokens"} <= set(log_x):
        return None
    return log_x["n_tokens"] - log_x["n_params"]


def alike(shapes: np.ndarray | None, at_shape: float | None, unlike: float) -> np.ndarray | float:
    """How much each run counts for a run of another shape."""
    if shapes is None or at_shape is None:
        return 1.0
    return np.exp(-(((shapes - at_shape) / ALIKE) ** 2) / 2) + unlike


def trials_of(result: FitResult, first: int | None = None) -> list[Trial]:
    """Try a law on its own smaller runs.

    Parameters
    ----------
    first : int, optional
        Runs of the smallest fit; without it, two for each free parameter.
    """
    problem = result.problem
    size = extent(problem.log_x)
    edges = _edges(size, 2 * problem.n_free if first is None else first)
    small = [size <= edge + 1e-9 for edge in edges]
    large = [size > edge + FAR for edge in edges]
    tried = [i for i in range(len(edges))
             if large[i].any() and small[i].sum() > problem.n_free]  # fmt: skip
    thetas = _fits(result, [small[i] for i in tried])
    found = (
        _trial(problem, theta, small[i], large[i], size - edges[i])
        for i, theta in zip(tried, thetas, strict=True)
    )
    return [trial for trial in found if trial is not None]


def weighed(
    trials: list[Trial], log_prior: np.ndarray, robust: bool, at_shape: float | None
) -> np.ndarray:
    """Log weight of each drift of `TAU` after trials, shape (drift,), not normalised.

    Parameters
    ----------
    robust : bool
        Whether the noise of the runs is that without outliers.
    """
    counts = np.array([trial.share**LATE for trial in trials])
    total = log_prior
    for trial, share in zip(trials, counts / max(counts.sum(), 1e-300), strict=True):
        density = trial.log_density(trial.typical if robust else trial.noise, at_shape)
        total = total + OVERLAP * len(trials) * share * density
    return total


def _edges(size, first):
    """The largest fitted run of each trial."""
    ordered = np.sort(size)
    if len(ordered) <= first:
        return []
    places = np.linspace(first, len(ordered) - 1, TRIALS, endpoint=False).astype(int)
    return np.unique(ordered[places - 1])


@np.errstate(all="ignore")
def _fits(result, shares):
    """theta of the law fitted to each share of the rows, smallest first; None without a minimum."""
    found = []
    for group in _groups(shares):
        part = _rows(result.problem, group[-1])
        starts = [_starts(result, rows) for rows in group]
        starts = [np.clip(part.z(thetas), part.lower, part.upper) for thetas in starts]
        counts = [len(thetas) for thetas in starts]
        weights = np.repeat([rows[group[-1]] for rows in group], counts, axis=0)
        ends = part.solve(np.concatenate(starts), weights=weights.astype(float))
        last = np.cumsum(counts)
        for first, end in zip(last - counts, last, strict=True):
            best = first + int(np.argmin(ends.value[first:end]))
            minimum = ends.decrement[best] < CLOSE
            found.append(part.theta(ends.z[best])[None] if minimum else None)
    return found


def _groups(shares):
    """Shares that are solved as one batch, on the rows of the largest: few rows, many shares."""
    groups = [[]]
    for rows in shares:
        if groups[-1] and rows.sum() * (len(groups[-1]) + 1) * (STARTS + 2) > CHUNK:
            groups.append([])
        groups[-1].append(rows)
    return [group for group in groups if group]


def _starts(result, rows):
    """theta of the optimum of all runs, and of starts for some of the rows."""
    part = _rows(result.problem, rows)
    starts = starting_points(part)
    few = starts[:: max(1, len(starts) // STARTS)]
    return np.concatenate([result.theta[None], part.theta(few)])


@np.errstate(all="ignore")
def _trial(problem, theta, small, large, beyond):
    if theta is None:
        return None
    log_x = {name: x[large] for name, x in problem.log_x.items()}
    error = problem.log_loss[large] - problem.law.log_loss(theta, log_x)[0]
    if not np.isfinite(error).all():
        return None
    fitted = {name: x[small] for name, x in problem.log_x.items()}
    residual = problem.log_loss[small] - problem.law.log_loss(theta, fitted)[0]
    freed = np.sqrt(len(residual) / (len(residual) - problem.n_free))
    return Trial(
        share=small.sum() / len(small),
        error=error,
        distance=beyond[large],
        shape=shape_of(log_x),
        noise=freed * root_mean_square(residual),
        typical=freed * float(np.median(np.abs(residual))) / 0.6745,
    )


def _rows(problem: Problem, rows: np.ndarray) -> Problem:
    """The same problem, of some of the rows."""
    return replace(
        problem,
        log_x={name: x[rows] for name, x in problem.log_x.items()},
        log_loss=problem.log_loss[rows],
        weights=None if problem.weights is None else problem.weights[rows],
    )
