"""Write rows of the table of analyses; no other module writes them.

An analysis makes `Row` objects with functions such as `row` and `points`; `table_of` makes the
table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.results.group import Group
from isoloss.results.quantity import Axis, Kind, Quantity
from isoloss.results.verdict import IDENTIFIED, Verdict
from isoloss.stats.intervals import LEVEL, Estimate, bounds, estimate
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed

if TYPE_CHECKING:
    import pandas as pd

DRAWS, SEED = 1000, 0  # number and seed of the draws of an analysis's intervals


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table of analyses; None becomes null in the table.

    Attributes
    ----------
    quantity : Quantity or None
        None only in a row with the reason why an analysis was not made.
    kind : Kind or None
        A parameter, a measured point, or a point of a calculated line.
    group : Group or None
        The part of the analysis.
    x_quantity, x : Axis, float
        The axis, and the place at which the value holds.
    value, lo, hi, se, level : float
        The value, its interval and standard error, in `unit`.
    verdict : Verdict or None
        Whether the runs determine the value.
    warnings : str
        Warnings, separated by semicolons.
    theory, theory_source : float, str
        The expected value, and its source.
    runs : str
        Ids of the runs behind a measured value, separated by spaces.
    """

    quantity: Quantity | None = None
    kind: Kind | None = None
    group: Group | None = None
    x_quantity: Axis | None = None
    x: float | None = None
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    se: float | None = None
    unit: str | None = None
    level: float | None = None
    method: str | None = None
    n_runs: int | None = None
    verdict: Verdict | None = None
    warnings: str | None = None
    theory: float | None = None
    theory_source: str | None = None
    runs: str | None = None

    def __post_init__(self):
        for name, kind in TYPES.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name}: must be a {kind.__name__}, got {value!r}")

    def columns(self) -> dict[str, Any]:
        """The row as columns of the table."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: None if found[name] is None else str(found[name]) for name in TYPES}
        return found | texts | {"status": self.verdict and str(self.verdict.status)}


TYPES = {
    "quantity": Quantity, "kind": Kind, "group": Group, "x_quantity": Axis, "verdict": Verdict,
}  # fmt: skip


def row(quantity: Quantity, value: float, draws=None, **columns: Any) -> Row:
    """A row of a number, with the interval of its draws; numbers that are not finite are null."""
    drawn = np.empty(0) if draws is None else np.asarray(draws, float)
    found = estimate(value, drawn, LEVEL, "")
    numbers = {"value": found.value, "lo": found.lo, "hi": found.hi, "se": found.se}
    known = {name: x if x is not None and np.isfinite(x) else None for name, x in numbers.items()}
    level = {"level": LEVEL} if found.lo is not None else {}
    defaults = {"kind": Kind.PARAMETER, "verdict": IDENTIFIED}
    return Row(**{"quantity": quantity} | defaults | known | level | columns)


def estimated(quantity: Quantity, found: Estimate, level: float, **columns: Any) -> Row:
    """A row of a parameter of a fitted law, with the fit's interval."""
    numbers = {name: getattr(found, name) for name in ("value", "lo", "hi", "se")}
    known = {name: x if x is not None and not np.isnan(x) else None for name, x in numbers.items()}
    defaults = {"kind": Kind.PARAMETER, "unit": found.unit, "level": level}
    return Row(**{"quantity": quantity} | defaults | known | columns)


def points(
    quantity: Quantity, x_quantity: Axis, x, values, draws: np.ndarray | None = None, **also: Any
) -> list[Row]:
    """A row for each finite value, with the pointwise interval of `draws`, shape (draw, x)."""
    lo = hi = np.full(len(x), np.nan)
    if draws is not None and len(draws):
        lo, hi = bounds(np.asarray(draws, float), LEVEL)
        also = {"level": LEVEL} | also
    common = {"kind": Kind.POINT, "quantity": quantity, "x_quantity": x_quantity} | also
    return [
        Row(x=float(at), value=float(value), lo=_known(low), hi=_known(high), **common)
        for at, value, low, high in zip(x, values, lo, hi, strict=True)
        if np.isfinite(value)
    ]  # fmt: skip


def _known(number) -> float | None:
    return float(number) if np.isfinite(number) else None


def table_of(rows: Iterable[Row], *, study: str, analysis: str, do: str) -> pd.DataFrame:
    """The rows of one analysis, with columns as `isoloss.tables.schema.ANALYSIS_COLUMNS`."""
    named = {"study": study, "analysis": analysis, "do": do}
    return typed([named | one.columns() for one in rows], ANALYSIS_COLUMNS)
