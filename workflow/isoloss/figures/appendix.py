"""How the runs were trained: learning rates, and the scatter over seeds."""

import numpy as np

from isoloss.config.batch_figures import LearningRates, SeedScatter
from isoloss.figures.analysed import analysed, part, unmade
from isoloss.figures.panel import Panel, Record, finish
from isoloss.figures.style import (
    COLORS,
    GREY,
    MARKERS,
    key_of_values,
    legend_below,
    new_figure,
    ordered_colors,
)
from isoloss.figures.tables import Drawing, Tables, chosen, where_of
from isoloss.figures.text import with_interval

PAPER_NOISE = 0.02


def learning_rates(spec: LearningRates, tables: Tables) -> Drawing:
    """Left: loss against the rate, by width. Right: the best rate against the width."""
    rows = analysed(tables, spec.rates, where_of(spec))
    notes = unmade(rows[rows["quantity"].fillna("") != "diverged"])
    figure, axes = new_figure(2, 1, width=9.2, height=4.2)
    record = Record()
    left = Panel(axes[0, 0], record, "learning rate", spec.loss_label, "Loss")
    right = Panel(axes[0, 1], record, "width d_model", "best learning rate", "Best rate")
    losses, best = part(rows, "loss"), part(rows, "best rate", "parameter")
    widths = sorted(losses["of"].unique())
    colors = ordered_colors(len(widths))
    for width, color in zip(widths, colors, strict=True):
        name = f"width {width:g}"
        here, bowl = losses[losses["of"] == width], part(rows, "loss", "line")
        left.points(here["x"], here["value"], name, "run", color=color)
        bowl = bowl[bowl["of"] == width]
        left.line(bowl["x"], bowl["value"], name, "parabola in ln rate", color=color, linewidth=1.2)
        lost = rows[(rows["quantity"] == "diverged") & (rows["of"] == width)]
        for rate in lost["x"]:
            left.axes.plot([rate], [0.97], color=color, marker="x", linestyle="none",
                           transform=left.axes.get_xaxis_transform())  # fmt: skip
            record.add(panel="Loss", series=[name], what="diverged", x_quantity="learning rate",
                       x=[rate], y_quantity=spec.loss_label, y=[np.nan])  # fmt: skip
        at = best[best["x"] == width]
        right.intervals(at["x"], at["value"], at["lo"], at["hi"], name, "best rate", color=color)
    key = [("run", {"color": GREY, "marker": "o"})]
    if (rows["quantity"] == "diverged").any():
        key.append(("diverged", {"color": GREY, "marker": "x"}))
    key += _slopes(right, rows, best, notes)
    used = chosen(tables.runs, spec.used) if spec.used else tables.runs[:0]
    if len(used):
        rates = used.groupby("width")["peak_lr"].median()
        look = {"color": COLORS[1], "marker": "_", "markersize": 12, "markeredgewidth": 2}
        right.points(rates.index, rates, "used in the study", "rate", **look)
        key.append(("rate that the study uses", look))
    finish(figure, [left, right])
    if widths:
        key_of_values(figure, [left.axes, right.axes], widths, colors, "width d_model")
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _slopes(panel: Panel, rows, best, notes) -> list[tuple[str, dict]]:
    """The fitted slope and that of muP, through the middle of the best rates."""
    found = rows[rows["quantity"] == "slope of ln best rate against ln width"]
    if found.empty or best.empty:
        panel.axes.set(xlim=(1, 10), ylim=(1e-4, 1e-1))
        return []
    slope = found.iloc[0]
    middle = np.exp(np.log(best["x"]).mean()), np.exp(np.log(best["value"]).mean())
    x = np.geomspace(best["x"].min(), best["x"].max(), 2)
    mine = {"color": "black", "linewidth": 1.2, "linestyle": "-"}
    mup = {"color": GREY, "linewidth": 1.1, "linestyle": (0, (4, 2))}
    value, interval = with_interval(slope["value"], slope["lo"], slope["hi"])
    panel.line(x, middle[1] * (x / middle[0]) ** slope["value"], "fitted slope", "slope", **mine)
    panel.line(x, middle[1] * (x / middle[0]) ** -1.0, "muP", "slope", **mup)
    unsure = "" if slope["verdict"] == "identified" else f" ({slope['verdict']})"
    notes.append(f"Best rate ~ width^a with a {value}, 90 % interval {interval}{unsure}.")
    for row in part(rows, "loss for a factor of two", "parameter").itertuples():
        price, ends = with_interval(row.value, row.lo, row.hi)
        notes.append(f"Width {row.x:g}: half or twice the best rate costs {price} nats ({ends}).")
    if isinstance(slope["warnings"], str) and slope["warnings"]:
        notes.append(f"{slope['warnings'][0].upper()}{slope['warnings'][1:]}.")
    return [(f"slope {slope['value']:.2f}", mine), ("slope -1 (muP, hidden matrices)", mup)]


def seed_scatter(spec: SeedScatter, tables: Tables) -> Drawing:
    """Standard deviations over seeds with their intervals, beside the paper's threshold."""
    rows = analysed(tables, spec.noise, where_of(spec))
    notes = unmade(rows)
    found = part(rows, "sd of the loss", "parameter").sort_values("x")
    schedules = found["group"].astype(str).str.extract(r"schedule=([^,]+)")[0].fillna("")
    figure, axes = new_figure()
    record = Record()
    panel = Panel(axes[0, 0], record, "parameters N (no embeddings)",
                  "standard deviation of the loss over seeds")  # fmt: skip
    key = []
    for i, (schedule, group) in enumerate(found.groupby(schedules)):
        label = f"schedule {schedule}" if schedule else "runs"
        look = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        aside = 5.0 * (i - (schedules.nunique() - 1) / 2)
        panel.intervals(group["x"], group["value"], group["lo"], group["hi"], label, "sd",
                        aside=aside, **look)  # fmt: skip
        key.append((label, look))
    panel.level(PAPER_NOISE, "Kaplan et al.: 0.02 nats per BPE token")
    key.append(("0.02, the threshold of Kaplan et al.", {"color": GREY, "linestyle": (0, (4, 2))}))
    for row in rows[rows["quantity"] == "relative sd of the loss"].itertuples():
        value, interval = with_interval(100 * row.value, 100 * row.lo, 100 * row.hi)
        notes.append(f"All settings together: {value} % of the loss (90 % interval {interval} %).")
    if found.empty:
        panel.axes.set(xlim=(1e3, 1e6), ylim=(1e-3, 1e-1))
    elif len(found["x"].unique()) == 1:
        panel.axes.set_xlim(found["x"].iloc[0] / 3, found["x"].iloc[0] * 3)
    finish(figure, [panel])
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=notes)
