"""What drift does to a fit in which every run counts alike, and designs that it does little to.

A belief (`decide.belief`) takes each run for what it tells, so a run far from the target does no
harm there. A fit does not know which runs drift. Hundreds of cheap runs then pull the law away from
the target, however well they are measured. So for a region of losses, plans are compared by the
error of such a fit: what its draws leave, and what drift adds.
"""

from collections.abc import Callable, Sequence

import numpy as np

from isoloss.decide.baselines import at_random
from isoloss.decide.candidates import Candidates
from isoloss.decide.doubt import Doubt
from isoloss.decide.question import Question
from isoloss.fit.result import FitResult

ROWS = 1000  # runs that stand for all when their drift is computed
SEEDS = (1, 2, 3)
PARTS = (4, 8, 16)  # of the budget: no run of a spread over costs is larger than one
NEAR = 20  # a run of a spread is one of this part of the candidates, those nearest in cost


def pulls(
    fits: Sequence[FitResult],
    doubts: Sequence[Doubt],
    weights: Sequence[float],
    question: Question,
    among: Candidates,
) -> Callable[[Sequence[int]], float]:
    """The function that gives the variance which drift adds to ln L of a region after a design.

    It takes rows of `among`. The variance is the mean over the region and the laws, of the fit to
    the runs so far and those of the design. The law is linear in its parameters at its fit.
    """
    at = {name: np.asarray(x, float) for name, x in question.region.items()}
    of_laws = []
    for result, doubt in zip(fits, doubts, strict=True):
        target = {name: at[name] for name in result.law.variables}
        own = float(np.mean(np.diag(doubt.covariance(target, target))))
        of_laws.append((result, doubt, target, _slopes(result, target), own))

    def of_design(rows) -> float:
        total = 0.0
        for (result, doubt, target, wanted, own), weight in zip(of_laws, weights, strict=True):
            runs = _some({
                name: np.concatenate([x, among.log_x[name][list(rows)]])
                for name, x in result.problem.log_x.items()
            })  # fmt: skip
            gain = wanted @ np.linalg.pinv(_slopes(result, runs), rcond=1e-4)
            shared = np.sum(gain * doubt.covariance(target, runs), axis=1)
            moved = np.sum((gain @ doubt.covariance(runs, runs)) * gain, axis=1)
            total += weight * (own + float(np.mean(moved - 2 * shared)))
        return max(total, 0.0)

    return of_design


def spreads(among: Candidates, budget: float) -> list[list[int]]:
    """Designs that no law chose: spread over costs, and at random."""
    found = [over_costs(among, budget, parts, SEEDS[0]) for parts in PARTS]
    return [*found, *(at_random(among, budget, seed) for seed in SEEDS)]


def over_costs(among: Candidates, budget: float, parts: int, seed: int) -> list[int]:
    """Candidates of even ln cost, from the cheapest to a part of the budget, until it is spent.

    So most of the budget goes to runs that are about as large as that part.
    """
    rng = np.random.default_rng(seed)
    log_cost = np.log(among.cost)
    left = among.cost <= budget / parts
    chosen: list[int] = []
    spent = 0.0
    while (rows := np.flatnonzero(left & (among.cost <= budget - spent))).size:
        wanted = rng.uniform(log_cost[rows].min(), log_cost[rows].max())
        order = np.argsort(np.abs(log_cost[rows] - wanted), kind="stable")
        best = int(rows[rng.choice(order[: max(1, len(rows) // NEAR)])])
        chosen.append(best)
        spent += float(among.cost[best])
        left[best] = False
    return chosen


def _slopes(result, log_x):
    """d ln L by each free parameter, shape (run, parameter)."""
    problem = result.problem
    with np.errstate(all="ignore"):
        _, slopes, _ = problem.law.derivatives(result.theta[None], log_x, problem.matrix)
    return slopes[0].T @ problem.turn


def _some(log_x):
    n = len(next(iter(log_x.values())))
    few = np.unique(np.linspace(0, n - 1, ROWS).astype(int))
    return {name: x[few] for name, x in log_x.items()}
