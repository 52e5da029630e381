"""Loss while training, and loss against what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import COLORS, Sheet, short
from isoloss.config.section import Name, Section, Values
from isoloss.exhibits.base import Drawing, Drawn, Figure, Tables, need
from isoloss.exhibits.generic.series import OfRuns
from isoloss.runs.select import chosen, finished

if TYPE_CHECKING:
    import pandas as pd


class LearningCurves(OfRuns):
    """Held-out loss while training, a line for each run."""

    draw: Literal["learning_curves"]
    x: str = "step"  # column of the learning curves
    y: str = "loss"  # column of the learning curves
    by: str = "n_params"  # column of the runs: the colour
    by_label: str  # of the colours

    @property
    def numbers_named(self) -> list[str]:
        return [self.by]

    @property
    def curve_numbers_named(self) -> list[str]:
        return [self.x, self.y]


class StudyPanel(Section):
    """One study in a figure of several."""

    title: str  # of the panel
    y: str = "loss"  # column of the runs
    y_label: str  # of the axis, with the unit
    where: dict[str, Values] = {}  # column -> the values that are drawn


class EfficientFrontier(Drawn):
    """Loss against cost for the runs of several studies, a panel each, with the lower envelope."""

    draw: Literal["frontier"]
    x: str  # compute_flops, elapsed_s, ...
    x_label: str  # of the axis, with the unit
    panels: Annotated[dict[Name, StudyPanel], Field(min_length=1)]  # study -> its panel

    @property
    def sweeps_named(self) -> list[str]:
        return list(self.panels)

    @property
    def numbers_named(self) -> list[str]:
        return [self.x, *(panel.y for panel in self.panels.values())]

    @property
    def columns_named(self) -> list[str]:
        return [column for panel in self.panels.values() for column in panel.where]


def learning_curves(spec: LearningCurves, tables: Tables) -> Drawing:
    """A line for each run, up to where it ended or diverged."""
    need(tables.runs, ["run_id", spec.by, *spec.where], spec.called, "runs")
    need(tables.curves, ["run_id", spec.x, spec.y], spec.called, "curves")
    runs = chosen(tables.runs, spec.sweeps, spec.where).drop_duplicates("run_id")
    sheet = Sheet()
    panel = sheet.panel(spec.x_label, spec.y_label)
    values = sorted(runs[spec.by].dropna().unique())
    colors = dict(zip(values, tables.colors_of(values, spec.by), strict=True))
    by_run = dict(tuple(tables.curves.groupby("run_id")))
    crowded = len(runs) > 30
    for run in runs.sort_values([spec.by, "run_id"], kind="stable").to_dict("records"):
        curve = by_run.get(run["run_id"])
        if curve is None or run[spec.by] not in colors:
            continue
        curve = curve[(curve[spec.x] > 0) & (curve[spec.y] > 0)].sort_values(spec.x, kind="stable")
        panel.line(curve[spec.x], curve[spec.y], run["run_id"], f"{spec.by_label} "
                   f"{short(run[spec.by])}", color=colors[run[spec.by]],
                   linewidth=0.7 if crowded else 1.2, alpha=0.8)  # fmt: skip
    sheet.key_of_values(values, colors.values(), spec.by_label)
    return sheet.drawing()


def frontier(spec: EfficientFrontier, tables: Tables) -> Drawing:
    """A panel for each study: runs by size, and the runs that no cheaper run beats.

    The sweep of a run in a study of studies is the study that it came from.
    """
    need(tables.runs, ["sweep", spec.x], spec.called, "runs")
    drawn, notes = {}, []
    for study, about in spec.panels.items():
        need(tables.runs, [about.y, *about.where], spec.called, "runs")
        runs, lost = finished(chosen(tables.runs, [study], about.where), about.y)
        runs = runs[(runs[spec.x] > 0) & (runs[about.y] > 0)]
        notes += [f"{about.title}: {note}" for note in lost]
        if runs.empty:
            notes.append(f"{about.title}: no run to draw.")
        else:
            drawn[study] = runs
    sheet = Sheet(max(1, len(drawn)))
    for study, runs in drawn.items():
        about = spec.panels[study]
        panel = sheet.panel(spec.x_label, about.y_label, about.title)
        panel.points(runs[spec.x], runs[about.y], study, "run", color=COLORS[0], alpha=0.45,
                     markersize=3.5, markeredgewidth=0)  # fmt: skip
        best = efficient(runs, spec.x, about.y)
        panel.line(best[spec.x], best[about.y], study, "efficient frontier", color=COLORS[1],
                   drawstyle="steps-post", linewidth=1.3)  # fmt: skip
    key = [
        ("run", {"color": COLORS[0], "marker": "o", "alpha": 0.6}),
        ("efficient frontier: no cheaper run has a lower loss",
         {"color": COLORS[1], "linestyle": "-"}),
    ]  # fmt: skip
    notes.append("The losses of different tasks have different units: compare within a panel.")
    return sheet.drawing(key, notes)


def efficient(runs: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """The runs with a lower `y` than every run that costs no more `x`, by rising cost."""
    ordered = runs.sort_values([x, y], kind="stable")
    before = np.minimum.accumulate(np.concatenate([[np.inf], ordered[y].to_numpy(float)[:-1]]))
    return ordered[ordered[y].to_numpy(float) < before]


FIGURES = {
    "learning_curves": Figure(LearningCurves, learning_curves),
    "frontier": Figure(EfficientFrontier, frontier),
}
