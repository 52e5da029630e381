"""Which runs next, so that the compute-optimal size at a target budget is known best for the cost.

A c-optimal design (Elfving 1952), chosen greedily: the covariance of the parameters comes from the
fit's draws, a run adds the information that its gradient and its noise promise, and the next run is
the one that lowers the variance of ln N*(target) most per FLOP.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.fit.resample import noise_model
from isoloss.fit.result import FitResult

GRID = 25  # candidates along N, and along tokens per parameter
LARGER = 4.0  # candidates reach this far beyond the largest size so far
WORTH = 0.01  # a run that narrows the interval by a smaller share does not help
MAX_RUNS = 30


@dataclass(frozen=True)
class Plan:
    """Runs to do, in order.

    Attributes
    ----------
    runs : pandas.DataFrame
        n_params, n_tokens, compute (FLOP), and `factor`: the expected ratio of the two ends of the
        interval of N*(target) once the run is done.
    factor_now : float
        That ratio today.
    stopped : str
        Why there are no more: the budget is spent, or no run that it allows helps any more.
    """

    runs: object
    factor_now: float
    stopped: str


def next_runs(
    result: FitResult, target: float, budget: float, flops_per_param_token: float = 6.0
) -> Plan:
    """Choose runs for a fit of a law of N and D that has a compute optimum.

    Raises
    ------
    UserError
        The law has no optimum, is not identified, or has no draws; a number is not positive.
    """
    import pandas as pd

    problems = [
        f"{name}: must be positive and finite, got {value:g}"
        for name, value in (("target", target), ("budget", budget))
        if not (np.isfinite(value) and value > 0)
    ]
    if not hasattr(result.law, "optimum"):
        problems.append(f"{result.law.name} has no compute-optimal allocation")
    elif not result.identified:
        problems.append(f"the law is {result.verdict}; a plan would rest on nothing")
    elif len(result.draws) < 100:
        problems.append(f"100 draws are needed, got {len(result.draws)}")
    if problems:
        raise UserError("next", problems)
    log_n, log_d, cost = _candidates(result, budget, flops_per_param_token)
    gradient, noise = _promise(result, log_n, log_d)
    aim = _aim(result, target)
    covariance, wider = _covariance(result)
    width = _width(result.level)
    rows, left = [], budget
    now = float(aim @ covariance @ aim)
    variance, stopped = now, "no run that the budget allows narrows the interval by 1 %"
    while len(rows) < MAX_RUNS:
        along = gradient @ covariance
        gain = (along @ aim) ** 2 / (wider * noise**2 + np.einsum("cp,cp->c", along, gradient))
        allowed = (cost <= left) & (gain > 2 * WORTH * variance)
        if not allowed.any():
            if (gain > 2 * WORTH * variance).any():
                stopped = "the budget is spent"
            break
        best = int(np.argmax(np.where(allowed, gain / cost, -np.inf)))
        spread = wider * noise[best] ** 2 + along[best] @ gradient[best]
        covariance = covariance - np.outer(along[best], along[best]) / spread
        variance = float(aim @ covariance @ aim)
        left -= cost[best]
        rows.append(
            (
                np.exp(log_n[best]),
                np.exp(log_d[best]),
                cost[best],
                np.exp(width * np.sqrt(variance)),
            )
        )
    else:
        stopped = f"{MAX_RUNS} runs are planned; fit again once they are done"
    runs = pd.DataFrame(rows, columns=["n_params", "n_tokens", "compute", "factor"], dtype=float)
    return Plan(runs, float(np.exp(width * np.sqrt(now))), stopped)


def _candidates(result, budget, k):
    """A grid in ln N and ln D where the law has been seen, and beyond it only upwards.

    Far-off runs promise most and mislead most: a few runs of little compute have moved an exponent
    by several standard errors (Besiroglu et al. 2024 leave five out).
    """
    log_x = result.problem.log_x
    seen = log_x["n_tokens"] - log_x["n_params"]
    sizes = np.linspace(log_x["n_params"].min(), log_x["n_params"].max() + np.log(LARGER), GRID)
    ratios = np.linspace(seen.min(), seen.max(), GRID)
    log_n, log_ratio = (a.ravel() for a in np.meshgrid(sizes, ratios, indexing="ij"))
    log_d = log_n + log_ratio
    cost = k * np.exp(log_n + log_d)
    some = (cost <= budget) & (log_d >= log_x["n_tokens"].min() - 1e-9)
    return log_n[some], log_d[some], cost[some]


def _promise(result, log_n, log_d):
    """d ln L / dz of each candidate, and the standard deviation of its ln L."""
    problem = result.problem
    log_x = {"n_params": log_n, "n_tokens": log_d}
    value, gradient, _ = problem.law.derivatives(result.theta[None], log_x, problem.matrix)
    noise = noise_model(problem, problem.z(result.theta[None])[0])
    fitted = np.exp(problem.law.log_loss(result.theta[None], problem.log_x)[0])
    relative = fitted / np.median(fitted)
    level = np.exp(value[0]) / np.median(fitted) - relative.mean()
    level = np.clip(level, noise.level.min(), noise.level.max())  # no extrapolation of noise
    return gradient[0].T @ problem.turn, noise.sd * np.exp(noise.slope * level)


def _aim(result, target):
    """d ln N*(target) / dz."""
    problem, law = result.problem, result.law
    z = problem.z(result.theta[None])[0]

    def log_optimum(at):
        params = dict(zip(law.names, law.natural(problem.theta(at)), strict=True))
        return float(np.log(law.optimum(params, target)["n_params"]))

    steps = 1e-5 * np.eye(len(z))
    return np.array([(log_optimum(z + step) - log_optimum(z - step)) / 2e-5 for step in steps])


def _covariance(result):
    """Covariance of z, and how much wider it is than the noise model by itself would make it."""
    problem = result.problem
    z = problem.z(result.draws)
    middle = np.abs(z - np.median(z, axis=0))
    usual = (middle <= 6 * np.median(middle, axis=0) + 1e-12).all(axis=1)
    covariance = np.cov(z[usual].T)
    at = problem.z(result.theta[None])[0]
    scaled = problem.jacobian(at) / noise_model(problem, at).scale[:, None]
    information = scaled.T @ scaled
    sign, log_ratio = np.linalg.slogdet(covariance @ information)
    wider = float(np.exp(log_ratio / len(z[0]))) if sign > 0 else 1.0
    return covariance, max(wider, 1.0)


def _width(level):
    """Length of the interval of a normal distribution, in standard deviations."""
    from statistics import NormalDist

    return 2 * NormalDist().inv_cdf((1 + level) / 2)
