"""What was measured against what theory predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, WHITE, Sheet, look_of
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Drawing, Drawn, Figure, Tables, need
from isoloss.exhibits.generic.series import OfRuns, OfSeries, Scale
from isoloss.results.fits import Fitted
from isoloss.results.verdict import Verdict
from isoloss.runs.select import chosen, finished
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd


class ExponentAgainstTheory(Drawn):
    """A fitted exponent, one for each group of runs, against what theory predicts for it."""

    draw: Literal["exponent_against_theory"]
    fit: Name  # with a law for each group of runs
    parameter: str = "alpha"  # of the law
    predicted: dict[str, float] = {}  # group, e.g. "n_inputs=2" -> prediction; {}: the fit's theory
    group_label: str = "{}"  # the label of a group's value, e.g. "d = {}"
    x_label: str  # of the axis, with the unit
    y_label: str  # of the axis, with the unit


class RatioToTheory(OfSeries, OfRuns):
    """A measured column over the column that theory gives, which should be 1."""

    draw: Literal["ratio_to_theory"]
    x: str  # column of the runs
    measured: str  # column of the runs
    theory: str  # column of the runs
    standard_error: str | None = None  # column, of `measured`; null: from the spread of the runs
    x_scale: Scale = "log"  # log or linear

    @property
    def measured_column(self) -> str:
        return self.measured


def exponent_against_theory(spec: ExponentAgainstTheory, tables: Tables) -> Drawing:
    """Fitted exponents with their intervals; on the grey line they would equal the prediction."""
    fits = tables.fits_of(spec.fit)
    if not fits:
        raise UserError(spec.called, [f"fit: there is no fit {spec.fit!r} in the table of fits"])
    notes = [f"{_named(spec, fit)}: {verdict}." for fit in fits
             if not (verdict := _verdict(spec, fit)).identified]  # fmt: skip
    rows = _judged(spec, fits)
    sheet = Sheet(height=4.2)
    panel = sheet.panel(spec.x_label, spec.y_label)
    ends = rows[["x", "value", "lo", "hi"]].to_numpy(float)
    ends = ends[ends > 0]
    if len(ends):
        span = [float(ends.min()) / 1.15, float(ends.max()) * 1.15]
        panel.line(span, span, "measured = predicted", "reference", color=GREY, linewidth=1.1)
        for sure, some in rows.groupby("sure", sort=False):
            panel.intervals_of(some, "measured", "fitted exponent", color=COLORS[0],
                               markerfacecolor=COLORS[0] if sure else "white")  # fmt: skip
        for row in rows.itertuples():
            label = spec.group_label.replace("{}", row.group.value)
            panel.write(label, row.x, row.value, xytext=(8, -9), bbox=WHITE)
        panel.axes.set(xlim=(span[0], span[1] * 1.1), ylim=span)
    else:
        notes.append("No group has an exponent that the data determine: nothing is drawn.")
    key = [
        ("measured, with its 90 % interval", {"color": COLORS[0], "marker": "o"}),
        ("the same, if the law holds",
         {"color": COLORS[0], "marker": "o", "markerfacecolor": "white"}),
        ("measured = predicted", {"color": GREY, "linestyle": "-"}),
    ]  # fmt: skip
    key = [entry for entry in key if "holds" not in entry[0] or not rows["sure"].all()]
    drawing = sheet.drawing(key, notes)
    table = drawing.table
    groups = dict(zip(rows["x"], rows["group"].map(str), strict=True))
    table["series"] = [
        groups.get(x, series) if what == "fitted exponent" else series
        for x, series, what in zip(table.get("x", []), table["series"], table["what"], strict=True)
    ]
    return drawing


def _named(spec: ExponentAgainstTheory, fit: Fitted) -> str:
    """A group as its label names it."""
    group = str(fit.group)
    return spec.group_label.replace("{}", fit.group.value) if group else fit.fit


def _verdict(spec: ExponentAgainstTheory, fit: Fitted) -> Verdict:
    """The verdict on the exponent; that of the fit, where it has none."""
    number = fit.number(spec.parameter)
    return fit.verdict if number is None else number.verdict or fit.verdict


def _judged(spec: ExponentAgainstTheory, fits: list[Fitted]) -> pd.DataFrame:
    """The exponents that the data determine, be it if the law holds, and the predictions (x)."""
    import pandas as pd

    rows = []
    for fit in fits:
        number = fit.number(spec.parameter)
        if number is None or not (verdict := _verdict(spec, fit)).determined:
            continue
        predicted = spec.predicted.get(str(fit.group), np.nan) if spec.predicted else number.theory
        rows.append({"group": fit.group, "x": predicted, "value": number.value, "lo": number.lo,
                     "hi": number.hi, "sure": verdict.identified})  # fmt: skip
    found = pd.DataFrame(rows, columns=["group", "x", "value", "lo", "hi", "sure"])
    return found.dropna(subset=["x", "value"])


def ratio_to_theory(spec: RatioToTheory, tables: Tables) -> Drawing:
    """The mean over the runs of measured / theory, with its 90 % interval."""
    members = spec.members()
    needed = ["sweep", spec.x, *(series.y for series in members.values()), spec.theory]
    needed += [column for series in members.values() for column in series.where]
    needed += [spec.standard_error] if spec.standard_error else []
    need(tables.runs, [*needed, *spec.where], spec.called, "runs")
    sheet = Sheet()
    panel = sheet.panel(spec.x_label, spec.y_label, x_scale=spec.x_scale, y_scale="linear")
    notes, key = [], []
    for i, series in enumerate(members.values()):
        label = series.label
        runs = chosen(chosen(tables.runs, series.sweep, spec.where), None, series.where)
        runs, lost = finished(runs, series.y)
        notes += [f"{label}: {note}" for note in lost]
        runs = runs[runs[spec.theory] > 0]
        if runs.empty:
            notes.append(f"{label}: no run with a theory to compare with.")
            continue
        ratios = ratio_by_x(runs, series.y, spec)
        look = look_of(i)
        aside = 4.0 * (i - (len(members) - 1) / 2)
        panel.intervals(ratios["x"], ratios["ratio"], ratios["lo"], ratios["hi"], label,
                        "measured / theory", aside=aside, **look)  # fmt: skip
        key.append((label, look))
        inside = int(((ratios["lo"] <= 1) & (ratios["hi"] >= 1)).sum())
        notes.append(f"{label}: {inside} of {len(ratios)} 90 % intervals hold 1.")
    panel.level(1.0, "theory", linestyle="-")
    key.append(("theory", {"color": GREY, "linestyle": "-"}))
    return sheet.drawing(key, notes)


def ratio_by_x(runs: pd.DataFrame, measured: str, spec: RatioToTheory) -> pd.DataFrame:
    """Mean ratio and its interval for each x: from the runs' standard errors, or their spread."""
    import pandas as pd

    rows = []
    for x, group in runs.groupby(spec.x, sort=True):
        ratio = (group[measured] / group[spec.theory]).to_numpy(float)
        count, mean = len(ratio), float(ratio.mean())
        if spec.standard_error:
            errors = (group[spec.standard_error] / group[spec.theory]).to_numpy(float)
            half = student.quantile(LEVEL) * np.sqrt(np.sum(errors**2)) / count
        elif count > 1:
            half = student.quantile(LEVEL, count - 1) * ratio.std(ddof=1) / np.sqrt(count)
        else:
            half = np.nan
        rows.append({"x": x, "ratio": mean, "lo": mean - half, "hi": mean + half})
    return pd.DataFrame(rows)


FIGURES = {
    "exponent_against_theory": Figure(ExponentAgainstTheory, exponent_against_theory),
    "ratio_to_theory": Figure(RatioToTheory, ratio_to_theory),
}
