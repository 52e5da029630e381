"""What analyses found, as notes for the reader of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoloss.charts import sentences, short, with_interval
from isoloss.results import Analysed, Group, Quantity
from isoloss.results.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

WIDE = 8.0  # ends of an interval farther apart than this factor are written each with its digits


def in_words(row: pd.Series, interval: str = ", 90 % interval {}") -> str:
    """The value of a row, its interval, and in brackets its verdict where it is not identified."""
    value, ends = with_interval(row["value"], row["lo"], row["hi"])
    return value + (interval.format(ends) if ends else "") + _doubt(row, bool(ends))


def _doubt(row: pd.Series, bounded: bool) -> str:
    """The verdict, where it is not "identified"; without a range that the interval has already."""
    verdict = Verdict.read(row["verdict"])
    if verdict.identified:
        return ""
    said = verdict.status if bounded and "anything from" in verdict.reason else verdict
    return f" ({said})"


def told(
    found: Analysed, quantity: Quantity, name: str, *, group: Group | None = None,
    optional: bool = False,
) -> list[str]:  # fmt: skip
    """A parameter, its interval and, if it is not identified, why; nothing where it is missing."""
    row = found.number(quantity, group=group, optional=optional)
    if row is None:
        return []
    if row["lo"] > 0 and row["hi"] > WIDE * row["lo"]:  # a scale
        value, *ends = (short(float(f"{row[end]:.1e}")) for end in ("value", "lo", "hi"))
        return [f"{name}: {value}, 90 % interval {' to '.join(ends)}{_doubt(row, True)}."]
    return [f"{name}: {in_words(row)}."]


def warned(
    found: Analysed, quantity: Quantity, name: str = "", *, group: Group | None = None
) -> list[str]:
    """What a reader must know of a parameter, as its analysis says it."""
    row = found.number(quantity, group=group)
    text = None if row is None else row["warnings"]
    if not isinstance(text, str) or not text:
        return []
    return [f"{name}: {sentences(text)}" if name else sentences(text)]
