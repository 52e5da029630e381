"""Designs to compare a plan with: an isoFLOP grid, a c-optimal design, and random candidates."""

from dataclasses import dataclass

import numpy as np

from isoloss.decide.belief import Belief
from isoloss.decide.candidates import Candidates, CostModel, of_sizes
from isoloss.decide.question import Question
from isoloss.fit.result import FitResult

BUDGETS, SIZES = 4, 5  # of the isoFLOP grid
APART = 2.0  # factor between neighbouring budgets, and between neighbouring sizes
SEED, SHUFFLES = 1, 5
STEP = 1e-6


@dataclass(frozen=True)
class Baseline:
    """A design, and the width of the answer's interval that it promises if the law holds."""

    name: str
    n_runs: int
    cost: float
    width: float


def isoflop_grid(
    result: FitResult, question: Question, cost: CostModel, budget: float
) -> Candidates | None:
    """Four compute budgets, each with five sizes about the fitted optimum, for a total cost.

    Budgets and sizes are a factor of two apart (Hoffmann et al. 2022, Sec. 3.2). None where the
    fitted law has no optimum there.
    """
    k = question.flops_per_param_token
    middle = np.arange(SIZES) - (SIZES - 1) / 2
    below = APART ** -np.arange(BUDGETS, dtype=float)

    def grid(top):
        computes = top * below
        best = result.law.optimum(result.values, computes, k)["n_params"]
        n_params = (best[:, None] * APART**middle).ravel()
        return of_sizes(result, n_params, np.repeat(computes, SIZES) / (k * n_params), cost)

    log_x = result.problem.log_x
    low, high = np.log(k) + np.min(log_x["n_params"] + log_x["n_tokens"]) + np.array([-60.0, 60.0])
    for _ in range(100):  # bisection: the total cost rises with the largest budget
        top = (low + high) / 2
        with np.errstate(all="ignore"):
            total = float(grid(np.exp(top)).cost.sum())
        if not np.isfinite(total):
            return None
        low, high = (top, high) if total <= budget else (low, top)
    return grid(np.exp(low))


def c_optimal(
    result: FitResult,
    question: Question,
    among: Candidates,
    noise: np.ndarray,
    seen_noise: np.ndarray,
    budget: float,
) -> list[int]:
    """The classical design: greedy, by Fisher information at the fitted parameters.

    Each run lowers the linearised variance of the answer most for its cost (Elfving 1952; Atkinson,
    Donev and Tobias 2007, Ch. 10). The law counts as true, and its fit as near the truth.

    Parameters
    ----------
    noise, seen_noise : ndarray
        Standard deviation of ln L of each candidate, and of each run so far.
    """
    problem, z = result.problem, result.problem.z(result.theta[None])[0]
    weighted = problem.jacobian(z) / seen_noise[:, None]
    slopes = problem.slopes(result.theta, among.log_x)
    steps = STEP * np.maximum(1.0, np.abs(z))
    ends = [problem.theta(z + sign * np.diag(steps)) for sign in (1, -1)]
    ahead, behind = (question.answers(problem.law, theta) for theta in ends)
    aim = np.nan_to_num((ahead - behind).T / (2 * steps))
    aims = aim.T @ aim  # the answers' mean is all that counts
    covariance = np.linalg.pinv(weighted.T @ weighted, rcond=1e-12, hermitian=True)
    chosen, spent = [], 0.0
    left = np.ones(len(among.cost), bool)
    while (allowed := left & (among.cost <= budget - spent)).any():
        known = slopes @ covariance
        variance = np.sum(known * slopes, axis=1) + noise**2
        gain = np.sum(known @ aims * known, axis=1) / variance / among.cost
        best = int(np.argmax(np.where(allowed, gain, -1.0)))
        told = covariance @ slopes[best]
        covariance = covariance - np.outer(told, told) / variance[best]
        chosen.append(best)
        spent += float(among.cost[best])
        left[best] = False
    return chosen


def at_random(among: Candidates, budget: float, seed: int) -> list[int]:
    """Candidates in random order, each taken if the rest of the budget pays for it."""
    chosen, spent = [], 0.0
    for row in np.random.default_rng(seed).permutation(len(among.cost)):
        if spent + among.cost[row] <= budget:
            chosen.append(int(row))
            spent += float(among.cost[row])
    return chosen


def judged(name: str, rows: list[int], cost: np.ndarray, believed: Belief) -> Baseline:
    """What a design promises."""
    return Baseline(name, len(rows), float(cost[rows].sum()), believed.after(rows))


def random_baseline(among: Candidates, budget: float, believed: Belief) -> Baseline:
    """What random candidates promise: the shuffle with the median width."""
    tried = [
        judged("random", at_random(among, budget, SEED + i), among.cost, believed)
        for i in range(SHUFFLES)
    ]
    return sorted(tried, key=lambda one: one.width)[SHUFFLES // 2]
