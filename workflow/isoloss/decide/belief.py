"""The uncertainty of a decision given a fit's draws, and how much each candidate run reduces it.

The draws are an ensemble of the laws that the runs so far allow. A run with noise variance s2
lowers the variance of the decision by cov(decision, ln L)**2 / (var(ln L) + s2). This is the update
of the ensemble Kalman filter (Evensen 1994); for normal draws, it does not depend on the measured
value. It needs no derivatives, and is valid where the law is not yet identified and draws differ
much.
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
TAIL = 0.02  # share of the draws trimmed at either end: far from the runs, some laws are outliers
EXACT = 1e-18  # variance of ln L of a table without noise


class Belief:
    """The joint normal distribution of the decision and of the candidates' ln L.

    Attributes
    ----------
    variance : float
        Variance of the decision (of ln N* for n_params).
    along : ndarray, shape (candidate,)
        Covariance of the decision with each candidate's ln L.
    spread : ndarray, shape (candidate, candidate)
        Covariance of the candidates' ln L.
    noise : ndarray, shape (candidate,)
        Noise variance of a measurement of each candidate.
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
        log_x |= {name: np.full_like(log_x["n_tokens"], np.inf) for name in result.law.unlimited}
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
        """Width of the decision's interval today."""
        return self._shown(self.log_width)

    def width(self):
        """Width of the decision's interval after the chosen runs."""
        return self._shown(self.log_width * np.sqrt(max(self.variance, 0.0) / self._first))

    def least(self):
        """Width of the decision's interval if every candidate were done."""
        return self._shown(self.log_width * self._least)

    def copy(self):
        """A copy that can be changed."""
        other = copy.copy(self)
        other.done = self.done.copy()
        return other

    def gain(self):
        """The decrease of the decision's variance by each candidate, shape (candidate,)."""
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
        """The share of the interval's (log) width that remains after these candidates together."""
        along, total = self.along[some], self.spread[np.ix_(some, some)] + np.diag(self.noise[some])
        told = along @ np.linalg.solve(total, along)
        return float(np.sqrt(max(1 - told / max(self.variance, 1e-300), 0.0)))

    def _shown(self, width):
        return float(np.exp(width)) if self.factor else float(width)


def _decisions(result, decision, target, flops_per_param_token):
    """The decision by each draw: ln N*, the loss, or a; shape (draw,)."""
    columns = dict(zip(result.law.names, result.law.natural(result.draws).T, strict=True))
    with np.errstate(all="ignore"):
        if decision == "a":
            return result.law.exponents(columns, target, flops_per_param_token)["a"]
        found = result.law.optimum(columns, target, flops_per_param_token)[decision]
        return np.log(found) if decision == "n_params" else found


def _centred(values):
    """Values without outliers, minus their mean; along the first axis."""
    lo, hi = np.quantile(values, [TAIL, 1 - TAIL], axis=0)
    values = np.clip(values, lo, hi)
    return values - values.mean(axis=0)


def _noise(result, log_x, seen) -> np.ndarray:
    """The standard deviation of each candidate's ln L.

    For draws of the method "residual", it is that of the noise model. Draws of other methods may
    vary more than the model's noise explains; the noise is then larger by that ratio. The ratio
    follows from least squares: the variances of fitted values, each divided by its noise variance,
    add up to the number of parameters.
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
