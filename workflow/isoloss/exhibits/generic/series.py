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


class OfSeries(Drawn):
    """A figure of several series, each of some of the runs."""

    series: dict[Name, str | Series]  # name (of a sweep) -> its label, or what it draws

    @property
    def measured_column(self) -> str:
        """The column of a series that names none."""
        return self.y

    def members(self) -> dict[str, Series]:
        """Every series in full: its sweep and its column are filled in."""
        full = {}
        for name, value in self.series.items():
            series = Series(label=value) if isinstance(value, str) else value
            sweeps = [series.sweep] if isinstance(series.sweep, str) else series.sweep
            filled = {"sweep": sweeps or [name], "y": series.y or self.measured_column}
            full[name] = series.model_copy(update=filled)
        return full

    @property
    def sweeps_named(self) -> list[str]:
        return [sweep for series in self.members().values() for sweep in series.sweep]

    @property
    def numbers_named(self) -> list[str]:
        return [*super().numbers_named, *(series.y for series in self.members().values())]

    @property
    def columns_named(self) -> list[str]:
        of_members = (column for series in self.members().values() for column in series.where)
        return [*super().columns_named, *of_members]


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
