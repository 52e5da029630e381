"""Frontiers after Hoffmann et al. (2022), Figs. 1, A3 and A5."""

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import COLORS, GREY, legend_below, new_figure
from isoloss.charts.text import science, with_interval
from isoloss.config.chinchilla_figures import (
    ChinchillaCurvature,
    ChinchillaFrontiers,
    ChinchillaTokens,
)
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables
from isoloss.figures.analysed import unmade
from isoloss.figures.chinchilla_rows import (
    APPROACHES,
    DASHED,
    DOTTED,
    compute_label,
    count_of,
    draw_frontier,
    flop_ticks,
    of,
    rows_of,
    said,
    size_label,
)
from isoloss.laws import published as P

KAPLAN = {"color": "black", "linestyle": DASHED, "linewidth": 1.2}
HOFFMANN = {"color": GREY, "linestyle": DOTTED, "linewidth": 1.4}
DIAGONALS = 6


def chinchilla_frontiers(spec: ChinchillaFrontiers, tables: Tables) -> Drawing:
    """N*(C) of the three approaches, with Kaplan et al.'s line and 20 tokens per parameter."""
    rows = rows_of(spec, tables, spec.approaches)
    count = count_of(rows)
    figure, axes = new_figure(width=6.8, height=4.8)
    record = Record()
    panel = Panel(axes[0, 0], record, compute_label(count), size_label(count))
    key = _frontiers(panel, rows)
    x = rows["x"][rows["kind"] == "line"].to_numpy(float)
    if len(x):
        compute = np.geomspace(x.min(), x.max(), 60)
        kaplan, hoffmann = P.kaplan_allocation(compute)[0], P.chinchilla_allocation(compute)[0]
        for label, n_params, look in (
            ("Kaplan et al. 2020, C = 2 C_min", kaplan, KAPLAN),
            ("20 tokens per parameter", hoffmann, HOFFMANN),
        ):
            panel.line(compute, n_params, label, "published rule, extrapolated downwards", **look)
            key.append((label, look))
    finish(figure, [panel])
    legend_below(figure, key, 100)
    notes = [
        "Kaplan et al.'s N leaves out embeddings, and their C_min is what a run far below the "
        "critical batch would cost.",
        "Markers: what a line is drawn through. Solid: between them; dashed: beyond; bands: 90 %.",
        *said(rows, ("a",)),
        *unmade(rows[rows["kind"] == "parameter"]),
    ]
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _frontiers(panel, rows):
    key = []
    for number, (label, look) in APPROACHES.items():
        drawn = draw_frontier(panel, rows, number, "n_opt")
        if drawn is None:
            continue
        if number != 3:  # those of the law are calculated
            at = of(rows, f"approach={number}", "n_opt")
            panel.points(at["x"], at["value"], label, "place on the frontier", zorder=4,
                         markeredgecolor="white", **look)  # fmt: skip
            drawn |= {"marker": look["marker"]}
        key.append((label, drawn))
    return key


def chinchilla_tokens(spec: ChinchillaTokens, tables: Tables) -> Drawing:
    """The best tokens and parameters: each approach's path across lines of equal compute."""
    rows = rows_of(spec, tables, spec.approaches)
    count = count_of(rows)
    figure, axes = new_figure(width=6.4, height=4.8)
    record = Record()
    panel = Panel(axes[0, 0], record, size_label(count), "training tokens D")
    key, ends = [], []
    for number, (label, look) in APPROACHES.items():
        group = f"approach={number}"
        size, data = (of(rows, group, quantity, "line") for quantity in ("n_opt", "d_opt"))
        if size.empty or data.empty:
            continue
        panel.line(size["value"], data["value"], label, "path", color=look["color"],
                   linestyle=DASHED, linewidth=1.1)  # fmt: skip
        at_n, at_d = (of(rows, group, quantity) for quantity in ("n_opt", "d_opt"))
        panel.line(at_n["value"], at_d["value"], label, "places", color=look["color"],
                   marker=look["marker"], markeredgecolor="white")  # fmt: skip
        key.append((label, look | {"linestyle": "-"}))
        ends.append((size["value"].to_numpy(float), data["value"].to_numpy(float)))
    if ends:
        key.append(_diagonals(panel, ends))
        low, high = panel.axes.get_xlim()
        size = np.geomspace(low, high, 30)
        panel.line(size, 20 * size, "20 tokens per parameter", "published rule", **HOFFMANN)
        key.append(("20 tokens per parameter", HOFFMANN))
        panel.axes.set(xlim=(low, high))
    finish(figure, [panel])
    legend_below(figure, key, 90)
    notes = ["Solid, with markers: between the places on the frontier; dashed: beyond them.",
             *unmade(rows[rows["kind"] == "parameter"])]  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _diagonals(panel, ends):
    """Lines of equal compute, each with its FLOPs; the axes' limits stay those of the paths."""
    n, d = np.concatenate([e[0] for e in ends]), np.concatenate([e[1] for e in ends])
    panel.axes.set(xlim=(n.min() / 1.5, n.max() * 1.5), ylim=(d.min() / 2, d.max() * 3))
    look = {"color": GREY, "linewidth": 0.7, "alpha": 0.7}
    product = np.log10(FLOPS_PER_PARAM_TOKEN * n * d)
    powers = np.arange(np.ceil(product.min()), np.floor(product.max()) + 1)
    for power in powers[:: max(1, -(-len(powers) // DIAGONALS))]:
        size = np.geomspace(*panel.axes.get_xlim(), 40)
        data = 10.0**power / (FLOPS_PER_PARAM_TOKEN * size)
        low, high = panel.axes.get_ylim()
        seen = (data >= low) & (data <= high / 1.3)
        if seen.sum() < 2:
            continue
        name = f"{science(10.0**power)} FLOP"
        panel.line(size[seen], data[seen], name, "equal compute, 6 N D", **look)
        panel.write(name, size[seen][0], data[seen][0], xytext=(4, 2), va="bottom", fontsize=7.5,
                    color=GREY)  # fmt: skip
    return "equal compute, 6 N D", look | {"linestyle": "-"}


def chinchilla_curvature(spec: ChinchillaCurvature, tables: Tables) -> Drawing:
    """N*(C) along the envelope of learning curves, and straight lines through thirds of it."""
    rows = rows_of(spec, tables, spec.curvature)
    count = count_of(rows)
    figure, axes = new_figure(width=6.6, height=4.4)
    record = Record()
    panel = Panel(axes[0, 0], record, compute_label(count), size_label(count))
    at, key, notes = of(rows, "frontier", "n_opt"), [], []
    if len(at):
        panel.band(at["x"], at["value"], at["lo"], at["hi"], "frontier", "90 % band", color=GREY)
        panel.line(at["x"], at["value"], "best size", "frontier", color="black", linewidth=1.0,
                   zorder=5)  # fmt: skip
        key.append(("best size along learning curves", {"color": "black", "linestyle": "-"}))
        ends = np.array([at["x"].min(), at["x"].max()])
        panel.axes.set(ylim=(at["value"].min() / 1.8, at["value"].max() * 1.8))
        for third, name in enumerate(("first", "second", "last"), start=1):
            line = of(rows, f"third={third}", "n_opt", "line")
            if line.empty:
                continue
            slope, level = np.polyfit(np.log(line["x"]), np.log(line["value"]), 1)
            color, label = COLORS[third - 1], f"line through the {name} third"
            panel.line(ends, np.exp(level + slope * np.log(ends)), label, "line, prolonged",
                       color=color, linestyle=DASHED, linewidth=1.1)  # fmt: skip
            panel.line(line["x"], line["value"], label, "line", color=color, linewidth=2.2)
            key.append((label, {"color": color, "linestyle": "-"}))
            notes.append(_third(rows, third, name))
    finish(figure, [panel])
    flop_ticks(panel)
    legend_below(figure, key, 90)
    bend = rows[(rows["quantity"] == "curvature of ln N*") & rows["value"].notna()]
    for _, one in bend.iterrows():
        value, interval = with_interval(one["value"], one["lo"], one["hi"])
        text = f", 90 % interval {interval}; {one['warnings']}" if interval else ""
        notes.append(f"Quadratic coefficient of ln N* in ln C: {value}{text}.")
    return Drawing(figure=figure, table=record.table(), notes=notes + unmade(rows))


def _third(rows, third, name):
    one = rows[(rows["group"] == f"third={third}") & (rows["quantity"] == "a")].iloc[0]
    value, interval = with_interval(one["value"], one["lo"], one["hi"])
    return f"The {name} third: a = {value}" + (f", 90 % interval {interval}." if interval else ".")


FIGURES = {
    "chinchilla_frontiers": Figure(ChinchillaFrontiers, chinchilla_frontiers),
    "chinchilla_tokens": Figure(ChinchillaTokens, chinchilla_tokens),
    "chinchilla_curvature": Figure(ChinchillaCurvature, chinchilla_curvature),
}
