"""Where a wider law puts what is asked of a path in N and D: size, loss, and the compute of a loss.

Each of the wider law's allowed k has its own curve, and along an optimum its own sizes
(`fit.wider`). Without a wider law there is nothing to say.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from isoloss.fit.wider import Moved, Wider, moved
from isoloss.forecast.crossing import NEVER, crossings
from isoloss.forecast.paths import Path, least, tokens_left
from isoloss.laws import SKALING


def loss_of_run(wide: Wider | None, value: float, log_x: Mapping[str, np.ndarray]) -> Moved | None:
    """Where it puts the loss of one run, the law's `value`; `log_x` of shape (1,)."""
    if wide is None:
        return None
    along = np.exp(SKALING.log_loss(wide.theta, log_x)[:, 0])
    return moved(value, along, False, wide)


def place(
    wide: Wider | None, size: float, loss: float, path: Path, log_c: float
) -> tuple[Moved | None, Moved | None]:
    """Where it puts the size and the loss of a path at one budget."""
    if wide is None:
        return None, None
    log_x = _points(wide, path, np.array([log_c]))
    losses = np.exp(SKALING.log_loss(wide.theta, log_x)[:, 0])
    sizes = np.exp(log_x["n_params"][:, 0])
    return moved(size, sizes, True, wide), moved(loss, losses, False, wide)


def compute_of_loss(
    wide: Wider | None, value: float, path: Path, log_c: np.ndarray, loss: float
) -> Moved | None:
    """Where it puts the compute at which a path reaches a loss.

    The upper end is infinite where an allowed k never reaches it.
    """
    if wide is None:
        return None
    curves = SKALING.log_loss(wide.theta, _points(wide, path, log_c))
    at = crossings(log_c, curves, np.log(loss))
    there = moved(value, np.exp(np.where(at < NEVER, at, np.nan)), True, wide)
    if there is None or not np.any(at[1:] == NEVER):
        return there
    return dataclasses.replace(there, hi=np.inf)


def _points(wide: Wider, path: Path, log_c: np.ndarray) -> dict[str, np.ndarray]:
    """ln N and ln D of each allowed k along a path, each of shape (k, point)."""
    k, served = path.flops_per_param_token, path.served
    if path.chosen:
        log_n = least(SKALING, wide.theta, log_c, k, path.given, served)
    else:
        log_n = np.broadcast_to(path.size(log_c), (len(wide.k), len(log_c)))
    return {"n_params": log_n, "n_tokens": tokens_left(log_c, log_n, k, served)}
