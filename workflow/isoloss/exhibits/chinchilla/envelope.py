"""The envelope of learning curves (Hoffmann et al. 2022, Fig. 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from isoloss.charts.panel import finish
from isoloss.charts.style import key_of_values, legend_below, new_figure, ordered_colors
from isoloss.charts.text import short
from isoloss.config.section import Name
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.exhibits.chinchilla.design import COUNTS, Count
from isoloss.exhibits.chinchilla.looks import (
    APPROACHES,
    DASHED,
    LOSS_LABEL,
    OfApproaches,
    compute_label,
    count_of,
    draw_frontier,
    exponent_said,
    flop_ticks,
    size_label,
    three_panels,
)
from isoloss.results.analysed import undetermined
from isoloss.results.group import Group, Label
from isoloss.results.quantity import Q
from isoloss.runs.curves import at_peak_rate
from isoloss.runs.select import chosen, finished

if TYPE_CHECKING:
    import pandas as pd

FIRST = Group.of(approach=1)
WINNER = Group.of(Label.WINNER, approach=1)


class ChinchillaEnvelope(OfApproaches):
    """Fig. 2: learning curves by compute, the size with the least loss, and its tokens."""

    draw: Literal["chinchilla_envelope"]
    name: Name = "chinchilla_02"
    title: str = "The envelope of learning curves (Hoffmann et al. 2022, Fig. 2)"
    caption: str = (
        "Left: loss of each size at a constant rate, and the least of any. Middle and right: the "
        "size that has it, and its tokens. The line goes through changes of that size. Rates have "
        "not decayed: cooled runs reach lower losses."
    )
    loss_label: str = LOSS_LABEL
    sweeps: list[Name]  # whose longest run of each size is drawn

    @property
    def sweeps_named(self) -> list[str]:
        return self.sweeps


def draw(spec: ChinchillaEnvelope, tables: Tables) -> Drawing:
    """Learning curves by compute; the size with the least loss at each; its tokens."""
    found = tables.analysed(spec.approaches, where_of(spec))
    name = count_of(found)
    figure, axes = new_figure(3, 1, width=10.4, height=3.9)
    panels = three_panels(axes, name, (compute_label(name), spec.loss_label,
                                               "Learning curves"))  # fmt: skip
    sizes, colors, notes = [], [], []
    if name is not None:
        sizes, colors, notes = _curves(panels[0], spec, tables, COUNTS[name])
    least = found.points(Q.LOSS, group=WINNER)
    panels[0].line(least["x"], least["value"], "least loss", "envelope", color="black",
                   linewidth=1.0, linestyle=DASHED)  # fmt: skip
    look = APPROACHES[1][1]
    for panel, quantity in zip(panels[1:], (Q.N_OPT, Q.D_OPT), strict=True):
        at = found.points(quantity, group=WINNER)
        edge = undetermined(at)
        for keep, shade, what in ((~edge, "#333333", "winner"),
                                  (edge, "#bbbbbb", "winner at the edge")):  # fmt: skip
            panel.points(at["x"][keep], at["value"][keep], "size with the least loss", what,
                         color=shade, marker=".", markersize=4)  # fmt: skip
        draw_frontier(panel, found, 1, quantity, beyond=False)
        at = found.points(quantity, group=FIRST)
        panel.points(at["x"], at["value"], "change of the winner", "place on the frontier",
                     markeredgecolor="white", zorder=4, **look)  # fmt: skip
    finish(figure, panels)
    for panel in panels:
        flop_ticks(panel)
    if sizes:
        key_of_values(figure, [panel.axes for panel in panels], sizes, colors, size_label(name))
    legend_below(figure, [
        ("envelope", {"color": "black", "linestyle": DASHED}),
        ("least loss (light: a neighbour is missing)", {"color": "#333333", "marker": "."}),
        ("one size takes over", look),
        ("line through these", {"color": look["color"], "linestyle": "-"}),
    ], 110)  # fmt: skip
    notes += [f"{text}." for q in (Q.A_OPT, Q.B_OPT) if (text := exponent_said(found, 1, q))]
    notes += found.why_not(group=FIRST if found.made else None)
    return Drawing(figure=figure, table=panels[0].record.table(), notes=notes)


def _curves(panel, spec, tables: Tables, count: Count) -> tuple[list[float], list[str], list[str]]:
    """Draw the longest curve of each size; the sizes, their colours, and notes."""
    runs, notes = _longest(spec, tables, count)
    sizes = sorted(runs[count.size].unique())
    colors = ordered_colors(len(sizes))
    color_of = dict(zip(sizes, colors, strict=True))
    for run in runs.to_dict("records"):
        curve = tables.curves[tables.curves["run_id"] == run["run_id"]]
        curve = at_peak_rate(curve, run["peak_lr"])
        compute = curve["n_tokens"] * run[count.compute] / run["n_tokens"]
        size = run[count.size]
        panel.line(compute, curve["loss"], f"N = {short(size)}", "learning curve",
                   color=color_of[size], linewidth=1.3)  # fmt: skip
    return sizes, colors, notes


def _longest(spec, tables: Tables, count: Count) -> tuple[pd.DataFrame, list[str]]:
    """The longest run of each size, and a note about runs without a loss."""
    columns = ["sweep", "run_id", "n_tokens", "peak_lr", str(count.size), count.compute]
    need(tables.runs, columns, where_of(spec), "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    runs = runs.sort_values([count.size, "n_tokens", "run_id"], kind="stable")
    return runs.drop_duplicates(count.size, keep="last"), notes


FIGURES = {"chinchilla_envelope": Figure(ChinchillaEnvelope, draw)}
