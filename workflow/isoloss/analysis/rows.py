"""Rows of the table of analyses."""

from typing import Any

import numpy as np

from isoloss.fit.identify import OFTEN, RATIO, WIDE
from isoloss.stats.intervals import estimate

LEVEL, DRAWS, SEED = 0.9, 1000, 0
IDENTIFIED = "identified"


def row(quantity: str, value: float, draws=None, **columns: Any) -> dict[str, Any]:
    """A number with the interval that its draws give; what is not finite is null."""
    drawn = np.empty(0) if draws is None else np.asarray(draws, float)
    found = estimate(value, drawn, LEVEL, "")
    numbers = {"value": found.value, "lo": found.lo, "hi": found.hi, "se": found.se}
    return {
        "quantity": quantity,
        "kind": "parameter",
        "verdict": IDENTIFIED,
        **{name: x if x is not None and np.isfinite(x) else None for name, x in numbers.items()},
        **({"level": LEVEL} if found.lo is not None else {}),
        **columns,
    }


def scale_verdict(draws: np.ndarray, lost: np.ndarray | None = None) -> str:
    """Is a positive scale determined? As the fitting engine judges one (`fit.identify`).

    `lost` says which draws mean nothing, besides those that are not finite.
    """
    draws, lost = _kept(draws, lost)
    if not len(draws):
        return "not identified: there is no interval"
    if lost > OFTEN:
        return f"not identified: {lost:.0%} of the draws lie far outside what was tried"
    lo, hi = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if hi > RATIO * lo:
        return f"not identified: may be anything from {lo:.2g} to {hi:.2g}"
    return IDENTIFIED


def exponent_verdict(value: float, draws: np.ndarray) -> str:
    """Is an exponent determined? As the fitting engine judges one (`fit.identify`)."""
    draws, lost = _kept(draws, None)
    if not len(draws):
        return "not identified: there is no interval"
    if lost > OFTEN:
        return f"not identified: {lost:.0%} of the draws have no value"
    lo, hi = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if hi - lo > WIDE * abs(value):
        return f"not identified: may be anything from {lo:.2g} to {hi:.2g}"
    return IDENTIFIED


def _kept(draws, lost: np.ndarray | None) -> tuple[np.ndarray, float]:
    """The finite draws, and the share of all that are lost or not finite."""
    draws = np.asarray(draws, float)
    gone = ~np.isfinite(draws) if lost is None else lost | ~np.isfinite(draws)
    return draws[np.isfinite(draws)], float(np.mean(gone)) if len(gone) else 0.0
