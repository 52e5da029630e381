"""What a study can ask to be drawn.

A figure names columns of the study's table of runs, its sweeps and its fits; it draws what they
hold. `sweeps_named` and `fits_named` say which, so that a misspelt name is found before any run.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isoloss.config.section import Levels, Name, PositiveFloat, Section, Values
from isoloss.errors import nearest
from isoloss.exhibits.base import Drawn

Scale = Literal["log", "linear"]


class Series(Section):
    """Some of the runs, drawn alike."""

    label: str
    sweep: Name | list[Name] | None = None  # one or more; null: the one of the series' own name
    y: str | None = None  # column; null: the figure's
    where: dict[str, Values] = {}  # column -> the values that are drawn


def _in_full(given: dict[str, str | Series], y: str) -> dict[str, Series]:
    full = {}
    for name, value in given.items():
        series = Series(label=value) if isinstance(value, str) else value
        sweeps = [series.sweep] if isinstance(series.sweep, str) else series.sweep
        filled = {"sweep": sweeps or [name], "y": series.y or y}
        full[name] = series.model_copy(update=filled)
    return full


class Level(Section):
    """A horizontal line."""

    value: float
    label: str


class Slope(Section):
    """A line y ~ x**exponent beside a series, for the eye."""

    exponent: float
    label: str
    series: Name | None = None  # beside which; null: the first


class OfRuns(Drawn):
    """What most figures choose: some of the runs, and the labels of the axes."""

    x_label: str
    y_label: str
    sweeps: list[Name] | None = None  # null: all
    where: dict[str, Values] = {}  # column -> the values that are drawn

    @property
    def sweeps_named(self) -> list[str]:
        return list(self.sweeps or [])

    @property
    def numbers_named(self) -> list[str]:
        keys = ("x", "y", "by", "compute", "measured", "theory", "standard_error")
        return [value for key in keys if (value := getattr(self, key, None))]

    @property
    def columns_named(self) -> list[str]:
        return list(self.where)


class LossAgainstX(Drawn):
    """Loss against one quantity: a point for each run, the median of the seeds, the fitted law."""

    draw: Literal["loss_against_x"]
    x: str  # column of the losses table
    y: str = "loss"
    x_label: str
    y_label: str
    series: dict[Name, str | Series]  # name (of a sweep) -> its label, or what it draws
    fits: dict[Name, Name] = {}  # series -> the fit drawn through it
    by: str | None = None  # a column: each series is split by its values
    by_label: str = "{}"  # the label of one value, e.g. "d = {}"
    levels: list[Level] = []  # e.g. the floor that noise sets
    slopes: list[Slope] = []  # e.g. what theory says
    law_to: PositiveFloat | None = None  # the fitted laws are drawn, dashed, up to this x
    x_scale: Scale = "log"
    y_scale: Scale = "log"

    @model_validator(mode="after")
    def _fits_are_of_series(self) -> Self:
        for name in self.fits:
            if name not in self.series:
                hint = nearest(name, self.series)
                raise ValueError(f"fits: got {name!r}, which is no series{hint}")
        return self

    def members(self) -> dict[str, Series]:
        """Every series in full: its sweep and its column are filled in."""
        return _in_full(self.series, self.y)

    @property
    def sweeps_named(self) -> list[str]:
        return [sweep for series in self.members().values() for sweep in series.sweep]

    @property
    def fits_named(self) -> list[str]:
        return list(self.fits.values())

    @property
    def numbers_named(self) -> list[str]:
        return [self.x, *(series.y for series in self.members().values())]

    @property
    def columns_named(self) -> list[str]:
        own = [self.by] if self.by else []
        return own + [c for series in self.members().values() for c in series.where]


class Extrapolation(LossAgainstX):
    """A law fitted to small runs and drawn far beyond them, beside the law that was planted."""

    draw: Literal["extrapolation"]
    law_to: PositiveFloat
    at: dict[str, PositiveFloat] = {}  # the other variables of the laws, held fixed


class ExponentAgainstTheory(Drawn):
    """A fitted exponent, one for each group of runs, against what theory predicts for it."""

    draw: Literal["exponent_against_theory"]
    fit: Name
    parameter: str = "alpha"
    predicted: dict[str, float] = {}  # group, e.g. "n_inputs=2" -> prediction; {}: the fit's theory
    group_label: str = "{}"  # the label of a group's value, e.g. "d = {}"
    x_label: str
    y_label: str

    @property
    def fits_named(self) -> list[str]:
        return [self.fit]


class RatioToTheory(OfRuns):
    """A measured column over the column that theory gives, which should be 1."""

    draw: Literal["ratio_to_theory"]
    x: str
    series: dict[Name, str | Series]  # name (of a sweep) -> its label, or what it draws
    measured: str
    theory: str
    standard_error: str | None = None  # column, of `measured`; null: from the spread of the runs
    x_scale: Scale = "log"

    def members(self) -> dict[str, Series]:
        """Every series in full: its sweep and its column are filled in."""
        return _in_full(self.series, self.measured)

    @property
    def sweeps_named(self) -> list[str]:
        return [sweep for series in self.members().values() for sweep in series.sweep]

    @property
    def numbers_named(self) -> list[str]:
        return [*super().numbers_named, *(series.y for series in self.members().values())]

    @property
    def columns_named(self) -> list[str]:
        return [*self.where, *(c for s in self.members().values() for c in s.where)]


class LossGrid(OfRuns):
    """Loss against one quantity, a line for each value of another, which sets the colour."""

    draw: Literal["loss_grid"]
    x: str = "n_tokens"
    y: str = "loss"
    by: str = "n_params"
    by_label: str
    fit: Name | None = None  # a law of both, drawn dashed

    @property
    def fits_named(self) -> list[str]:
        return [self.fit] if self.fit else []


class IsoFlop(OfRuns):
    """Loss against model size at equal compute, interpolated in log loss and log compute."""

    draw: Literal["isoflop"]
    x: str = "n_params"
    y: str = "loss"
    compute: str = "compute_flops"
    levels: Levels | list[PositiveFloat] = 5  # how many, or which, in FLOP
    interpolate: Literal["runs", "curves"] = "runs"  # between budgets, or along learning curves

    @property
    def numbers_named(self) -> list[str]:
        return [self.x, self.y, *([self.compute] if self.interpolate == "runs" else [])]

    @property
    def curve_numbers_named(self) -> list[str]:
        return [self.y, self.compute] if self.interpolate == "curves" else []


class LearningCurves(OfRuns):
    """Held-out loss while training, a line for each run."""

    draw: Literal["learning_curves"]
    x: str = "step"  # column of the learning curves
    y: str = "loss"
    by: str = "n_params"  # column of the runs: the colour
    by_label: str

    @property
    def numbers_named(self) -> list[str]:
        return [self.by]

    @property
    def curve_numbers_named(self) -> list[str]:
        return [self.x, self.y]


class Panel(Section):
    """One study in a figure of several."""

    title: str
    y: str = "loss"
    y_label: str
    where: dict[str, Values] = {}


class EfficientFrontier(Drawn):
    """Loss against cost for the runs of several studies, a panel each, with the lower envelope."""

    draw: Literal["frontier"]
    x: str  # compute_flops, elapsed_s, ...
    x_label: str
    panels: Annotated[dict[Name, Panel], Field(min_length=1)]  # study -> its panel

    @property
    def sweeps_named(self) -> list[str]:
        return list(self.panels)

    @property
    def numbers_named(self) -> list[str]:
        return [self.x, *(panel.y for panel in self.panels.values())]

    @property
    def columns_named(self) -> list[str]:
        return [column for panel in self.panels.values() for column in panel.where]


class SameCompute(OfRuns):
    """Loss against tokens per parameter: ways to spend the same compute."""

    draw: Literal["same_compute"]
    series: dict[Name, str]  # sweep -> its label
    compute: str = "compute_6nd_flops"
    fit: Name | None = None  # a law of n_params and n_tokens, drawn at each compute

    @property
    def sweeps_named(self) -> list[str]:
        return list(self.series)

    @property
    def fits_named(self) -> list[str]:
        return [self.fit] if self.fit else []
