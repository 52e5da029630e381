"""Runs for the losses of a region, by a V-optimal design that is cautious about the noise.

Few runs say little of their noise. Many cheap ones pull the fit away from the large ones where the
law drifts, and so do runs at the ends of every variable, where an exact law would be known best. So
this design buys few and large runs whose settings are near their best. Each is the one that lowers
the variance of ln L in the region most, over a low power of its cost. The variance is that of the
law's linear form, with a prior of its parameters. The noise of a run is that of all, with a prior
as wide as the measured losses, and a drift that grows with the distance from the region.

The prior of the noise, and a power of the cost that is far below 1, are those of the V-optimal
buyer of Li et al. 2026 (arXiv:2604.22753), whose power is .3. `POWER`, `DRIFT` and `PER_PARAMETER`
were chosen on pools, their largest runs held out (docs/performance-next.md).
"""

from collections.abc import Sequence

import numpy as np

from isoloss.decide.candidates import Candidates
from isoloss.decide.doubt import doubt_of
from isoloss.decide.question import Question
from isoloss.fit.result import FitResult

POWER = 0.15  # of the cost
DRIFT = 0.05  # of ln L for each unit of ln x from the region: more than trials on few runs show
PER_PARAMETER = 4  # runs: while there are fewer, no run costs more than its share of the budget
REST = 0.02  # of the budget: so little is left unspent, because the runs that it buys are small
FREEDOM = 2.0  # of the noise's inverse gamma prior, as published
LEAST = 1e-18  # noise variance of ln L of a table without noise


def v_optimal(
    fits: Sequence[FitResult],
    weights: Sequence[float],
    question: Question,
    among: Candidates,
    budget: float,
) -> list[int]:
    """Rows of `among`, in the order of buying, until nearly all of the budget is spent.

    Parameters
    ----------
    weights : sequence of float
        Of the laws: a run counts by its weighted gain.
    """
    laws = [_Linear(result, question, among) for result in fits]
    wanted = PER_PARAMETER * max(result.problem.n_free for result in fits)
    wanted -= max(result.n_rows for result in fits)
    chosen, spent = [], 0.0
    left = np.ones(len(among.cost), bool)
    while budget - spent > REST * budget:
        allowed = left & (among.cost <= budget - spent)
        if not allowed.any():
            break
        share = (budget - spent) / max(wanted - len(chosen), 1)
        if (cheap := allowed & (among.cost <= share)).any():
            allowed = cheap
        gain = sum(weight * law.gain() for weight, law in zip(weights, laws, strict=True))
        best = int(np.argmax(np.where(allowed, gain / among.cost**POWER, -1.0)))
        for law in laws:
            law.measure(best)
        chosen.append(best)
        spent += float(among.cost[best])
        left[best] = False
    return chosen


class _Linear:
    """A law that is linear in its parameters about its fit, and their covariance.

    A parameter's prior has the standard deviation of its own size, and of 1 at least.
    """

    def __init__(self, result, question, among):
        problem, z = result.problem, result.problem.z(result.theta[None])[0]
        places = question.places(result.law, result.theta)
        doubt, noise = doubt_of(result, places, DRIFT), noise_variance(result)
        self.noise = noise + doubt.variance(among.log_x)
        seen = problem.slopes(result.theta, problem.log_x)
        information = (seen.T / (noise + doubt.variance(problem.log_x))) @ seen
        information += np.diag(1 / np.maximum(np.abs(z), 1.0) ** 2)
        covariance = np.linalg.inv(information)
        slopes, wanted = (problem.slopes(result.theta, at) for at in (among.log_x, places))
        self.slopes = np.nan_to_num(slopes)
        self.known = self.slopes @ covariance  # covariance of the parameters with each run's ln L
        wanted = np.nan_to_num(wanted)
        self.region = wanted.T @ wanted / len(wanted)
        self.variance = np.sum(self.known * self.slopes, axis=1)

    def gain(self):
        """The decrease of the region's mean variance by each candidate."""
        along = np.sum((self.known @ self.region) * self.known, axis=1)
        return along / (self.variance + self.noise)

    def measure(self, best):
        """Condition on a run of a candidate."""
        total = self.variance[best] + self.noise[best]
        told = self.known @ self.slopes[best]
        self.known = self.known - np.outer(told, self.known[best]) / total
        self.variance = self.variance - told**2 / total


def noise_variance(result: FitResult) -> float:
    """The posterior mean of the noise variance of ln L.

    Its inverse gamma prior has the scale `FREEDOM` times the variance of the measured ln L.
    """
    problem = result.problem
    residual = problem.log_loss - problem.law.log_loss(result.theta[None], problem.log_x)[0]
    scale = FREEDOM * float(np.var(problem.log_loss)) + float(residual @ residual) / 2
    return max(scale / (FREEDOM + len(residual) / 2 - 1), LEAST)
