"""What figures of runs choose: some of the runs, and series of them."""

from __future__ import annotations

from typing import Literal

from isoloss.config.section import Name, Section, Values
from isoloss.exhibits.base import Drawn

Scale = Literal["log", "linear"]


class Series(Section):
    """Some of the runs, drawn alike."""

    label: str  # in the legend
    sweep: Name | list[Name] | None = None  # one or more; null: the one of the series' own name
    y: str | None = None  # column; null: the figure's
    where: dict[str, Values] = {}  # column -> the values that are drawn


def in_full(given: dict[str, str | Series], y: str) -> dict[str, Series]:
    """Series by name, with their sweeps and columns filled in; `y` is the figure's column."""
    full = {}
    for name, value in given.items():
        series = Series(label=value) if isinstance(value, str) else value
        sweeps = [series.sweep] if isinstance(series.sweep, str) else series.sweep
        filled = {"sweep": sweeps or [name], "y": series.y or y}
        full[name] = series.model_copy(update=filled)
    return full


class OfRuns(Drawn):
    """What most figures choose: some of the runs, and the labels of the axes."""

    x_label: str  # of the axis, with the unit
    y_label: str  # of the axis, with the unit
    sweeps: list[Name] | None = None  # null: all
    where: dict[str, Values] = {}  # column -> the values that are drawn

    @property
    def numbers_named(self) -> list[str]:
        keys = ("x", "y", "by", "compute", "measured", "theory", "standard_error")
        return [value for key in keys if (value := getattr(self, key, None))]
