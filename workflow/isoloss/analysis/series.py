"""Points and lines as rows of the table of analyses."""

from typing import Any

import numpy as np

from isoloss.analysis.rows import LEVEL
from isoloss.stats.intervals import bounds


def points(
    quantity: str, x_quantity: str, x, values, draws: np.ndarray | None = None, **also: Any
) -> list[dict[str, Any]]:
    """A row for each finite value, with the pointwise interval of `draws`, shape (draw, x)."""
    lo = hi = np.full(len(x), np.nan)
    if draws is not None and len(draws):
        lo, hi = bounds(np.asarray(draws, float), LEVEL)
        also = {"level": LEVEL} | also
    common = {"kind": "point", "quantity": quantity, "x_quantity": x_quantity} | also
    return [
        common | {"x": float(at), "value": float(value), "lo": _known(low), "hi": _known(high)}
        for at, value, low, high in zip(x, values, lo, hi, strict=True)
        if np.isfinite(value)
    ]


def _known(number) -> float | None:
    return float(number) if np.isfinite(number) else None
