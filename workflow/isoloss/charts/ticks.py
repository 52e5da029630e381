"""Ticks of log axes: few, round, and in one notation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts.style import DIGIT
from isoloss.charts.text import counted, science

if TYPE_CHECKING:
    from matplotlib.axis import Axis

FEWEST = 3  # labels that an axis should have
MARKS = ((1,), (1, 3), (1, 2, 5))  # in each decade, from few to many
POWERS = ("FLOP", "PF-days")  # units of compute, whose sizes have no names


def log_ticks(
    low: float, high: float, most: int = 7, powers: bool = False
) -> tuple[list[float], list[str]]:
    """Ticks of a log axis: three round numbers or more, where they fit, and their labels.

    Parameters
    ----------
    low, high : float
        The limits of the axis.
    most : int
        Labels that there is room for.
    powers : bool
        Write powers of ten.
    """
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    if last - first + 1 > most:
        step = -(-(last - first + 1) // most)
        values = [10.0**e for e in range(first, last + 1, step)]
        return values, tick_texts(values, powers)
    fewer: list[float] = []
    for marks in MARKS:
        values = [m * 10.0**e for e in range(first - 1, last + 1) for m in marks]
        values = [value for value in values if low * 0.9999 <= value <= high * 1.0001]
        if FEWEST <= len(values) <= most:
            return values, tick_texts(values, powers)
        if len(fewer) < len(values) <= most:
            fewer = values
    if fewer and high > 10 * low:  # steps of one size would crowd the upper end
        return fewer, tick_texts(fewer, powers)
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(max(1, min(6, most)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    values = [float(value) for value in ticks if low <= value <= high and value > 0]
    return values, tick_texts(values, powers)


def tick_texts(values: Sequence[float], powers: bool = False) -> list[str]:
    """The values as text, all in one notation: 0.5, or 500 and 2k, or 3×10⁸."""
    least, largest = min(values), max(values)
    if not powers and least >= 1e-3 and largest < 1e3:
        return [f"{value:.6g}" for value in values]
    if powers or least < 1 or largest >= 1e15:
        return [science(value) for value in values]
    return [counted(value) for value in values]


def set_log_ticks(axis: Axis) -> None:
    """Replace the ticks of a log axis, whose limits are final, by `log_ticks`."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

    low, high = sorted(axis.get_view_interval())
    powers = any(unit in axis.label.get_text() for unit in POWERS)
    most = 7
    for _ in range(2):  # the second time with what the labels of the first need
        values, labels = log_ticks(low, high, most, powers)
        most = min(most, max(2, int(_room(axis) / _need(axis, labels))))
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FixedFormatter(labels))
    minor = [m * 10.0**e for e in range(int(np.floor(np.log10(low))), int(np.log10(high)) + 1)
             for m in range(1, 10)]  # fmt: skip
    inside = [v for v in minor if low <= v <= high and not np.isclose(v, values, rtol=1e-6).any()]
    if len(inside) <= 40:
        axis.set_minor_locator(FixedLocator(inside))
    else:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _room(axis: Axis) -> float:
    """The length of an axis, in inches; nearly, as the layout has not been made."""
    place, figure = axis.axes.get_position(), axis.figure
    if axis.axis_name == "x":
        return place.width * figure.get_figwidth()
    return place.height * figure.get_figheight()


def _need(axis: Axis, labels: Sequence[str]) -> float:
    """What a label takes of the length of its axis, in inches."""
    if axis.axis_name == "y":
        return 0.3
    return DIGIT * max(map(len, labels)) + 0.15
