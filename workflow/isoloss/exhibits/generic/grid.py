"""Losses over a grid of sizes and data: by data for each size, by their ratio at equal compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from isoloss.charts import GREY, MARKERS, Panel, Sheet, ordered_colors, science, short
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need
from isoloss.exhibits.generic.series import OfRuns
from isoloss.laws import law
from isoloss.results.fits import Fitted
from isoloss.runs.select import chosen, finished
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

N_POINTS = 100
MOST_NAMES = 8  # values of `by` that are named at the ends of their lines
DASHED = (0, (3, 2))


class LossGrid(OfRuns):
    """Loss against one quantity, a line for each value of another, which sets the colour."""

    draw: Literal["loss_grid"]
    x: str = "n_tokens"  # column of the runs
    y: str = "loss"  # column of the runs
    by: str = "n_params"  # column of the runs: the colour
    by_label: str  # of the colours
    fit: Name | None = None  # a law of both, drawn dashed
    laws: dict[Name, str] = {}  # in place of fit: a panel for each law, fit -> its title

    @property
    def fits_named(self) -> list[str]:
        return [*super().fits_named, *self.laws]


class SameCompute(OfRuns):
    """Loss against tokens per parameter: ways to spend the same compute."""

    draw: Literal["same_compute"]
    series: dict[Name, str]  # sweep -> its label
    compute: str = "compute_6nd_flops"  # column of the runs
    fit: Name | None = None  # a law of n_params and n_tokens, drawn at each compute

    @property
    def sweeps_named(self) -> list[str]:
        return list(self.series)


def loss_grid(spec: LossGrid, tables: Tables) -> Drawing:
    """Medians over seeds; a fitted law of both quantities is dashed, with its misfit beside it."""
    need(tables.runs, [spec.x, spec.y, spec.by, *spec.where], spec.called, "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps, spec.where), spec.y)
    laws = spec.laws or {spec.fit: ""}
    sheet = Sheet(len(laws), height=3.6)
    for fit, title in laws.items():
        panel = sheet.panel(spec.x_label, spec.y_label, title)
        if len(sheet.panels) > 1:
            panel.axes.sharey(sheet.panels[0].axes)
        found = tables.fitted(fit) if fit else None
        if fit and (found is None or not found.describes):
            why = found.verdict if found else "not fitted"
            notes.append(f"No law is drawn{f' ({title})' if title else ''}: {why}.")
            found = None
        values, colors = _lines(panel, spec, tables, runs, found)
        if found:
            name = f"{title}: dashed" if title else "Dashed"
            notes.append(f"{name}, {found.law.formula}, fitted to all of the runs at once.")
            miss = _miss(found, runs, spec)
            said = f"misses the runs by {100 * miss:.1f} %"
            notes.append(f"{title or 'The law'} {said} (root mean square).")
            panel.say(said, "upper right")  # losses fall along x: it is empty
            if not found.identified:
                notes.append(f"Its parameters are {found.verdict}.")
    if len(values) > MOST_NAMES:
        sheet.key_of_values(values, colors, spec.by_label)
    key = [("run", {"color": GREY, "marker": "o"}),
           ("fitted law", {"color": GREY, "linestyle": DASHED})]  # fmt: skip
    return sheet.drawing(key if any(laws) else [], notes)


def _lines(panel: Panel, spec: LossGrid, tables: Tables, runs: pd.DataFrame, found: Fitted | None):
    """A line for each value of `by`, named at its end; the values and their colours."""
    values = sorted(runs[spec.by].unique())
    colors = tables.colors_of(values, spec.by)
    for place, (value, color) in enumerate(zip(values, colors, strict=True)):
        middle = runs[runs[spec.by] == value].groupby(spec.x, sort=True)[spec.y].median()
        x, label = middle.index.to_numpy(float), f"{spec.by_label} {short(value)}"
        look = {"color": color, "linestyle": "none"} if found else {"color": color, "linewidth": 1}
        panel.line(x, middle, label, "median", marker="o", **look)
        if found and len(x) > 1:
            dense = np.geomspace(x[0], x[-1], 50)
            law = found.curve(**{spec.x: dense, spec.by: np.full(50, float(value))})
            panel.line(dense, law, label, "fitted law", color=color, linestyle=DASHED)
        if len(values) <= MOST_NAMES:
            panel.name_end(short(value), x[-1], middle.iloc[-1], color=color)
            if place == len(values) - 1:
                panel.say(spec.by_label, "key")
    return values, colors


def _miss(found: Fitted, runs: pd.DataFrame, spec: LossGrid) -> float:
    """Root mean square of the relative deviation of the runs from a law."""
    at = {column: runs[column].to_numpy(float) for column in (spec.x, spec.by)}
    return root_mean_square(np.log(runs[spec.y].to_numpy(float) / found.curve(**at)))


def same_compute(spec: SameCompute, tables: Tables) -> Drawing:
    """Loss against tokens per parameter, coloured by compute; lines are a law at that compute."""
    need(tables.runs, ["sweep", "loss", "n_params", "n_tokens", spec.compute], spec.called, "runs")
    runs, notes = finished(chosen(tables.runs, list(spec.series), spec.where), "loss")
    unknown = runs[["n_params", "n_tokens", spec.compute]].isna().any(axis=1)
    if unknown.any():
        notes.append(f"{unknown.sum()} runs without N, D or {spec.compute} are left out.")
        runs = runs[~unknown]
    runs = runs.assign(
        ratio=runs["n_tokens"] / runs["n_params"],
        level=[float(f"{c:.2e}") for c in runs[spec.compute]],
    )
    sheet = Sheet()
    panel = sheet.panel(spec.x_label, spec.y_label)
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
        for i, (sweep, label) in enumerate(spec.series.items()):
            middle = of_level[of_level["sweep"] == sweep].groupby("ratio")["loss"].median()
            panel.points(middle.index, middle, label, f"median at {science(level)} FLOP",
                         color=color, marker=MARKERS[i % len(MARKERS)], markersize=7,
                         aside=3.0 * (i - (len(spec.series) - 1) / 2),
                         markeredgecolor="white")  # fmt: skip
        last = of_level.loc[of_level["ratio"].idxmax()]
        panel.name_end(science(level), last["ratio"], last["loss"], color=color)
    panel.say("6 N D (FLOP)", "key")
    key = [(label, {"color": GREY, "marker": marker})
           for marker, label in zip(MARKERS, spec.series.values(), strict=False)]  # fmt: skip
    key += [(name, {"color": GREY, "linestyle": "-"})] if name else []
    best = runs.loc[runs.groupby("level")["loss"].idxmin()] if len(runs) else runs
    for sweep, label in spec.series.items():
        won = [science(row.level) for row in best.itertuples() if row.sweep == sweep]
        if won:
            notes.append(f"The lowest loss at {', '.join(won)} FLOP: {label}.")
    return sheet.drawing(key, notes)


def _law(spec, tables):
    """A function of N and D, and what it is: the fitted law, else the planted one, else None."""
    found = tables.fitted(spec.fit) if spec.fit else None
    if found is not None and found.determined:
        return lambda n, d: found.curve(n_params=n, n_tokens=d), "fitted law"
    if spec.fit is None and tables.truth is not None:
        planted, params = law(tables.truth[0]), tables.truth[1]
        return lambda n, d: planted(params, n_params=n, n_tokens=d), "planted law"
    return None, ""


FIGURES = {
    "loss_grid": Figure(LossGrid, loss_grid),
    "same_compute": Figure(SameCompute, same_compute),
}
