"""Paths in N and D: for each amount of compute, the size and the tokens of one run.

A path is the compute optimum, a fixed size, or a fixed D/N. With tokens that the model will serve,
compute is that of training and of inference together: C = K N D + 2 N T (Sardana et al. 2024,
arXiv:2401.00448, Sec. 2). Along the optimum of that sum, a smaller model is trained for longer.
The least cost of a loss and the least loss of a cost lie on the same path, because the least loss
falls with the cost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from isoloss.forecast.average import Averaged
from isoloss.forecast.trials import extent
from isoloss.laws.allocation import beside, cut
from isoloss.laws.base import Law

SERVED = 2.0  # FLOP of inference for each parameter and token: the forward pass alone
BELOW, BEYOND = 7.0, float(np.log(1e9))  # ln C before the cheapest and beyond the largest run
STEP = 0.1  # of ln C; ln L between two steps is a straight line to 1e-5
NODE = 0.5  # of ln C; ln N* between two nodes is a straight line to 1e-3, where L has no slope
SIZES, ROUNDS = 49, 4  # sizes tried along a budget, and how often around the lowest again


@dataclass(frozen=True)
class Path:
    """The runs among which compute chooses one.

    Attributes
    ----------
    size : callable
        ln N at ln C, shape (point,); C in FLOP.
    flops_per_param_token : float
        K of C = K N D of training.
    served : float
        T, the tokens of inference; 0 for training alone.
    given : mapping
        Values of the laws' variables beside N and D; those not given are endless, or best.
    chosen : bool
        Whether the size is that of least loss; else it is fixed, or D/N is.
    words : str
        Its name in a sentence.
    """

    size: Callable[[np.ndarray], np.ndarray]
    flops_per_param_token: float
    served: float
    given: Mapping[str, float]
    chosen: bool
    words: str

    @property
    def optimal(self) -> bool:
        """Whether each run of less training compute has a loss at least as high."""
        return self.chosen and not self.served

    def points(self, log_c: np.ndarray, law: Law) -> dict[str, np.ndarray]:
        """ln of a law's variables at ln C, each of shape (point,); NaN where no token is left."""
        log_n = self.size(log_c)
        log_d = tokens_left(log_c, log_n, self.flops_per_param_token, self.served)
        return {"n_params": log_n, "n_tokens": log_d, **beside(law, self.given, log_d)}


def tokens_left(log_c, log_n, flops_per_param_token: float, served: float) -> np.ndarray:
    """ln D that a budget leaves for training a size; NaN where it leaves none."""
    with np.errstate(all="ignore"):
        left = np.exp(log_c - log_n) - SERVED * served
        return np.log(np.where(left > 0, left, np.nan) / flops_per_param_token)


def span(averaged: Averaged, flops_per_param_token: float) -> tuple[float, float]:
    """ln C of the cheapest and of the largest run."""
    size = extent(_sizes(averaged)) + np.log(flops_per_param_token)
    return float(size.min()), float(size.max())


def steps(averaged: Averaged, flops_per_param_token: float, served: float = 0.0) -> np.ndarray:
    """ln C of the places where curves along a path are evaluated, shape (point,).

    With inference the compute of the smallest and largest runs counts their serving too.
    """
    low, high = span(averaged, flops_per_param_token)
    if served:
        log_n = _sizes(averaged)["n_params"] + np.log(SERVED * served)
        low, high = np.logaddexp(low, log_n.min()), np.logaddexp(high, log_n.max())
    return np.arange(low - BELOW, high + BEYOND + STEP, STEP)


def of_size(n_params: float, flops_per_param_token: float, given=None, served=0.0) -> Path:
    """All runs of one size."""
    log_n = np.log(n_params)
    return Path(lambda log_c: np.full(np.shape(log_c), log_n), flops_per_param_token, served,
                given or {}, False, f"at N = {n_params:.4g}")  # fmt: skip


def of_ratio(ratio: float, flops_per_param_token: float, given=None, served=0.0) -> Path:
    """All runs of one D/N."""
    k = flops_per_param_token * ratio

    def size(log_c):
        half = SERVED * served / (2 * k)  # K r N**2 + 2 T N = C
        return np.log(np.sqrt(half**2 + np.exp(log_c) / k) - half)

    return Path(size, flops_per_param_token, served, given or {}, False, f"at D/N = {ratio:.4g}")


def of_optimum(
    averaged: Averaged, flops_per_param_token: float, given=None, served: float = 0.0
) -> Path:
    """The averaged optimum of each amount of compute.

    The size is the weighted geometric mean of the laws' sizes, as `Averaged.optimum` has it.
    """
    given = given or {}
    ends = steps(averaged, flops_per_param_token, served)
    nodes = np.arange(ends[0], ends[-1] + NODE, NODE)
    known = sizes_of_laws(averaged, nodes, flops_per_param_token, given, served)
    log_n = np.array([
        blended(averaged, one, log_c, flops_per_param_token, served)
        for one, log_c in zip(known.T, nodes, strict=True)
    ])  # fmt: skip
    there = np.isfinite(log_n)
    nodes, log_n = nodes[there], log_n[there]

    def size(log_c):
        if not len(nodes):
            return np.full(np.shape(log_c), np.nan)
        return np.interp(log_c, nodes, log_n, left=np.nan, right=np.nan)

    words = "at the optimum with inference" if served else "at the optimum"
    return Path(size, flops_per_param_token, served, given, True, words)


def sizes_of_laws(averaged, log_c, flops_per_param_token, given, served) -> np.ndarray:
    """ln N of least loss by each law as fitted, shape (law, point)."""
    found = []
    for member in averaged.members:
        result = member.result
        theta = result.theta[None]
        found.append(least(result.law, theta, log_c, flops_per_param_token, given, served)[0])
    return np.array(found)


def blended(averaged, log_n, log_c, flops_per_param_token, served) -> float:
    """The averaged ln N at one budget, from that of each law; NaN where no law has one."""

    def shape_at(size):
        return float(tokens_left(log_c, size, flops_per_param_token, served)) - size

    weights = averaged.weights_of_sizes(range(len(log_n)), log_n, shape_at)
    if not weights.any():
        return np.nan
    return float(weights @ np.where(np.isfinite(log_n), log_n, 0.0))


def least(
    law: Law, theta: np.ndarray, log_c, flops_per_param_token: float, given, served: float
) -> np.ndarray:
    """ln N of least loss at budgets of training and inference, shape (batch, budget).

    Without inference it is the law's own optimum. Else sizes are tried on a grid, and then on
    finer ones around the lowest; NaN where that is at an end.
    """
    log_c = np.atleast_1d(log_c)
    with np.errstate(all="ignore"):
        if not served:
            columns = law.natural(theta).T[..., None]
            params = dict(zip(law.names, columns, strict=True))
            found = law.optimum(params, np.exp(log_c), flops_per_param_token, **given)["n_params"]
            return np.log(np.broadcast_to(found, (len(theta), len(log_c))))
        return np.stack([_lowest(law, theta, budget, flops_per_param_token, given, served)
                         for budget in log_c], axis=1)  # fmt: skip


def _lowest(law, theta, log_c, k, given, served):
    theta = cut(law, theta)  # a floor moves no optimum, and a loss below zero has no logarithm
    rows = np.arange(len(theta))
    low = np.zeros(len(theta))
    high = np.full(len(theta), log_c - np.log(SERVED * served + k))  # D = 1
    if not np.all(high > 0) or not len(theta):
        return np.full(len(theta), np.nan)
    inside = np.ones(len(theta), bool)
    for _ in range(ROUNDS):
        sizes = np.linspace(low, high, SIZES, axis=-1)
        log_d = tokens_left(log_c, sizes, k, served)
        log_x = {"n_params": sizes, "n_tokens": log_d, **beside(law, given, log_d)}
        losses = law.log_loss(theta, log_x)
        losses = np.where(np.isfinite(losses), losses, np.inf)
        best = losses.argmin(axis=1)
        inside &= (best > 0) & (best < SIZES - 1)
        best = np.clip(best, 1, SIZES - 2)
        low, high = sizes[rows, best - 1], sizes[rows, best + 1]
    return np.where(inside, sizes[rows, best], np.nan)


def _sizes(averaged):
    log_x = averaged.members[0].result.problem.log_x
    return {name: log_x[name] for name in ("n_params", "n_tokens")}
