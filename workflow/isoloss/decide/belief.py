"""What a fit's draws say of a decision, and what a run would add to it.

The draws are an ensemble of laws that the runs so far allow. A run measured with noise of variance
s2 lowers the variance of the decision by cov(decision, ln L)**2 / (var(ln L) + s2), whatever it
gives, as far as all is normal: the update of the ensemble Kalman filter (Evensen 1994). It needs no
derivatives, and holds up where the law is not yet identified and its draws lie far apart.
"""

import copy

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.decide.candidates import Candidates
from isoloss.errors import UserError
from isoloss.fit.noise import MOST_LEVEL
from isoloss.fit.resample import noise_model
from isoloss.fit.result import FitResult
from isoloss.stats.intervals import bounds

DECISIONS = ("n_params", "loss", "a")
MIN_DRAWS = 100
TAIL = 0.02  # of the draws is cut off at either end: far from the runs some laws are wild
EXACT = 1e-18  # variance of ln L of a table without noise


class Belief:
    """The decision and what the candidates would measure, jointly normal.

    Attributes
    ----------
    variance : float
        Of the decision (of ln N* for n_params).
    along : ndarray, shape (candidate,)
        Its covariance with what each candidate would measure.
    spread : ndarray, shape (candidate, candidate)
        The covariance of the candidates' ln L.
    noise : ndarray, shape (candidate,)
        The variance with which each would be measured.
    """

    def __init__(
        self,
        result: FitResult,
        decision: str,
        target: float,
        among: Candidates,
        flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
    ):
        log_x = {"n_params": np.log(among.n_params), "n_tokens": np.log(among.n_tokens)}
        wanted = _decisions(result, decision, target, flops_per_param_token)
        with np.errstate(all="ignore"):
            seen = result.law.log_loss(result.draws, result.problem.log_x)
            losses = result.law.log_loss(result.draws, log_x)
        good = np.isfinite(wanted) & np.isfinite(losses).all(axis=1) & np.isfinite(seen).all(axis=1)
        if good.sum() < MIN_DRAWS:
            raise UserError("next", [f"only {good.sum()} draws of the law are usable"])
        lo, hi = bounds(wanted[good], result.level)
        self.factor = decision == "n_params"
        self.log_width = float(hi - lo)
        wanted, losses, seen = (_centred(values[good]) for values in (wanted, losses, seen))
        noise = _noise(result, log_x, seen)
        self.variance = self._first = float(np.mean(wanted**2))
        self.along = wanted @ losses / len(wanted)
        self.spread = losses.T @ losses / len(wanted)
        self.noise = np.maximum(noise**2, EXACT)
        self.done = np.zeros(len(noise), bool)
        self._least = self.left_by(~self.done)

    @property
    def width_now(self):
        return self._shown(self.log_width)

    def width(self):
        """Of the interval, after the runs that were chosen."""
        return self._shown(self.log_width * np.sqrt(max(self.variance, 0.0) / self._first))

    def least(self):
        """Of the interval, if every candidate were done."""
        return self._shown(self.log_width * self._least)

    def copy(self):
        """Another of the same, that may be changed."""
        other = copy.copy(self)
        other.done = self.done.copy()
        return other

    def gain(self):
        """By how much each candidate lowers the variance of the decision."""
        gain = self.along**2 / (np.diag(self.spread) + self.noise)
        return np.where(self.done, 0.0, gain)

    def measure(self, best: int):
        """Condition on a run of the candidate `best`."""
        row = self.spread[best]
        known = row / (row[best] + self.noise[best])
        self.variance -= self.along[best] ** 2 / (row[best] + self.noise[best])
        self.along = self.along - known * self.along[best]
        self.spread = self.spread - np.outer(known, row)
        self.done[best] = True

    def left_by(self, some):
        """The share of the interval's (log) width that these candidates together would leave."""
        along, total = self.along[some], self.spread[np.ix_(some, some)] + np.diag(self.noise[some])
        told = along @ np.linalg.solve(total, along)
        return float(np.sqrt(max(1 - told / max(self.variance, 1e-300), 0.0)))

    def _shown(self, width):
        return float(np.exp(width)) if self.factor else float(width)


def _decisions(result, decision, target, flops_per_param_token):
    """What each draw says: ln N*, the loss, or a; shape (draw,)."""
    columns = dict(zip(result.law.names, result.law.natural(result.draws).T, strict=True))
    with np.errstate(all="ignore"):
        if decision == "a":
            return result.law.derived(columns)["a"]
        found = result.law.optimum(columns, target, flops_per_param_token)[decision]
        return np.log(found) if decision == "n_params" else found


def _centred(values):
    """Values without their wild ends, about their mean; along the first axis."""
    lo, hi = np.quantile(values, [TAIL, 1 - TAIL], axis=0)
    values = np.clip(values, lo, hi)
    return values - values.mean(axis=0)


def _noise(result, log_x, seen) -> np.ndarray:
    """The standard deviation of each candidate's ln L.

    It is the noise model's, whose noise the draws of the method "residual" have. Those of other
    methods may spread wider than noise of that size explains, and then the noise is as much larger:
    by least squares the variances of the fitted values, each over its noise's, add up to the number
    of parameters.
    """
    problem = result.problem
    model = noise_model(problem, problem.z(result.theta[None])[0])
    fitted = np.exp(problem.law.log_loss(result.theta[None], problem.log_x)[0])
    middle = np.median(fitted)
    level = np.exp(problem.law.log_loss(result.theta[None], log_x)[0]) / middle
    level = level - np.minimum(fitted / middle, MOST_LEVEL).mean()
    level = np.clip(level, model.level.min(), model.level.max())  # no extrapolation of noise
    wider = 1.0
    if result.method != "residual":
        wider = np.sum(np.mean(seen**2, axis=0) / model.scale**2) / problem.n_free
    return np.sqrt(max(wider, 1.0)) * model.sd * np.exp(model.slope * level)
