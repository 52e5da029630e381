"""Drift: the error of a law's extrapolation beyond the runs that it is fitted to.

The interval of a fit covers the noise of the runs, not a change of the law itself. Drift is
measured by trials on the table (`forecast.trials`): the law is fitted to the smaller runs and
predicts the larger ones. It is a standard deviation of ln L that grows in proportion to ln C beyond
the fitted runs. Before any trial it is what published tables say of the law: a log-normal
distribution. Each trial narrows that, and trials without an error bring it towards zero
(docs/fitting.md, benchmarks/forecast.py).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.fit.result import FitResult
from isoloss.forecast.new_run import bounded, of_new_run
from isoloss.forecast.trials import (
    TAU,
    Trial,
    extent,
    shape_of,
    sizes,
    trials_of,
    weighed,
)

# Of published tables at ten times C and more: the typical drift of ln L for each unit of ln C.
PUBLISHED = {"chinchilla": 0.007, "skaling": 0.007, "kaplan_nd": 0.01}
OF_OTHERS = 0.008
SCATTER = 1.0  # between published tables: standard deviation of ln drift
SEED = 1
TRIM = (0.02, 0.98)  # shares of the draws that count for the spread of a law


@dataclass(frozen=True)
class Drift:
    """The errors of a law's extrapolation.

    Attributes
    ----------
    law : str
    trials : list of Trial
        Trials on the law's own runs.
    reach : float
        ln C of the largest fitted run, up to a constant.
    """

    law: str
    trials: list[Trial]
    reach: float

    @property
    def n_trials(self) -> int:
        """Trials on the law's own runs."""
        return len(self.trials)

    @property
    def per_log_compute(self) -> float:
        """Standard deviation of ln L for each unit of ln C beyond the largest fitted run."""
        return float(np.sqrt(self.shares(None) @ TAU**2))

    @property
    def source(self) -> str:
        """The evidence for the drift, as text."""
        if not self.n_trials:
            return "as of published tables; too few runs to try the law on"
        return f"from {self.n_trials} trials on its own smaller runs, and published tables"

    def to_dict(self) -> dict[str, Any]:
        """The drift in numbers and words, for JSON."""
        names = ("per_log_compute", "n_trials", "reach", "source")
        return {name: getattr(self, name) for name in names}

    def shares(self, at_shape: float | None) -> np.ndarray:
        """Probability of each drift of `TAU`, for runs of a shape ln(D/N), shape (drift,)."""
        log = weighed(self.trials, prior(self.law), False, at_shape)
        shares = np.exp(log - log.max())
        return shares / shares.sum()

    def errors(
        self, result: FitResult, log_x: dict[str, np.ndarray], side: np.ndarray | None = None
    ) -> np.ndarray:
        """Random errors of ln L at each point by drift, shape (draw, point).

        `side` has the standard normal number of each draw by which it drifts; drawn, if not given.

        In one draw, the law drifts to the same side at all points. Trials err by drift and by what
        the law's draws already spread. So only the part of the drift beyond that spread is added.
        """
        rng = np.random.default_rng(SEED)
        drawn, place = rng.standard_normal(len(result.draws)), rng.random(len(result.draws))
        side = drawn if side is None else side
        beyond = np.maximum(extent(log_x) - self.reach, 0)
        shapes = shape_of(log_x)
        errors = np.zeros((len(result.draws), len(beyond)))
        if not len(result.draws):
            return errors
        with np.errstate(all="ignore"):
            curves = result.law.log_loss(result.draws, log_x)
        for i in np.flatnonzero(beyond > 0):
            shares = self.shares(None if shapes is None else shapes[i])
            drift = TAU[np.minimum(np.searchsorted(np.cumsum(shares), place), len(TAU) - 1)]
            more = (drift * beyond[i]) ** 2 - _variance(curves[:, i])
            errors[:, i] = side * np.sqrt(np.maximum(more, 0))
        return errors


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


def _variance(draws):
    """Variance of draws without their tails; 0 where none is finite."""
    draws = draws[np.isfinite(draws)]
    return float(np.var(np.clip(draws, *np.quantile(draws, TRIM)))) if len(draws) else 0.0


def prior(law: str) -> np.ndarray:
    """Log weight of each drift of `TAU` before any trial, normalised, shape (drift,)."""
    log = -((np.log(TAU / PUBLISHED.get(law, OF_OTHERS)) / SCATTER) ** 2) / 2
    return log - np.log(np.exp(log).sum())


def forecast(result: FitResult, log_x: dict[str, np.ndarray], at_optimum: bool = False) -> Forecast:
    """The loss of one new run at some points, with the law's drift in the interval.

    Its upper end is at most the lowest loss of a run with at most as large N and D, and at most
    half the compute.

    Parameters
    ----------
    log_x : dict of str to ndarray, shape (point,)
        ln of the law's variables.
    at_optimum : bool
        Whether the points are optima of their compute: then each run of at most half of it has a
        loss at least as high.
    """
    loss, law_lo, law_hi = of_new_run(result, log_x)
    drift = drift_of(result)
    errors = 0.0 if drift is None else drift.errors(result, log_x)
    _, lo, hi = of_new_run(result, log_x, errors)
    most = bounded(result.problem, log_x, at_optimum)
    loss, hi = np.minimum(loss, most), np.minimum(hi, most)
    lo = np.minimum(lo, hi)
    return Forecast(loss=loss, lo=lo, hi=hi, law_lo=law_lo, law_hi=law_hi, drift=drift)


def drift_of(result: FitResult, first: int | None = None) -> Drift | None:
    """Measure the drift of a fitted law by trials on its own runs.

    Parameters
    ----------
    first : int, optional
        Runs of the smallest trial (`forecast.trials.trials_of`).

    Returns
    -------
    Drift or None
        None for a law that does not extrapolate in size, such as the critical batch against loss.
    """
    if not sizes(result.law.variables):
        return None
    reach = float(extent(result.problem.log_x).max())
    return Drift(result.law.name, trials_of(result, first), reach)
