"""Cooldowns of a trunk beside independent runs."""

import numpy as np
import pandas as pd

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import COLORS, GREY, legend_below, new_figure
from isoloss.charts.text import short, with_interval
from isoloss.config.batch_figures import CooldownChecked
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.figures.analysed import analysed, part, unmade
from isoloss.runs.curves import near_highest_rate
from isoloss.runs.select import chosen, is_finished
from isoloss.stats.interpolation import log_log

COOLED = {"color": COLORS[0], "marker": "o"}
ALONE = {"color": COLORS[1], "marker": "s"}


def cooldown_checked(spec: CooldownChecked, tables: Tables) -> Drawing:
    """Left: cooled and independent runs, about the mean of the latter. Right: one size's curves."""
    rows = analysed(tables, spec.check, where_of(spec))
    notes = unmade(rows)
    figure, axes = new_figure(2, 1, width=9.2, height=4.2)
    record = Record()
    left = Panel(axes[0, 0], record, "", "loss / mean of independent runs - 1 (%)", "Final loss",
                 x_scale="linear", y_scale="linear")  # fmt: skip
    names = _compared(left, rows)
    left.level(0.0, "mean of independent runs", linestyle="-", linewidth=0.8)
    left.axes.set_xticks(range(len(names)), names)
    left.axes.set_xlim(-0.6, max(1, len(names)) - 0.4)
    left.axes.grid(False, axis="x")
    right = _trunk(spec, tables, rows, axes[0, 1], record)
    finish(figure, [left, right])
    legend_below(figure, [
        ("cooled from a trunk", COOLED),
        ("independent", ALONE),
        ("difference of the means, 90 % interval", {"color": "black", "marker": "D"}),
        ("trunk, constant rate", {"color": GREY, "linestyle": "-"}),
    ], width=100)  # fmt: skip
    for row in rows[rows["quantity"] == "cooled / independent - 1"].itertuples():
        value, interval = with_interval(100 * row.value, 100 * row.lo, 100 * row.hi)
        notes.append(f"All sizes: cooled runs differ by {value} % (90 % interval {interval} %).")
    for row in rows[rows["quantity"] == "trained FLOPs / independent FLOPs"].itertuples():
        if np.isfinite(row.value):
            notes.append(f"The {row.n_runs:.0f} runs of the grid trained {row.value:.0%} of the "
                         "FLOPs that independent runs would.")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _compared(panel: Panel, rows: pd.DataFrame) -> list[str]:
    """A column for each size and length, and one for all; their names."""
    differences = rows[rows["quantity"] == "cooled - independent"]
    names = []
    for place, one in enumerate(differences.itertuples()):
        of_group = rows[rows["group"] == one.group]
        alone = of_group[of_group["quantity"] == "independent loss"]
        mean = alone["value"].mean()
        name = f"N = {short(one.x)}"
        names.append(name)
        for what, look, aside in (("cooled loss", COOLED, -16), ("independent loss", ALONE, 16)):
            losses = of_group[of_group["quantity"] == what]["value"]
            panel.points(np.full(len(losses), place), 100 * (losses / mean - 1), name, what,
                         aside=aside, alpha=0.8, **look)  # fmt: skip
        ends = [100 * np.array([end]) / mean for end in (one.value, one.lo, one.hi)]
        panel.intervals([place], *ends, name, "difference of the means", color="black", marker="D")
    for one in rows[rows["quantity"] == "cooled / independent - 1"].itertuples():
        ends = [100 * np.array([end]) for end in (one.value, one.lo, one.hi)]
        panel.intervals([len(names)], *ends, "all", "difference of the means", color="black",
                        marker="D")  # fmt: skip
        names.append("all")
    return names


def _trunk(spec, tables: Tables, rows, place, record) -> Panel:
    """The curves of one width: its trunk, the cooldowns from it, and independent runs."""
    widths = part(rows, "cooled loss")["of"]
    width = spec.width or (int(widths.max()) if len(widths) else 0)
    panel = Panel(place, record, "tokens trained on", spec.loss_label,
                  f"Width {width}")  # fmt: skip
    by_run = dict(tuple(tables.curves.groupby("run_id")))
    runs = chosen(tables.runs, spec.sweeps)
    runs = runs[(runs["width"] == width) & is_finished(runs)].drop_duplicates("run_id")
    trunk = None
    for run in runs.sort_values("n_tokens", ascending=False).itertuples():
        curve = by_run.get(run.run_id)
        if curve is None:
            continue
        if trunk is None:  # the longest run's: the others' are its beginning
            trunk = near_highest_rate(curve)
            panel.line(trunk["n_tokens"], trunk["loss"], "trunk", "constant rate", color=GREY)
        begun = run.n_tokens * run.trunk_flops / run.compute_flops
        if np.isfinite(begun) and len(trunk):
            left_at = log_log(begun, trunk["n_tokens"], trunk["loss"])
            panel.line([begun, run.n_tokens], [left_at, run.loss], run.run_id, "cooldown",
                       color=COLORS[0], linewidth=1.1)  # fmt: skip
        panel.points([run.n_tokens], [run.loss], run.run_id, "final", **COOLED)
    alone = chosen(tables.runs, spec.independent)
    alone = alone[(alone["width"] == width) & is_finished(alone)]
    for run in alone.drop_duplicates("run_id").itertuples():
        curve = by_run.get(run.run_id)
        if curve is None:
            continue
        curve = curve[curve["loss"] < curve["loss"].iloc[0]].sort_values("step")
        panel.line(curve["n_tokens"], curve["loss"], run.run_id, "independent", color=COLORS[1],
                   linewidth=0.8, alpha=0.8)  # fmt: skip
        panel.points([run.n_tokens], [run.loss], run.run_id, "final", **ALONE)
    if runs.empty and alone.empty:
        panel.axes.set(xlim=(1, 10), ylim=(1, 10))
    return panel


FIGURES = {
    "cooldown_checked": Figure(CooldownChecked, cooldown_checked),
}
