"""Parameters that the runs allow to change together, each at the cost of the other."""

from collections.abc import Iterator

import numpy as np

from isoloss.laws.base import Law
from isoloss.results.verdict import WIDE
from isoloss.stats.intervals import bounds

TOGETHER = 0.8  # rank correlation of the draws, from which on two parameters trade off


def trade_offs(law: Law, values: np.ndarray, draws: np.ndarray, level: float) -> Iterator[str]:
    """A sentence about the pair of `law.trade_offs` that the draws tie most, and leave wide.

    Parameters
    ----------
    values : ndarray, shape (parameter,)
        The fitted parameters.
    draws : ndarray, shape (draw, parameter)
        Those of resampled tables; both in the parameters' units.
    """
    found = []
    for pair in law.trade_offs:
        places = [law.names.index(name) for name in pair]
        both = draws[:, places]
        ends = np.stack(bounds(both, level))
        wide = np.any(np.diff(ends, axis=0)[0] > WIDE * np.abs(values[places]))
        if wide and np.all(np.ptp(both, axis=0) > 0):
            ranks = np.argsort(np.argsort(both, axis=0, kind="stable"), axis=0, kind="stable")
            found.append((np.corrcoef(ranks.T)[0, 1], pair, ends))
    together, (one, other), ends = max(found, key=lambda of: abs(of[0]), default=(0.0, "  ", None))
    if abs(together) < TOGETHER:
        return
    low, high = zip(ends[:, 0], ends[:: 1 if together > 0 else -1, 1], strict=True)
    yield (
        f"{one} and {other} trade off: from {one} = {low[0]:.2g} with {other} = {low[1]:.2g} "
        f"to {one} = {high[0]:.2g} with {other} = {high[1]:.2g}"
    )
