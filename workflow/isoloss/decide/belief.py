"""The uncertainty of an answer given fitted laws, and how much each candidate run reduces it.

The draws of one or several fits are an ensemble of the laws that the runs so far allow. A run with
noise variance s2 lowers the variance of an answer by cov(answer, ln L)**2 / (var(ln L) + s2). This
is the update of the ensemble Kalman filter (Evensen 1994); for normal draws, it does not depend on
the measured value. It needs no derivatives, and is valid where the law is not yet identified and
draws differ much. With several laws, the ensemble also varies between them, each with draws in
proportion to its weight. The runs that tell them apart then count (Li et al. 2026,
arXiv:2604.22753).

Doubt about the law (`decide.doubt`) adds the drift of ln L between each run and the target. It
moves the runs so far as well, so it also widens the answer.
"""

import copy
from collections.abc import Sequence

import numpy as np

from isoloss.decide.candidates import Candidates
from isoloss.decide.doubt import Doubt
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit.noise import MOST_LEVEL
from isoloss.fit.resample import noise_model
from isoloss.fit.result import FitResult
from isoloss.stats.intervals import bounds

MIN_DRAWS = 100
TAIL = 0.02  # share of the draws trimmed at either end: far from the runs, some laws are outliers
EXACT = 1e-18  # variance of ln L of a table without noise
MOST = 600  # candidates of the largest gain, which stand for all in `left_by`
ROWS = 1000  # rows of a long table that stand for all when their drift is computed
STEP = 1e-5  # of a central difference of the answers by the free parameters


class Belief:
    """The joint normal distribution of the answers and of the candidates' ln L.

    Attributes
    ----------
    variance : float
        Mean variance of the answers (of ln N* for n_params).
    along : ndarray, shape (answer, candidate)
        Covariance of each answer with each candidate's ln L.
    spread : ndarray, shape (candidate, candidate)
        Covariance of the candidates' ln L before any of them is run.
    noise : ndarray, shape (candidate,)
        Noise variance of a measurement of each candidate.
    seen_noise : ndarray, shape (row,)
        Standard deviation of ln L of each run so far.
    done : ndarray, shape (candidate,)
        The candidates that were run.
    question, among : Question, Candidates
        What was asked, and of which runs.
    """

    def __init__(
        self,
        results: FitResult | Sequence[FitResult],
        question: Question,
        among: Candidates,
        weights: Sequence[float] | None = None,
    ):
        results = [results] if isinstance(results, FitResult) else list(results)
        wanted, losses, seen, of = _draws(results, question, among, weights)
        lo, hi = bounds(wanted, results[0].level)
        self.factor = question.factor
        self.log_width = float(np.mean(hi - lo))
        wanted, losses = _centred(wanted), _centred(losses)
        seen = _centred(seen[of == 0])
        self.noise = np.maximum(_noise(results[0], among.log_x, seen) ** 2, EXACT)
        own = _noise(results[0], results[0].problem.log_x, seen)
        self.seen_noise = np.maximum(own, np.sqrt(EXACT))
        self.along = wanted.T @ losses / len(wanted)
        self.spread = losses.T @ losses / len(wanted)
        self.variance = self._first = float(np.mean(wanted**2))
        self._told: list[np.ndarray] = []
        self._diagonal = np.diag(self.spread).copy()
        self.done = np.zeros(len(self.noise), bool)
        self.question, self.among = question, among
        self._fits = [(result, float(np.mean(of == i))) for i, result in enumerate(results)]

    def doubted(self, doubts: Doubt | Sequence[Doubt]) -> "Belief":
        """The belief with the drift of the laws counted: one doubt for all, or one for each."""
        doubts = [doubts] * len(self._fits) if isinstance(doubts, Doubt) else doubts
        other = self.copy()
        if any(doubt.per_log_compute for doubt in doubts):
            other.spread, other.along = self.spread.copy(), self.along.copy()
            for (result, share), doubt in zip(self._fits, doubts, strict=True):
                other._drift(result, doubt, share)
            other.log_width *= float(np.sqrt(other.variance / self.variance))
            other._first = other.variance
            other._diagonal = np.diag(other.spread).copy()
        return other

    @property
    def width_now(self):
        """Width of the answer's interval today."""
        return self._shown(self.log_width)

    def width(self):
        """Width of the answer's interval after the runs that are done."""
        return self._shown(self.log_width * np.sqrt(max(self.variance, 0.0) / self._first))

    def least(self, first: int | None = None):
        """Width of the answer's interval if every candidate (of the first ones) were done."""
        some = np.arange(len(self.noise)) < (len(self.noise) if first is None else first)
        return self._shown(self.log_width * self.left_by(some))

    def after(self, rows) -> float:
        """Width of the answer's interval after some candidates, from today."""
        share = self._left(np.asarray(rows, int)) * max(self.variance, 0.0) / self._first
        return self._shown(self.log_width * np.sqrt(share))

    def copy(self):
        """A copy that can be changed."""
        other = copy.copy(self)
        other.done, other._told = self.done.copy(), list(self._told)
        other._diagonal = self._diagonal.copy()
        return other

    def gain(self):
        """The decrease of the answer's variance by each candidate, shape (candidate,)."""
        gain = np.mean(self.along**2, axis=0) / (self._diagonal + self.noise)
        return np.where(self.done, 0.0, gain)

    def measure(self, best: int):
        """Condition on a run of the candidate `best`."""
        row = self.spread[best].copy()
        for told in self._told:
            row -= told[best] * told
        total = row[best] + self.noise[best]
        told, by = row / np.sqrt(total), self.along[:, best] / np.sqrt(total)
        self._told.append(told)
        self.variance -= float(np.mean(by**2))
        self.along = self.along - np.outer(by, told)
        self._diagonal -= told**2
        self.done[best] = True

    def left_by(self, some):
        """The share of the interval's (log) width that remains after these candidates together."""
        rows = np.flatnonzero(some)
        if len(rows) > MOST:
            rows = rows[np.argsort(-self.gain()[rows], kind="stable")[:MOST]]
        return float(np.sqrt(self._left(rows)))

    def _left(self, rows):
        """The share of the answer's variance that remains after some candidates together."""
        along, total = self.along[:, rows], self.spread[np.ix_(rows, rows)]
        if self._told:
            told = np.stack(self._told)[:, rows]
            total = total - told.T @ told
        solved = np.linalg.solve(total + np.diag(self.noise[rows]), along.T)
        left = 1 - float(np.mean(np.sum(along.T * solved, axis=0))) / max(self.variance, 1e-300)
        return max(left, 0.0)

    def _shown(self, width):
        return float(np.exp(width)) if self.factor else float(width)

    def _drift(self, result, doubt, share):
        """Add what drift does: the draws move with that of the runs so far, runs have their own.

        A fit to losses with drift is off by K times the drift, K the fit's gain; all is linear.
        """
        question, among = self.question, self.among
        problem, z = result.problem, result.problem.z(result.theta[None])[0]
        few = np.unique(np.linspace(0, result.n_rows - 1, ROWS).astype(int))
        seen = {name: x[few] for name, x in problem.log_x.items()}
        jacobian, noise = problem.jacobian(z)[few], _noise(result, seen, None)
        weighted = jacobian / np.maximum(noise, np.sqrt(EXACT))[:, None]
        gain = np.linalg.pinv(weighted, rcond=1e-4) / np.maximum(noise, np.sqrt(EXACT))
        by_z = (
            problem.slopes(result.theta, among.log_x) @ gain
        )  # candidate's ln L, per drift of a run so far
        wanted = _slopes(question, problem, z) @ gain
        at = question.places(problem.law, result.theta) if question.region is not None else None
        seen_seen, own = doubt.covariance(seen, seen), doubt.covariance(seen, among.log_x)
        moved = by_z @ seen_seen
        self.spread += share * (
            moved @ by_z.T - by_z @ own - (by_z @ own).T
            + doubt.covariance(among.log_x, among.log_x)
        )  # fmt: skip
        along = wanted @ seen_seen @ by_z.T - wanted @ own
        added = np.sum((wanted @ seen_seen) * wanted, axis=1)
        if at is not None:  # the answers are losses with drift of their own
            along += doubt.covariance(at, among.log_x) - doubt.covariance(at, seen) @ by_z.T
            added -= 2 * np.sum(wanted * doubt.covariance(at, seen), axis=1)
            added += np.diag(doubt.covariance(at, at))
        self.along += share * along
        self.variance += share * float(np.mean(added))


def _draws(results, question, among, weights):
    """Answers, candidates' ln L, the runs' ln L, and the fit of each draw; usable draws only.

    The law of the largest weight has all its draws, and another a share in proportion.
    """
    weights = np.ones(len(results)) if weights is None else np.asarray(weights) / max(weights)
    parts = []
    for i, (result, weight) in enumerate(zip(results, weights, strict=True)):
        few = np.linspace(0, len(result.draws), round(weight * len(result.draws)), endpoint=False)
        draws = result.draws[few.astype(int)]
        with np.errstate(all="ignore"):
            part = [
                question.answers(result.law, draws),
                result.law.log_loss(draws, among.log_x),
                result.law.log_loss(draws, result.problem.log_x),
            ]
        good = np.all([np.isfinite(values).all(axis=1) for values in part], axis=0)
        if good.sum() < weight * MIN_DRAWS:
            raise UserError("next", [f"only {good.sum()} draws of {result.law.name} are usable"])
        parts.append([*(values[good] for values in part), np.full(good.sum(), i)])
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def _slopes(question, problem, z):
    """d answer / d z by central differences, shape (answer, free parameter)."""
    steps = STEP * np.maximum(1.0, np.abs(z))
    ahead, behind = (
        question.answers(problem.law, problem.theta(z + sign * np.diag(steps))) for sign in (1, -1)
    )
    return np.nan_to_num((ahead - behind).T / (2 * steps))


def _centred(values):
    """Values without outliers, minus their mean; along the first axis."""
    lo, hi = np.quantile(values, [TAIL, 1 - TAIL], axis=0)
    values = np.clip(values, lo, hi)
    return values - values.mean(axis=0)


def _noise(result, log_x, seen) -> np.ndarray:
    """The standard deviation of each run's ln L.

    For draws of the method "residual", it is that of the noise model. Draws of other methods may
    vary more than the model's noise explains; the noise is then larger by that ratio. The ratio
    follows from least squares: the variances of fitted values, each divided by its noise variance,
    add up to the number of parameters. `seen` are these fitted values of each draw, centred.
    """
    problem = result.problem
    model = noise_model(problem, problem.z(result.theta[None])[0])
    fitted = np.exp(problem.law.log_loss(result.theta[None], problem.log_x)[0])
    middle = np.median(fitted)
    level = np.exp(problem.law.log_loss(result.theta[None], log_x)[0]) / middle
    level = level - np.minimum(fitted / middle, MOST_LEVEL).mean()
    level = np.clip(level, model.level.min(), model.level.max())  # no extrapolation of noise
    wider = 1.0
    if result.method != "residual" and seen is not None:
        wider = np.sum(np.mean(seen**2, axis=0) / model.scale**2) / problem.n_free
    return np.sqrt(max(wider, 1.0)) * model.sd * np.exp(model.slope * level)
