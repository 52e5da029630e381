"""Batch size: Kaplan et al. (2020, arXiv:2001.08361), Figs. 10 and 18."""

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import (
    COLORS,
    GREY,
    MARKERS,
    key_of_values,
    legend_below,
    new_figure,
    ordered_colors,
)
from isoloss.charts.text import short, with_interval
from isoloss.config.batch_figures import BatchTradeoff, CriticalBatchSize
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.figures.analysed import analysed, part, undetermined, unmade
from isoloss.figures.fitted import IDENTIFIED

PAPER = (2.1e8, 4.8)  # B_crit = 2.1e8 tokens / L**4.8, the legend of Fig. 10
DASH = {"color": GREY, "linewidth": 1.1, "linestyle": (0, (4, 2))}
LAW = {"color": "black", "linewidth": 1.3, "linestyle": "-"}


def critical_batch_size(spec: CriticalBatchSize, tables: Tables) -> Drawing:
    """B_crit of each size and loss with its interval, the law through all, and the noise scale."""
    rows = analysed(tables, spec.critical, where_of(spec))
    notes = unmade(rows)
    figure, axes = new_figure(width=6.8, height=4.8)
    record = Record()
    label = f"{spec.loss_label}, falling"
    panel = Panel(axes[0, 0], record, label, "batch (tokens)")
    found, scale = part(rows, "B_crit"), part(rows, "noise_scale")
    sizes = sorted({*found["of"], *scale["of"]})
    key = []
    for i, size in enumerate(sizes):
        look = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        name, aside = f"N = {short(size)}", 4.0 * (i - (len(sizes) - 1) / 2)
        sure = found[(found["of"] == size) & ~undetermined(found)]
        if len(sure):
            panel.intervals(sure["x"], sure["value"], sure["lo"], sure["hi"], name, "B_crit",
                            aside=aside, **look)  # fmt: skip
            key.append((f"{name}: B_crit, Eq. 5.1", look))
        known = scale[(scale["of"] == size) & ~undetermined(scale)]
        if len(known):
            hollow = look | {"markerfacecolor": "white", "linestyle": ":", "linewidth": 1.0}
            panel.intervals(known["x"], known["value"], known["lo"], known["hi"], name,
                            "noise scale", aside=-aside, **hollow)  # fmt: skip
            key.append((f"{name}: gradient noise scale", hollow))
    left_out = int(undetermined(found).sum())
    if left_out:
        notes.append(f"{left_out} of {len(found)} B_crit of one size and loss are not determined "
                     "by the batches tried, and are not drawn.")  # fmt: skip
    key += _law(panel, rows, notes)
    if not record.table().empty:
        low, high = panel.axes.get_xlim()
        panel.axes.set_xlim(high, low)
    else:
        panel.axes.set(xlim=(10, 1), ylim=(10, 1e4))
    finish(figure, [panel])
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _law(panel: Panel, rows, notes: list[str]) -> list[tuple[str, dict]]:
    """The fitted law with its band, and the paper's slope through its middle."""
    line = part(rows, "B_crit", "line")
    middle = rows[(rows["quantity"] == "B_crit") & (rows["kind"] == "parameter")]
    if line.empty or middle.empty:
        return []
    verdict = line["verdict"].iloc[0]
    exponent = rows[rows["quantity"] == "inverse_alpha_B"].iloc[0]
    value, interval = with_interval(exponent["value"], exponent["lo"], exponent["hi"])
    key = []
    if verdict == IDENTIFIED:
        panel.band(line["x"], line["value"], line["lo"], line["hi"], "law", "90 % band",
                   color="black")  # fmt: skip
        panel.line(line["x"], line["value"], "law", "fitted law", **LAW)
        key.append((f"all sizes, exponent {exponent['value']:.2f}", LAW))
    else:
        notes.append(f"No law is drawn: {verdict}.")
    notes.append(f"1 / alpha_B: {value}, 90 % interval {interval}; the paper has 4.8.")
    size = rows[rows["quantity"] == "size exponent of B_crit"]
    if len(size):
        value, interval = with_interval(*size[["value", "lo", "hi"]].iloc[0])
        notes.append(f"At equal loss B_crit goes with N to the power {value} ({interval}); the "
                     "paper has it depend on the loss alone, a power of 0.")  # fmt: skip
    at = middle["x"].iloc[0]
    slope = middle["value"].iloc[0] * (line["x"] / at) ** -PAPER[1]
    panel.line(line["x"], slope, "the paper's exponent", "slope", **DASH)
    key.append(("exponent 4.8 of the paper, slope only", DASH))
    notes.append(f"The paper's own line is {PAPER[0]:.1e} tokens / L^{PAPER[1]}, which is "
                 f"{short(PAPER[0] / at ** PAPER[1])} at a loss of {at:.3g}: of BPE tokens of "
                 "WebText2, whose losses are others; only its slope is drawn.")  # fmt: skip
    return key


def batch_tradeoff(spec: BatchTradeoff, tables: Tables) -> Drawing:
    """A panel for each size: what runs of each batch took to reach a loss, and Eq. 5.1."""
    rows = analysed(tables, spec.critical, where_of(spec))
    notes = unmade(rows)
    points, s_min, e_min = (part(rows, name) for name in ("steps", "S_min", "E_min"))
    sizes = sorted(s_min["of"].unique())
    losses = sorted(s_min["x"].unique(), reverse=True)
    losses = [losses[i] for i in np.unique(np.linspace(0, len(losses) - 1, spec.curves).round()
                                           .astype(int))] if losses else []  # fmt: skip
    colors = ordered_colors(len(losses))
    figure, axes = new_figure(max(1, len(sizes)), 1, width=3.2 + 3.2 * max(1, len(sizes)))
    record, panels = Record(), []
    for size, place in zip(sizes, axes[0], strict=False):
        panel = Panel(place, record, "optimiser steps S", "tokens processed E = B S",
                      f"N = {short(size)}")  # fmt: skip
        panels.append(panel)
        for loss, color in zip(losses, colors, strict=True):
            here = points[points["group"] == _group(size, loss)]
            name = f"loss {loss:.3g}"
            panel.points(here["value"], here["x"], name, "a run", color=color)
            least = [
                table[(table["of"] == size) & (table["x"] == loss)] for table in (s_min, e_min)
            ]
            if here.empty or any(table.empty or undetermined(table).any() for table in least):
                continue
            s, e = (float(table["value"].iloc[0]) for table in least)
            over = np.geomspace(1 / (1.2 * here["x"].max() / e - 1),
                                1.1 * here["value"].max() / s - 1, 80)  # fmt: skip
            panel.line(s * (1 + over), e * (1 + 1 / over), name, "Eq. 5.1", color=color,
                       linewidth=1.1)  # fmt: skip
    if not panels:
        panels = [Panel(axes[0, 0], record, "optimiser steps S", "tokens processed E = B S")]
        panels[0].axes.set(xlim=(1, 10), ylim=(1, 10))
    finish(figure, panels)
    if losses:
        key_of_values(figure, [panel.axes for panel in panels], losses, colors, spec.loss_label,
                      lambda loss: f"{loss:.2f}")  # fmt: skip
        legend_below(figure, [("a run of one batch size", {"color": GREY, "marker": "o"}),
                              ("(S / S_min - 1)(E / E_min - 1) = 1",
                               {"color": GREY, "linestyle": "-"})])  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _group(size: float, loss: float) -> str:
    return f"n_params_non_embedding={size:.0f}, loss={loss:.6g}"


FIGURES = {
    "critical_batch_size": Figure(CriticalBatchSize, critical_batch_size),
    "batch_tradeoff": Figure(BatchTradeoff, batch_tradeoff),
}
