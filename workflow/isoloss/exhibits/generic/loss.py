"""Loss against one quantity: runs, medians over seeds, fitted laws within and beyond the runs."""

from __future__ import annotations

from itertools import cycle, pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from isoloss.charts import COLORS, GREY, MARKERS, Sheet, ordered_colors, short, with_interval
from isoloss.config.section import Name, PositiveFloat, Section
from isoloss.errors import nearest
from isoloss.exhibits.base import Drawing, Figure, Tables, need
from isoloss.exhibits.generic.series import OfSeries, Scale, Series
from isoloss.laws import law
from isoloss.results.fits import Fitted
from isoloss.runs.select import chosen, finished

if TYPE_CHECKING:
    import pandas as pd

N_POINTS = 60  # of a drawn law
ASIDE = 2.5  # points on the paper between series that share their x, where no law is drawn
DASHES = ((0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


class Level(Section):
    """A horizontal line."""

    value: float  # of y
    label: str  # in the legend


class Slope(Section):
    """A line y ~ x**exponent beside a series, for the eye."""

    exponent: float
    label: str  # in the legend
    series: Name | None = None  # beside which; null: the first


class LossAgainstX(OfSeries):
    """Loss against one quantity: a point for each run, the median of the seeds, the fitted law."""

    draw: Literal["loss_against_x"]
    x: str  # column of the runs
    y: str = "loss"  # column of the runs
    x_label: str  # of the axis, with the unit
    y_label: str  # of the axis, with the unit
    fits: dict[Name, Name] = {}  # series -> the fit drawn through it
    by: str | None = None  # a column: each series is split by its values
    by_label: str = "{}"  # the label of one value, e.g. "d = {}"
    levels: list[Level] = []  # e.g. the floor that noise sets
    slopes: list[Slope] = []  # e.g. what theory says
    law_to: PositiveFloat | None = None  # the fitted laws are drawn, dashed, up to this x
    x_scale: Scale = "log"  # log or linear
    y_scale: Scale = "log"  # log or linear

    @model_validator(mode="after")
    def _fits_are_of_series(self) -> Self:
        for name in self.fits:
            if name not in self.series:
                hint = nearest(name, self.series)
                raise ValueError(f"fits: got {name!r}, which is no series{hint}")
        return self

    @property
    def fits_named(self) -> list[str]:
        return list(self.fits.values())

    @property
    def numbers_named(self) -> list[str]:
        return [self.x, *super().numbers_named]

    @property
    def columns_named(self) -> list[str]:
        return [*([self.by] if self.by else []), *super().columns_named]


class Extrapolation(LossAgainstX):
    """A law fitted to small runs and drawn far beyond them, beside the law that was planted."""

    draw: Literal["extrapolation"]
    law_to: PositiveFloat  # the laws are drawn, dashed, up to this x
    at: dict[str, PositiveFloat] = {}  # the other variables of the laws, held fixed


def loss_against_x(spec: LossAgainstX, tables: Tables) -> Drawing:
    """Points are runs, large markers the median of the seeds with their range, lines fits."""
    return _drawn(spec, tables, {})


def extrapolation(spec: Extrapolation, tables: Tables) -> Drawing:
    """As `loss_against_x`, with the law that was planted and the fitted one up to `law_to`."""
    return _drawn(spec, tables, spec.at)


def _drawn(spec, tables, at):
    compared = isinstance(spec, Extrapolation) and tables.truth is not None
    sheet = Sheet(2 if compared else 1)
    panel = sheet.panel(spec.x_label, spec.y_label, "Loss" if compared else "",
                        x_scale=spec.x_scale, y_scale=spec.y_scale)  # fmt: skip
    parts = _split(spec, tables)
    notes, ends, key, said = [], [], [], {}
    ordered = bool(spec.by) and len(parts) > 3
    colors = ordered_colors(len(parts)) if ordered else COLORS
    laws = [tables.fitted(spec.fits[name], group, spec.x) if name in spec.fits else None
            for name, _, group, _ in parts]  # fmt: skip
    apart = 0.0 if any(law is not None and law.determined for law in laws) else ASIDE
    for i, (name, series, _, runs) in enumerate(parts):
        color, marker = colors[i % len(colors)], MARKERS[i % len(MARKERS)]
        runs, lost = finished(runs, series.y)
        notes += [f"{series.label}: {note}" for note in lost]
        if runs.empty:
            notes.append(f"{series.label}: no run to draw.")
            continue
        middle = _medians(runs, spec.x, series.y)
        aside = apart * (i - (len(parts) - 1) / 2)
        _runs(panel, runs, middle, spec.x, series, aside, {"color": color, "marker": marker})
        ends.append((name, middle))
        drawn = False
        if name in spec.fits:
            drawn, text = _law(panel, spec, laws[i], middle, series, color, at)
            said.setdefault(text, []).append(series.label)
        if ordered:
            panel.name_end(series.label, middle["x"].iloc[-1], middle["median"].iloc[-1],
                           color=color)  # fmt: skip
        else:
            key.append((series.label, {"color": color, "marker": marker,
                                       "linestyle": "-" if drawn else "none"}))  # fmt: skip
    notes += [f"{', '.join(labels)}: {text}" for text, labels in said.items()]
    if isinstance(spec, Extrapolation):
        shown, told = _truth(panel, spec, tables, ends)
        key, notes = key + shown, notes + told
    if compared:
        _over_truth(sheet, spec, tables, laws[0], ends, COLORS[0])
    dashes = cycle(DASHES)
    for level in spec.levels:
        look = {"color": GREY, "linewidth": 1.1, "linestyle": next(dashes)}
        panel.level(level.value, level.label, **look)
        panel.name_end(fill(level.label, 12), 1.0, level.value, color=GREY)
    for slope in spec.slopes:
        key += _slope(panel, slope, ends, next(dashes))
    if any(middle["count"].max() > 1 for _, middle in ends):
        notes.append("Large markers: median over the seeds; bars: their whole range; "
                     "small markers: single runs.")  # fmt: skip
    return sheet.drawing(key if len(key) > 1 else [], notes)


def _over_truth(sheet: Sheet, spec: Extrapolation, tables: Tables, found, ends, color) -> None:
    """A panel of the fitted law and the runs, over the law that was planted."""
    panel = sheet.panel(spec.x_label, "over the planted law - 1 (%)", "Fitted / planted",
                        x_scale=spec.x_scale, y_scale="linear")  # fmt: skip
    planted, params = law(tables.truth[0]), tables.truth[1]

    def over(x, y):
        return 100 * (np.asarray(y, float) / planted(params, **{spec.x: x}, **spec.at) - 1)

    for name, middle in ends[:1]:
        x = middle["x"].to_numpy(float)
        panel.intervals(x, *(over(x, middle[y]) for y in ("median", "min", "max")), name, "run",
                        color=color)  # fmt: skip
        if found is not None and found.determined:
            x = np.geomspace(x.min(), spec.law_to, N_POINTS)
            y = over(x, found.curve(**{spec.x: x}, **spec.at))
            band = found.band(**{spec.x: x}, **spec.at)
            if band is not None:
                panel.band(x, y, *(over(x, end) for end in band), name, "fitted law, 90 % band",
                           color=color)  # fmt: skip
            panel.line(x, y, name, "fitted law", color=color)
    panel.level(0.0, "planted law", linestyle=(0, (1, 1.5)), color="black")


def _split(spec, tables) -> list[tuple[str, Series, float | None, pd.DataFrame]]:
    """Each series, split by the values of `by`: name, what it is, value of `by`, its runs."""
    parts = []
    for name, series in spec.members().items():
        columns = ["sweep", spec.x, series.y, *series.where, *([spec.by] if spec.by else [])]
        need(tables.runs, columns, spec.called, "runs")
        runs = chosen(tables.runs, series.sweep, series.where)
        if spec.by is None:
            parts.append((name, series, None, runs))
            continue
        for value in sorted(runs[spec.by].dropna().unique()):
            label = spec.by_label.replace("{}", short(value))
            label = label if len(spec.series) == 1 else f"{series.label}, {label}"
            part = runs[runs[spec.by] == value]
            parts.append((name, series.model_copy(update={"label": label}), value, part))
    return parts


def _medians(runs, x, y) -> pd.DataFrame:
    middle = runs.groupby(x, sort=True)[y].agg(["median", "min", "max", "count"])
    return middle.reset_index(names="x")


def _runs(panel, runs, middle, x, series, aside, look):
    several = middle["count"].max() > 1
    if several:
        panel.points(runs[x], runs[series.y], series.label, "run", aside=aside, markersize=3,
                     alpha=0.35, markeredgewidth=0, **look)  # fmt: skip
    panel.intervals(middle["x"], middle["median"], middle["min"], middle["max"], series.label,
                    "median" if several else "run", aside=aside, zorder=3, **look)  # fmt: skip


def _law(panel, spec, found: Fitted | None, middle, series, color, at) -> tuple[bool, str]:
    """Draw the law if the data determine it; whether it was drawn, and what to say."""
    if found is None:
        return False, "not fitted."
    if not found.determined:
        return False, f"{found.verdict}; no law is drawn."
    seen = middle["x"][middle["x"] > 0]
    low, high = float(seen.min()), float(seen.max())
    first, last = np.clip(found.range(spec.x) or (low, high), low, high)
    ends = [low, first, last, max(high, spec.law_to or high)]
    pieces = [np.geomspace(*pair, N_POINTS) for pair in pairwise(ends)]
    values = [found.curve(**{spec.x: x}, **at) for x in pieces]
    x = np.concatenate(pieces)
    band = found.band(**{spec.x: x}, **at)
    if band is not None:
        panel.band(x, np.concatenate(values), *band, series.label, "fitted law, 90 % band",
                   color=color)  # fmt: skip
    beyond = ""
    for piece, y, dash in zip(pieces, values, (DASHES[0], "-", DASHES[0]), strict=True):
        if piece[-1] > piece[0]:
            what = "fitted law" if dash == "-" else "fitted law beyond its runs"
            panel.line(piece, y, series.label, what, color=color, linestyle=dash)
            beyond = beyond or ("" if dash == "-" else ", dashed beyond the runs it is fitted to")
    text = f"line, {found.law.formula}{beyond}" + (", with its 90 % band" if band else "")
    if spec.law_to and band:
        value, interval = with_interval(values[-1][-1], band[0][-1], band[1][-1])
        text += f"; at {short(ends[-1])} it is {value}, 90 % interval {interval}"
    if not found.identified:
        text += f"; {found.verdict}"
    return True, f"{text}."


def _truth(panel, spec, tables, ends):
    if tables.truth is None or not ends:
        return [], []
    name, params = tables.truth
    planted = law(name)
    x = np.geomspace(min(middle["x"].min() for _, middle in ends), spec.law_to, 2 * N_POINTS)
    y = planted(params, **{spec.x: x}, **spec.at)
    look = {"color": "black", "linewidth": 1.0, "linestyle": (0, (1, 1.5))}
    panel.line(x, y, "planted law", "planted law", **look)
    return [("planted law", look)], [f"Planted law: {y[-1]:.4g} at {short(x[-1])}."]


def _slope(panel, slope, ends, dash):
    """A grey line below the series, where the series is nearest to its slope.

    It is as long as half of the series, and no steeper than a third of its height.
    """
    beside = [middle for name, middle in ends if slope.series in (None, name)]
    if not beside:
        return []
    log_x, log_y = np.log(beside[0]["x"].to_numpy()), np.log(beside[0]["median"].to_numpy())
    half = (log_x.max() - log_x.min()) / 4
    if slope.exponent:
        half = min(half, np.ptp(log_y) / 3 / abs(slope.exponent))
    middle = _nearest_slope(log_x, log_y, slope.exponent)
    middle = float(np.clip(middle, log_x.min() + half, log_x.max() - half))
    span = middle + np.array([-half, half])
    near = np.interp(middle, log_x, log_y) - 0.12 * np.ptp(log_y) - 0.1
    x, y = np.exp(span), np.exp(near + slope.exponent * (span - middle))
    look = {"color": GREY, "linewidth": 1.6, "linestyle": dash}
    panel.line(x, y, slope.label, "slope", **look)
    return [(slope.label, look)]


def _nearest_slope(log_x: np.ndarray, log_y: np.ndarray, exponent: float) -> float:
    """The middle of those neighbours whose slope is nearest to `exponent`; of all, if it is a tie.

    Neighbours are three points, so that the noise of one does not decide.
    """
    if len(log_x) < 4:
        return float(log_x.mean())
    slopes = (log_y[2:] - log_y[:-2]) / (log_x[2:] - log_x[:-2])
    off = np.abs(slopes - exponent)
    near = off <= off.min() + 0.1 * abs(exponent)
    return float(np.mean(((log_x[2:] + log_x[:-2]) / 2)[near]))


FIGURES = {
    "loss_against_x": Figure(LossAgainstX, loss_against_x),
    "extrapolation": Figure(Extrapolation, extrapolation),
}
