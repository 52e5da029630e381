"""Drift: the error of a law's extrapolation beyond the runs that it is fitted to.

The interval of a fit covers the noise of the runs, not a change of the law itself. Drift is
measured by backtests on the table. In several trials, the law is fitted to the smaller runs and
predicts the larger ones. The drift is the error that the trial's own interval does not explain. It
is a standard deviation of ln L that grows in proportion to ln C beyond the fitted runs. For a table
too small or too noisy for trials, the drift is that of published tables (docs/fitting.md,
benchmarks/forecast.py).
"""

from dataclasses import dataclass, replace

import numpy as np

from isoloss.fit.api import fit_problem
from isoloss.fit.result import FitResult
from isoloss.forecast.new_run import of_new_run, run_noise
from isoloss.stats.spread import standard_error
from isoloss.tables.data import Data

PUBLISHED = 0.03  # drift of ln L for each unit of ln C: typical of published tables at 10 times C
PUBLISHED_TRIALS = 2.0  # the number of trials that PUBLISHED counts as
SEED = 1
TRIALS = 6
DRAWS = 60
CLOSEST = 0.05  # in ln C; runs closer to the fitted ones do not measure drift
TELLING = 2.0  # times PUBLISHED; a trial with a wider interval of its own does not measure drift
NOT_A_SIZE = ("n_unique_tokens", "loss_reached")


@dataclass(frozen=True)
class Drift:
    """The errors of a law's extrapolation.

    Attributes
    ----------
    per_log_compute : float
        Standard deviation of ln L for each unit of ln C (or of the law's one variable) beyond the
        largest fitted run.
    n_trials : int
        Trials on the law's own runs; the published tables add a few more.
    reach : float
        ln C of the largest fitted run, up to a constant.
    """

    per_log_compute: float
    n_trials: int
    reach: float

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard deviation."""
        return PUBLISHED_TRIALS + self.n_trials

    @property
    def source(self) -> str:
        """The evidence for the drift, as text."""
        if not self.n_trials:
            return "as of published tables; too few runs to try the law on"
        return f"from {self.n_trials} trials on its own smaller runs, and published tables"

    def errors(self, result: FitResult, log_x: dict[str, np.ndarray]) -> np.ndarray:
        """Random errors of ln L at each point by drift, shape (draw, point).

        In one draw, the law drifts to the same side at all points.
        """
        beyond = np.maximum(extent(log_x) - self.reach, 0)
        student = np.random.default_rng(SEED).standard_t(self.freedom, size=len(result.draws))
        return self.per_log_compute * student[:, None] * beyond


@dataclass(frozen=True)
class Forecast:
    """The loss of one new run at some points, each of shape (point,).

    Attributes
    ----------
    loss, lo, hi : ndarray
        The loss; its interval with the noise of a run and the drift of the law.
    law_lo, law_hi : ndarray
        The interval with the noise of a run, without drift.
    drift : Drift or None
    """

    loss: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    law_lo: np.ndarray
    law_hi: np.ndarray
    drift: Drift | None


def extent(log_x: dict[str, np.ndarray]) -> np.ndarray:
    """ln C of each row, up to a constant; for a law of one variable, ln of the variable."""
    return sum(x for name, x in log_x.items() if name not in NOT_A_SIZE)


def forecast(result: FitResult, log_x: dict[str, np.ndarray]) -> Forecast:
    """The loss of one new run at some points, with the law's drift in the interval.

    Parameters
    ----------
    log_x : dict of str to ndarray, shape (point,)
        ln of the law's variables.
    """
    loss, law_lo, law_hi = of_new_run(result, log_x)
    drift = drift_of(result)
    errors = 0.0 if drift is None else drift.errors(result, log_x)
    _, lo, hi = of_new_run(result, log_x, errors)
    return Forecast(loss=loss, lo=lo, hi=hi, law_lo=law_lo, law_hi=law_hi, drift=drift)


def drift_of(result: FitResult) -> Drift | None:
    """Measure the drift of a fitted law by trials on its own runs.

    Returns
    -------
    Drift or None
        None for a law that does not extrapolate in size, such as the critical batch against loss.
    """
    if not set(result.law.variables) - set(NOT_A_SIZE):
        return None
    size = extent(result.problem.log_x)
    trials = (_trial(result, size, edge) for edge in _edges(size, result.problem.n_free))
    squares = [square for square in trials if square is not None]
    known = PUBLISHED_TRIALS * PUBLISHED**2 + sum(squares)
    sd = float(np.sqrt(known / (PUBLISHED_TRIALS + len(squares))))
    return Drift(per_log_compute=sd, n_trials=len(squares), reach=float(size.max()))


def _edges(size, n_free):
    """The largest fitted run of each trial: from 2 runs per parameter up to nearly all runs."""
    ordered = np.sort(size)
    first = 2 * n_free
    if len(ordered) <= first:
        return []
    places = np.linspace(first, len(ordered) - 1, TRIALS, endpoint=False).astype(int)
    return np.unique(ordered[places - 1])


def _trial(result, size, edge):
    """Squared error of the small runs' law on the larger runs, per unit of ln C; or None.

    The variance that the law's own interval and the noise explain is subtracted. None where that
    variance is too large.
    """
    small, large = size <= edge + 1e-9, size > edge + CLOSEST
    if not large.any():
        return None
    fitted = _of_rows(result, small)
    if not len(fitted.draws):
        return None
    log_x = {name: x[large] for name, x in result.problem.log_x.items()}
    error = fitted.law.log_loss(fitted.theta[None], log_x)[0] - result.problem.log_loss[large]
    with np.errstate(all="ignore"):
        many = fitted.law.log_loss(fitted.draws, log_x)
    explained = standard_error(many) ** 2 + np.var(run_noise(fitted))
    unit = np.mean((size[large] - edge) ** 2)
    if not np.mean(explained) < unit * (TELLING * PUBLISHED) ** 2:
        return None
    return max(0.0, float(np.mean(error**2 - explained) / unit))


def _of_rows(result, rows):
    """The same fit, to some of the rows."""
    problem = result.problem
    log_x = {name: x[rows] for name, x in problem.log_x.items()}
    weights = None if problem.weights is None else problem.weights[rows]
    part = replace(problem, log_x=log_x, log_loss=problem.log_loss[rows], weights=weights)
    clustered = result.n_clusters < result.n_rows
    data = Data(log_x, part.log_loss, weights, result.clusters[rows] if clustered else None)
    method = "auto" if result.method == "none" else result.method
    return fit_problem(part, data, level=result.level, draws=DRAWS, method=method, seed=0)
