"""Ways to spend the same compute: a large model on little data, or a small one on much."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import (
    GREY,
    MARKERS,
    key_of_values,
    legend_below,
    new_figure,
    ordered_colors,
)
from isoloss.charts.text import science
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.exhibits.generic.series import OfRuns
from isoloss.laws import law
from isoloss.runs.select import chosen, finished

N_POINTS = 100


class SameCompute(OfRuns):
    """Loss against tokens per parameter: ways to spend the same compute."""

    draw: Literal["same_compute"]
    series: dict[Name, str]  # sweep -> its label
    compute: str = "compute_6nd_flops"  # column of the runs
    fit: Name | None = None  # a law of n_params and n_tokens, drawn at each compute

    @property
    def sweeps_named(self) -> list[str]:
        return list(self.series)

    @property
    def fits_named(self) -> list[str]:
        return [self.fit] if self.fit else []


def same_compute(spec: SameCompute, tables: Tables) -> Drawing:
    """Loss against tokens per parameter, coloured by compute; lines are a law at that compute."""
    need(tables.runs, ["sweep", "loss", "n_params", "n_tokens", spec.compute], where_of(spec),
         "runs")  # fmt: skip
    runs, notes = finished(chosen(tables.runs, list(spec.series), spec.where), "loss")
    runs = runs.assign(
        ratio=runs["n_tokens"] / runs["n_params"],
        level=[float(f"{c:.2e}") for c in runs[spec.compute]],
    )
    figure, axes = new_figure(width=6.8)
    record = Record()
    panel = Panel(axes[0, 0], record, spec.x_label, spec.y_label)
    levels = sorted(runs["level"].unique())
    colors = ordered_colors(len(levels))
    curve, name = _law(spec, tables)
    for level, color in zip(levels, colors, strict=True):
        of_level = runs[runs["level"] == level]
        if curve is not None:
            ratio = np.geomspace(of_level["ratio"].min() / 2, of_level["ratio"].max() * 2, N_POINTS)
            size = np.sqrt(level / (FLOPS_PER_PARAM_TOKEN * ratio))
            loss = curve(size, ratio * size)
            panel.line(ratio, loss, f"{science(level)} FLOP", name, color=color, linewidth=1.1)
        for marker, (sweep, label) in zip(MARKERS, spec.series.items(), strict=False):
            middle = of_level[of_level["sweep"] == sweep].groupby("ratio")["loss"].median()
            panel.points(middle.index, middle, label, f"median at {science(level)} FLOP",
                         color=color, marker=marker, markersize=7,
                         markeredgecolor="white")  # fmt: skip
    finish(figure, [panel])
    if levels:
        key_of_values(figure, [panel.axes], levels, colors, "compute, 6 N D (FLOP)", science)
    key = [(label, {"color": GREY, "marker": marker})
           for marker, label in zip(MARKERS, spec.series.values(), strict=False)]  # fmt: skip
    legend_below(figure, key + ([(name, {"color": GREY, "linestyle": "-"})] if name else []))
    best = runs.loc[runs.groupby("level")["loss"].idxmin()] if len(runs) else runs
    for sweep, label in spec.series.items():
        won = [science(row.level) for row in best.itertuples() if row.sweep == sweep]
        if won:
            notes.append(f"{label}: the lowest loss at {', '.join(won)} FLOP.")
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _law(spec, tables):
    """A function of N and D, and what it is: the fitted law, else the planted one, else None."""
    found = tables.fitted(spec.fit) if spec.fit else None
    if found is not None and found.identified:
        return lambda n, d: found.curve(n_params=n, n_tokens=d), "fitted law"
    if spec.fit is None and tables.truth is not None:
        planted, params = law(tables.truth[0]), tables.truth[1]
        return lambda n, d: planted(params, n_params=n, n_tokens=d), "planted law"
    return None, ""


FIGURES = {"same_compute": Figure(SameCompute, same_compute)}
