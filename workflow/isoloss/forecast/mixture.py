"""Mixtures of the draws of several laws, for `forecast.average`."""

from collections.abc import Mapping

import numpy as np

from isoloss.fit.result import FitResult

SEED = 2


def optima(
    result: FitResult, compute: np.ndarray, flops_per_param_token: float, given: Mapping[str, float]
) -> np.ndarray:
    """ln N* of each draw, shape (draw, budget)."""
    columns = result.law.natural(result.draws).T[..., None]
    params = dict(zip(result.law.names, columns, strict=True))
    with np.errstate(all="ignore"):
        found = result.law.optimum(params, compute, flops_per_param_token, **given)["n_params"]
        return np.log(np.broadcast_to(found, (len(result.draws), len(compute))))


def picked_of(draws: np.ndarray, weight: float) -> np.ndarray:
    """A share of a law's draws: `weight` times as many, evenly spread and in a fixed order."""
    number = round(weight * len(draws))
    if not number:
        return draws[:0]
    order = np.random.default_rng(SEED).permutation(len(draws))
    return draws[order[:number]]
