"""Losses over a grid of sizes and data: by data, and at equal compute."""

import numpy as np
import pandas as pd

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import key_of_values, new_figure, ordered_colors
from isoloss.charts.text import science, short
from isoloss.config.figures import IsoFlop, LossGrid
from isoloss.errors import UserError
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.figures.fitted import Fitted, fitted
from isoloss.runs.select import chosen, finished
from isoloss.stats.spread import root_mean_square

FEWEST_SIZES = 3  # that must reach a level of compute for it to be drawn


def loss_grid(spec: LossGrid, tables: Tables) -> Drawing:
    """Medians over seeds; a fitted law of both quantities is dashed."""
    need(tables.runs, [spec.x, spec.y, spec.by, *spec.where], where_of(spec), "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps, spec.where), spec.y)
    figure, axes = new_figure(width=6.8)
    record = Record()
    panel = Panel(axes[0, 0], record, spec.x_label, spec.y_label)
    values = sorted(runs[spec.by].unique())
    colors = ordered_colors(len(values))
    found = fitted(tables, spec.fit) if spec.fit else None
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


def isoflop(spec: IsoFlop, tables: Tables) -> Drawing:
    """Loss against size at equal compute; the lowest point of each level is ringed."""
    need(tables.runs, ["run_id", spec.x, spec.y, *spec.where], where_of(spec), "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps, spec.where), spec.y)
    points = runs
    if spec.interpolate == "curves":
        need(tables.curves, ["run_id", spec.compute, spec.y], where_of(spec), "curves")
        points = tables.curves[["run_id", spec.compute, spec.y]].merge(runs[["run_id", spec.x]])
    need(points, [spec.compute], where_of(spec), spec.interpolate)
    points = points[(points[spec.compute] > 0) & (points[spec.y] > 0)]
    table = at_equal_compute(points, spec)
    figure, axes = new_figure(width=6.8)
    record = Record()
    panel = Panel(axes[0, 0], record, spec.x_label, spec.y_label)
    levels = sorted(table["level"].unique())
    colors = ordered_colors(len(levels))
    for level, color in zip(levels, colors, strict=True):
        of_level = table[table["level"] == level]
        label = f"{science(level)} FLOP"
        panel.line(of_level["x"], of_level["y"], label, "interpolated loss", color=color,
                   marker="o", markersize=4, linewidth=1.2)  # fmt: skip
        best = of_level["y"].idxmin()
        if best not in (of_level.index[0], of_level.index[-1]):
            panel.points([table["x"][best]], [table["y"][best]], label, "lowest", color=color,
                         marker="o", markersize=10, fillstyle="none")  # fmt: skip
    if levels:
        key_of_values(figure, [panel.axes], levels, colors, "compute (FLOP)", science)
    else:
        panel.axes.set(xlim=(1, 10), ylim=(1, 10))
        notes.append(f"No compute is reached by {FEWEST_SIZES} sizes: nothing is drawn.")
    finish(figure, [panel])
    how = {
        "runs": "between the final losses of runs of one size that differ in data",
        "curves": "along the learning curves, whose rate has not decayed there",
    }
    notes.append(f"Log loss is interpolated in log compute {how[spec.interpolate]}; nothing is "
                 "extrapolated. Ringed: the lowest point of a line, where it is not at an end; "
                 "it is no fitted minimum.")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def at_equal_compute(points: pd.DataFrame, spec: IsoFlop) -> pd.DataFrame:
    """Columns level, x, y: every size that reaches a level from both sides, sorted."""
    curves = {}
    for x, of_size in points.groupby(spec.x, sort=True):
        middle = of_size.groupby(spec.compute, sort=True)[spec.y].median()
        if len(middle) > 1:
            curves[float(x)] = np.log(middle.index.to_numpy(float)), np.log(middle.to_numpy(float))
    rows = []
    for level in levels_of(spec, [(c[0], c[-1]) for c, _ in curves.values()]):
        reached = {x: curve for x, curve in curves.items()
                   if curve[0][0] <= np.log(level) <= curve[0][-1]}  # fmt: skip
        if len(reached) >= FEWEST_SIZES:
            rows += [{"level": level, "x": x, "y": np.exp(np.interp(np.log(level), *curve))}
                     for x, curve in reached.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["level", "x", "y"])


def levels_of(spec: IsoFlop, ranges: list[tuple[float, float]]) -> list[float]:
    """The levels asked for, or round ones, evenly spaced in log compute where enough sizes reach.

    Raises
    ------
    UserError
        A level is given twice.
    """
    if not isinstance(spec.levels, int):
        if len(set(spec.levels)) < len(spec.levels):
            raise UserError(where_of(spec), [f"levels: a level is given twice: {spec.levels}"])
        return sorted(spec.levels)
    if len(ranges) < FEWEST_SIZES:
        return []
    low, high = min(start for start, _ in ranges), max(end for _, end in ranges)
    grid = np.linspace(low, high, 400)
    reached = [sum(start <= c <= end for start, end in ranges) >= FEWEST_SIZES for c in grid]
    good = grid[reached]
    if not len(good):
        return []
    chosen_levels = np.exp(np.linspace(good[0], good[-1], spec.levels + 2)[1:-1])
    return sorted({float(f"{level:.1e}") for level in chosen_levels})


FIGURES = {
    "loss_grid": Figure(LossGrid, loss_grid),
    "isoflop": Figure(IsoFlop, isoflop),
}
