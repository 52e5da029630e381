"""Losses over a grid of sizes and data: by data, a line for each size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import key_of_values, new_figure, ordered_colors
from isoloss.charts.text import short
from isoloss.config.section import Name
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.exhibits.generic.series import OfRuns
from isoloss.results.fits import Fitted
from isoloss.runs.select import chosen, finished
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd


class LossGrid(OfRuns):
    """Loss against one quantity, a line for each value of another, which sets the colour."""

    draw: Literal["loss_grid"]
    x: str = "n_tokens"  # column of the runs
    y: str = "loss"  # column of the runs
    by: str = "n_params"  # column of the runs: the colour
    by_label: str  # of the colours
    fit: Name | None = None  # a law of both, drawn dashed

    @property
    def fits_named(self) -> list[str]:
        return [self.fit] if self.fit else []


def loss_grid(spec: LossGrid, tables: Tables) -> Drawing:
    """Medians over seeds; a fitted law of both quantities is dashed."""
    need(tables.runs, [spec.x, spec.y, spec.by, *spec.where], where_of(spec), "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps, spec.where), spec.y)
    figure, axes = new_figure(width=6.8)
    record = Record()
    panel = Panel(axes[0, 0], record, spec.x_label, spec.y_label)
    values = sorted(runs[spec.by].unique())
    colors = ordered_colors(len(values))
    found = tables.fitted(spec.fit) if spec.fit else None
    if spec.fit and (found is None or not found.describes):
        notes.append(f"No law is drawn: {found.verdict if found else 'not fitted'}.")
        found = None
    for value, color in zip(values, colors, strict=True):
        middle = runs[runs[spec.by] == value].groupby(spec.x, sort=True)[spec.y].median()
        x, label = middle.index.to_numpy(float), f"{spec.by_label} {short(value)}"
        look = {"color": color, "linestyle": "none"} if found else {"color": color, "linewidth": 1}
        panel.line(x, middle, label, "median", marker="o", **look)
        if found and len(x) > 1:
            dense = np.geomspace(x[0], x[-1], 50)
            law = found.curve(**{spec.x: dense, spec.by: np.full(50, float(value))})
            panel.line(dense, law, label, "fitted law", color=color, linestyle=(0, (3, 2)))
    if found:
        notes.append(f"Dashed: {found.law.formula}, fitted to all of the runs at once.")
        notes.append(f"It misses the runs by {_miss(found, runs, spec):.1%} (root mean square).")
        if not found.identified:
            notes.append(f"Its parameters are {found.verdict}.")
    finish(figure, [panel])
    if values:
        key_of_values(figure, [panel.axes], values, colors, spec.by_label)
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _miss(found: Fitted, runs: pd.DataFrame, spec: LossGrid) -> float:
    """Root mean square of the relative deviation of the runs from a law."""
    at = {column: runs[column].to_numpy(float) for column in (spec.x, spec.by)}
    return root_mean_square(np.log(runs[spec.y].to_numpy(float) / found.curve(**at)))


FIGURES = {"loss_grid": Figure(LossGrid, loss_grid)}
