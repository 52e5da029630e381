"""The interval of a forecast as version 0.1.0 made it, for comparison by benchmarks/forecast.py.

Its drift was the root mean square of the errors of up to six trials and of .03 of published tables,
which counted as two more. Noise was drawn from all residuals alike. Draws did not count lack of
fit, so they are made here again.
"""

from dataclasses import replace

import numpy as np

from isoloss.fit.optimum import find
from isoloss.fit.resample import choose, draw
from isoloss.forecast.new_run import run_noise
from isoloss.forecast.trials import extent
from isoloss.stats.intervals import bounds
from isoloss.stats.spread import standard_error
from isoloss.tables.data import Data

PUBLISHED, PUBLISHED_TRIALS, TRIALS, CLOSEST, TELLING = 0.03, 2.0, 6, 0.05, 2.0


def interval_before(result, log_x) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the loss of one new run at each point."""
    size = extent(result.problem.log_x)
    first = 2 * result.problem.n_free
    ordered, edges = np.sort(size), []
    if len(ordered) > first:
        places = np.linspace(first, len(ordered) - 1, TRIALS, endpoint=False).astype(int)
        edges = np.unique(ordered[places - 1])
    squares = [square for edge in edges if (square := _trial(result, size, edge)) is not None]
    freedom = PUBLISHED_TRIALS + len(squares)
    sd = np.sqrt((PUBLISHED_TRIALS * PUBLISHED**2 + sum(squares)) / freedom)
    beyond = np.maximum(extent(log_x) - size.max(), 0)
    with np.errstate(all="ignore"):
        problem = result.problem
        draws = _draws(problem, problem.z(result.theta[None])[0], len(result.draws))
        curves = result.law.log_loss(draws, log_x)
    noise = np.random.default_rng(0).choice(run_noise(result), size=curves.shape)
    side = np.random.default_rng(1).standard_t(freedom, size=len(curves))
    return bounds(np.exp(curves + noise + sd * side[:, None] * beyond), result.level)


def _trial(result, size, edge):
    problem = result.problem
    small, large = size <= edge + 1e-9, size > edge + CLOSEST
    if not large.any():
        return None
    part = replace(
        problem,
        log_x={name: x[small] for name, x in problem.log_x.items()},
        log_loss=problem.log_loss[small],
    )
    z, *_ = find(part)
    fitted = replace(result, problem=part, theta=part.theta(z), n_rows=int(small.sum()))
    draws = _draws(part, z, 60)
    if not len(draws):
        return None
    log_x = {name: x[large] for name, x in problem.log_x.items()}
    error = fitted.law.log_loss(fitted.theta[None], log_x)[0] - problem.log_loss[large]
    with np.errstate(all="ignore"):
        many = fitted.law.log_loss(draws, log_x)
    explained = standard_error(many) ** 2 + np.var(run_noise(fitted))
    unit = np.mean((size[large] - edge) ** 2)
    if not np.mean(explained) < unit * (TELLING * PUBLISHED) ** 2:
        return None
    return max(0.0, float(np.mean(error**2 - explained) / unit))


def _draws(problem, z, draws):
    """Parameters of fits to resampled tables of independent rows, shape (draw, parameter)."""
    data, rng = Data(problem.log_x, problem.log_loss), np.random.default_rng(0)
    method, _ = choose(problem, z, data, rng)
    ends = draw(problem, z, data, method, draws, rng)
    return problem.theta(ends.z[ends.converged])
