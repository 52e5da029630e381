"""Doubt about a law: how little runs far from the target tell of the law at the target.

A law that fits the runs may bend on the way to the target. Losses then drift away from the law that
holds at the target. The drift is a Gaussian process (Kennedy and O'Hagan 2001, Bayesian calibration
of computer models) that is zero at the target. Its standard deviation grows in proportion to the
logarithm of the distance from the target, in each variable of the law. It is smooth, with a
correlation length of the distance of the farthest run. So neighbouring runs share their drift, and
many small runs cannot average it away. A setting, such as the learning rate, is counted from its
best value at the run's size and tokens. So a run with its best settings is near in these.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.fit.result import FitResult
from isoloss.forecast.drift import drift_of
from isoloss.forecast.trials import NOT_A_SIZE, extent

REACH = 2.0  # a pattern of misfit is taken for drift over this part of the runs' range of compute
LEAST_RANGE = 1.0  # of that range, and of the correlation length, in ln C or ln x


@dataclass(frozen=True)
class Doubt:
    """Covariance of the drift between runs.

    Attributes
    ----------
    per_log_compute : float
        Standard deviation of ln L for each unit of ln C between a run and the target.
    target, length : dict of str to float
        ln of each variable at the target, and the correlation length in it.
    result : FitResult or None
        The fit that gives the best settings; None for a law without settings.
    """

    per_log_compute: float
    target: dict[str, float]
    length: dict[str, float]
    result: FitResult | None = None

    def covariance(self, one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> np.ndarray:
        """Covariance of the drift of ln L, shape (run of `one`, run of `other`)."""
        total = np.zeros((_rows(one), _rows(other)))
        if not self.per_log_compute:
            return total
        one, other = _from_best(self.result, one), _from_best(self.result, other)
        for name, at in self.target.items():
            first, second = one[name] - at, other[name] - at
            apart = (first[:, None] - second) / self.length[name]
            total += np.outer(first, second) * np.exp(-(apart**2) / 2)
        return self.per_log_compute**2 * total

    def variance(self, log_x: dict[str, np.ndarray]) -> np.ndarray:
        """Variance of the drift of ln L, shape (run,): the diagonal of `covariance`."""
        log_x = _from_best(self.result, log_x)
        squares = (np.square(log_x[name] - at) for name, at in self.target.items())
        return self.per_log_compute**2 * sum(squares, np.zeros(_rows(log_x)))


def doubt_of(
    result: FitResult, places: dict[str, np.ndarray], per_log_compute: float | None = None
) -> Doubt:
    """The doubt about a fitted law at a target.

    It is the law's drift by trials on its own runs (`forecast.drift`). A significant lack of fit
    adds the pattern of the residuals, as drift over half the runs' range.

    Parameters
    ----------
    places : dict of str to ndarray, shape (point,)
        ln of the variables at the target; the doubt is about their mean.
    per_log_compute : float, optional
        The drift, where it is known; the trials of many rows take seconds.
    """
    per_log = per_log_compute
    if per_log is None:
        drift = drift_of(result)
        per_log = 0.0 if drift is None else drift.per_log_compute
    if rejected(result):
        across = max(float(np.ptp(extent(result.problem.log_x))) / REACH, LEAST_RANGE)
        per_log = float(np.hypot(per_log, result.misfit.size / across))
    places, seen = _from_best(result, places), _from_best(result, result.problem.log_x)
    target = {name: float(np.mean(x)) for name, x in places.items() if name not in NOT_A_SIZE}
    length = {n: max(float(np.abs(seen[n] - at).max()), LEAST_RANGE) for n, at in target.items()}
    return Doubt(per_log, target, length, result)


def _from_best(result, log_x):
    """`log_x` with each setting relative to its best at the N and D there."""
    if result is None or not result.law.settings:
        return log_x
    best = result.law.best(result.values, np.exp(log_x["n_params"]), np.exp(log_x["n_tokens"]))
    return log_x | {x: log_x[x] - np.log(best[x]) for x in best}


def rejected(result: FitResult) -> bool:
    """Whether lack of fit rejects the law, with a pattern larger than the noise beside it."""
    return result.misfit is not None and bool(
        result.misfit.significant and result.misfit.size > result.misfit.noise / 2
    )


def _rows(log_x):
    return len(next(iter(log_x.values())))
