"""The compute optimum of any law of N and D: the size and data of least loss at C = K N D.

Where ln N* is a straight line in ln C, the law gives that line, and the optimum is exact. For other
laws the least loss along the budget is searched between N = 1 and D = 1: on a grid, then on finer
and finer ones around its lowest point.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

BETWEEN = ("n_params", "n_tokens")  # what a budget is divided between
GRID = 97  # sizes tried along a budget at first; a second valley narrower than their step is missed
FINER = 9  # sizes tried around the lowest one, again and again
NARROW = 1e-4  # of ln N: from then on a parabola through three sizes is exact to rounding
LEVEL = 1e-12  # of ln L: losses so close at neighbouring sizes are a plain, without an optimum
CHUNK = 200_000  # losses evaluated at once
STEP = 0.05  # of ln C, for the local exponents of a law whose optimum is searched


class Divides(Protocol):
    """What of a law (`isoloss.laws.base.Law`) its optimum needs."""

    names: tuple[str, ...]
    variables: tuple[str, ...]
    settings: tuple[str, ...]
    floor: str | None

    def internal(self, params: Mapping[str, np.ndarray]) -> np.ndarray:
        """theta, shape (parameter, ...)."""

    def log_loss(self, theta: np.ndarray, log_x: Mapping[str, np.ndarray]) -> np.ndarray:
        """ln L, shape (batch, row)."""

    def frontier(self, params: Mapping[str, np.ndarray]):
        """ln G and a of ln N* = ln G + a ln(C / K), or None."""


def others(law: Divides, given: Mapping[str, float]) -> dict[str, float]:
    """The values of the law's variables beside N and D: those given, endless otherwise.

    Settings are not among them, because an optimum has the best of each.
    """
    besides = (name for name in law.variables if name not in (*BETWEEN, *law.settings))
    return {name: float(given.get(name, np.inf)) for name in besides}


def beside(law: Divides, given: Mapping[str, float], log_d: np.ndarray) -> dict[str, np.ndarray]:
    """ln of the law's variables beside N and D at runs of ln D, each of the shape of `log_d`.

    What counts tokens is at most D. A setting that is not given is infinite: at its best.
    """
    found = {}
    for name in (name for name in law.variables if name not in BETWEEN):
        most = np.full_like(log_d, np.inf) if name in law.settings else log_d
        found[name] = np.minimum(np.log(given.get(name, np.inf)), most)
    return found


def optimum(
    law: Divides,
    params: Mapping[str, np.ndarray],
    compute: np.ndarray,
    flops_per_param_token: float,
    given: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """N*, D*, their ratio and the loss, as `Law.optimum` describes them.

    A floor below zero, as draws may have, moves no optimum. A loss below zero is 0.
    """
    *columns, compute = np.broadcast_arrays(
        *(np.asarray(params[name], float) for name in law.names), np.asarray(compute, float)
    )
    shape = compute.shape
    with np.errstate(all="ignore"):
        log_product = np.log(compute.ravel() / flops_per_param_token)
        flat = dict(zip(law.names, (column.ravel() for column in columns), strict=True))
        theta = np.moveaxis(law.internal(flat), 0, -1)
        raised = cut(law, theta)
        fixed = {name: np.log(value) for name, value in others(law, given).items()}
        line = law.frontier(flat)
        if line is None:
            log_n = _searched(law, raised, log_product, fixed)
        else:
            log_n = line[0] + line[1] * log_product
            if fixed and np.isfinite(list(fixed.values())).any():  # then the line holds up to there
                held = np.any([log_product - log_n > limit for limit in fixed.values()], axis=0)
                log_n[held] = _searched(law, raised[held], log_product[held], fixed)
        log_d = log_product - log_n
        loss = np.exp(_along(law, theta, log_n[:, None], log_product, fixed)[:, 0])
        if raised is not theta:
            whole = _along(law, raised, log_n[:, None], log_product, fixed)[:, 0]
            loss[np.isnan(loss) & np.isfinite(whole)] = 0.0
        found = {
            "n_params": np.exp(log_n),
            "n_tokens": np.exp(log_d),
            "tokens_per_param": np.exp(log_d - log_n),
            "loss": loss,
        }
    return {name: value.reshape(shape)[()] for name, value in found.items()}


def exponents(
    law: Divides,
    params: Mapping[str, np.ndarray],
    compute: np.ndarray,
    flops_per_param_token: float,
    given: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """d ln N* / d ln C and d ln D* / d ln C at budgets, as `Law.exponents` describes them."""
    compute = np.asarray(compute, float)
    line = law.frontier(params)
    if line is not None and not np.isfinite(list(others(law, given).values())).any():
        a = line[1] + np.zeros(np.broadcast_shapes(np.shape(line[1]), compute.shape))
    else:
        low, high = (
            optimum(law, params, compute * np.exp(side * STEP), flops_per_param_token, given)
            for side in (-1, 1)
        )
        with np.errstate(all="ignore"):
            a = np.log(high["n_params"] / low["n_params"]) / (2 * STEP)
    return {"a": a, "b": 1 - a}


def cut(law: Divides, theta: np.ndarray) -> np.ndarray:
    """theta, or values, with no floor below zero, shape (..., parameter); floors are no logarithms.

    It is `theta` itself, if there is none.
    """
    if law.floor is None or not np.any(theta[..., place := law.names.index(law.floor)] < 0):
        return theta
    raised = theta.copy()
    raised[..., place] = np.maximum(theta[..., place], 0.0)
    return raised


def _along(law, theta, log_n, log_product, fixed):
    """ln L at sizes of each budget, shape (budget, size); `theta` has a row for each budget."""
    log_x = {"n_params": log_n, "n_tokens": log_product[:, None] - log_n}
    log_x |= {name: np.full_like(log_n, value) for name, value in fixed.items()}
    return law.log_loss(theta, log_x)


def _searched(law, theta, log_product, fixed):
    """ln N* of each budget by search, shape (budget,); NaN where the least loss is at an end."""
    found = np.full(len(log_product), np.nan)
    for first in range(0, len(found), CHUNK // GRID):
        part = slice(first, first + CHUNK // GRID)
        found[part] = _lowest(law, theta[part], log_product[part], fixed)
    return found


def _lowest(law, theta, log_product, fixed):
    usable = np.isfinite(theta).all(axis=1) & (log_product > 0)
    low, high = np.zeros_like(log_product), np.where(log_product > 0, log_product, 1.0)
    count, inside = GRID, usable
    while True:
        sizes = np.linspace(low, high, count, axis=-1)
        losses = _along(law, theta, sizes, log_product, fixed)
        losses = np.where(np.isfinite(losses), losses, np.inf)
        if count == GRID:
            inside = inside & (np.sum(losses <= losses.min(axis=1)[:, None] + LEVEL, axis=1) < 3)
        best = losses.argmin(axis=1)
        inside = inside & (best > 0) & (best < count - 1)
        rows, best = np.arange(len(best)), np.clip(best, 1, count - 2)
        step = (high - low) / (count - 1)
        if step.max(initial=0.0) < NARROW:
            break
        low, high, count = sizes[rows, best - 1], sizes[rows, best + 1], FINER
    left, middle, right = (losses[rows, best + k] for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend > 0, (left - right) / (2 * np.where(bend > 0, bend, 1.0)), 0.0)
    return np.where(inside, sizes[rows, best] + step * np.clip(shift, -1.0, 1.0), np.nan)
