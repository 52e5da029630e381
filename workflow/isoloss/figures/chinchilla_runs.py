"""What the frontiers are made from, after Hoffmann et al. (2022), Figs. 2, 3 and 4."""

import numpy as np
import pandas as pd

from isoloss.analysis.design import COUNTS
from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import GREY, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.charts.text import science, short
from isoloss.config.chinchilla_figures import (
    ChinchillaContours,
    ChinchillaEnvelope,
    ChinchillaIsoFlop,
)
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.figures.analysed import unmade
from isoloss.figures.chinchilla_rows import (
    APPROACHES,
    DASHED,
    LOSS,
    compute_label,
    count_of,
    draw_frontier,
    exponent_text,
    flop_ticks,
    of,
    rows_of,
    size_label,
)
from isoloss.figures.fitted import IDENTIFIED
from isoloss.laws import CHINCHILLA
from isoloss.runs.curves import at_peak_rate
from isoloss.runs.select import chosen, finished
from isoloss.stats.spread import root_mean_square

CONTOURS = 9


def chinchilla_envelope(spec: ChinchillaEnvelope, tables: Tables) -> Drawing:
    """Learning curves by compute; the size with the least loss at each; its tokens."""
    rows = rows_of(spec, tables, spec.approaches)
    count = COUNTS[count_of(rows)]
    figure, panels = _three(count_of(rows), "Learning curves")
    runs, notes = _longest(spec, tables, count)
    sizes = sorted(runs[count.n_params].unique())
    colors = dict(zip(sizes, ordered_colors(len(sizes)), strict=True))
    for run in runs.to_dict("records"):
        curve = tables.curves[tables.curves["run_id"] == run["run_id"]]
        curve = at_peak_rate(curve, run["peak_lr"])
        compute = curve["n_tokens"] * run[count.compute] / run["n_tokens"]
        size = run[count.n_params]
        panels[0].line(compute, curve["loss"], f"N = {short(size)}", "learning curve",
                       color=colors[size], linewidth=1.3)  # fmt: skip
    winner = "approach=1, winner"
    least = of(rows, winner, "loss")
    panels[0].line(least["x"], least["value"], "least loss", "envelope", color="black",
                   linewidth=1.0, linestyle=DASHED)  # fmt: skip
    look = APPROACHES[1][1]
    for panel, quantity in zip(panels[1:], ("n_opt", "d_opt"), strict=True):
        at = of(rows, winner, quantity)
        inside = (at["verdict"] == IDENTIFIED).to_numpy()
        for keep, shade, what in ((inside, "#333333", "winner"),
                                  (~inside, "#bbbbbb", "winner at the edge")):  # fmt: skip
            panel.points(at["x"][keep], at["value"][keep], "size with the least loss", what,
                         color=shade, marker=".", markersize=4)  # fmt: skip
        draw_frontier(panel, rows, 1, quantity, beyond=False)
        at = of(rows, "approach=1", quantity)
        panel.points(at["x"], at["value"], "change of the winner", "place on the frontier",
                     markeredgecolor="white", zorder=4, **look)  # fmt: skip
    finish(figure, panels)
    for panel in panels:
        flop_ticks(panel)
    if sizes:
        key_of_values(figure, [panel.axes for panel in panels], sizes, list(colors.values()),
                      size_label(count_of(rows)))  # fmt: skip
    legend_below(figure, [
        ("envelope", {"color": "black", "linestyle": DASHED}),
        ("least loss (light: a neighbour is missing)", {"color": "#333333", "marker": "."}),
        ("one size takes over", look),
        ("line through these", {"color": look["color"], "linestyle": "-"}),
    ], 110)  # fmt: skip
    notes += [f"{text}." for q in ("a", "b") if (text := exponent_text(rows, 1, q))]
    return Drawing(figure=figure, table=panels[0].record.table(), notes=notes + _unmade(rows, 1))


def chinchilla_isoflop(spec: ChinchillaIsoFlop, tables: Tables) -> Drawing:
    """A parabola for each budget, and N* and D* at their minima."""
    rows = rows_of(spec, tables, spec.approaches)
    count = count_of(rows)
    figure, panels = _three(count, "Loss at equal compute", x=size_label(count))
    groups = sorted(
        {g for g in rows["group"].dropna() if g.startswith("approach=2, valley=")},
        key=lambda group: int(group.rpartition("=")[2]),
    )
    levels = [float(rows["x"][(rows["group"] == g) & (rows["quantity"] == "n_opt")].iloc[0])
              for g in groups]  # fmt: skip
    colors = ordered_colors(len(levels))
    none = []
    for group, level, color in zip(groups, levels, colors, strict=True):
        at, label = of(rows, group, "loss at n_params"), f"{science(level)} FLOP"
        panels[0].points(at["x"], at["value"], label, "loss between runs", color=color)
        best, least = of(rows, group, "n_opt"), of(rows, group, "loss")
        if best.empty:
            status = rows["verdict"][(rows["group"] == group)].iloc[0]
            none.append(f"{science(level)} FLOP ({status})")
            continue
        x = np.log(at["x"].to_numpy(float))
        fine = np.linspace(x.min(), x.max(), 40)
        parabola = np.polynomial.Polynomial.fit(x, at["value"].to_numpy(float), 2)
        panels[0].line(np.exp(fine), parabola(fine), label, "parabola", color=color, linewidth=1.2)
        panels[0].points(best["value"], least["value"], label, "minimum", color=color, marker="*",
                         markersize=11, markeredgecolor="white", zorder=4)  # fmt: skip
        panels[1].intervals(best["x"], best["value"], best["lo"], best["hi"], label, "minimum",
                            color=color)  # fmt: skip
    data = of(rows, "approach=2", "d_opt")
    for x, y in zip(data["x"], data["value"], strict=True):
        color = colors[int(np.argmin(np.abs(np.log(np.array(levels) / x))))]
        panels[2].points([x], [y], f"{science(x)} FLOP", "minimum", color=color)
    for panel, quantity in zip(panels[1:], ("n_opt", "d_opt"), strict=True):
        draw_frontier(panel, rows, 2, quantity, beyond=False)
    finish(figure, panels)
    for panel in panels[1:]:
        flop_ticks(panel)
    if levels:
        key_of_values(figure, [panel.axes for panel in panels], levels, colors,
                      compute_label(count), science)  # fmt: skip
    notes = [f"{text}." for q in ("a", "b") if (text := exponent_text(rows, 2, q))]
    if none:
        notes.append(f"No minimum between sizes, none is drawn: {', '.join(none)}.")
    notes.append("Stars: minima of the parabolas; bars: 90 %.")
    return Drawing(figure=figure, table=panels[0].record.table(), notes=notes + _unmade(rows, 2))


def chinchilla_contours(spec: ChinchillaContours, tables: Tables) -> Drawing:
    """Equal loss of the fitted law over compute and size, with the frontier; and slices of it."""
    rows = rows_of(spec, tables, spec.approaches)
    count = count_of(rows)
    figure, axes = new_figure(2, 1, width=9.2, height=4.4)
    record = Record()
    plane = Panel(axes[0, 0], record, compute_label("embeddings"), size_label(count),
                  "Equal loss, and the least compute")  # fmt: skip
    slices = Panel(axes[0, 1], record, size_label(count), LOSS, "Slices at equal compute")
    law = rows[(rows["group"] == "approach=3") & (rows["kind"] == "parameter")]
    law = dict(zip(law["quantity"], law["value"].astype(float), strict=True))
    if not set(CHINCHILLA.names) <= set(law):
        plane.axes.set(xlim=(1, 10), ylim=(1, 10))
        slices.axes.set(xlim=(1, 10), ylim=(1, 10))
        finish(figure, [plane, slices])
        return Drawing(figure=figure, table=record.table(), notes=_unmade(rows, 3))
    params = {name: law[name] for name in CHINCHILLA.names}
    where = COUNTS[count]
    need(tables.runs, ["sweep", "loss", where.n_params, "n_tokens"], where_of(spec), "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    n, d = (runs[name].to_numpy(float) for name in (where.n_params, "n_tokens"))
    _contours(figure, plane, params, n, d, runs["loss"].to_numpy(float))
    key = [("run", {"color": GREY, "marker": "o"}),
           ("least compute for the loss", {"color": "black", "linestyle": DASHED})]  # fmt: skip
    levels, colors = _slices(slices, rows, params, n)
    finish(figure, [plane, slices])
    if levels:
        key_of_values(figure, [slices.axes], levels, colors, compute_label("embeddings"), science)
        key.append(("loss between runs", {"color": "#333333", "marker": "o"}))
        key.append(("the law", {"color": "#333333", "linestyle": "-"}))
    legend_below(figure, key, 110)
    constants = ", ".join(f"{name} {value:.3g}" for name, value in params.items())
    miss = CHINCHILLA(params, n_params=n, n_tokens=d) / runs["loss"].to_numpy(float)
    notes.append(f"{CHINCHILLA.formula} with {constants}; it misses the runs by "
                 f"{root_mean_square(np.log(miss)):.1%} (root mean square).")  # fmt: skip
    verdict = rows["verdict"][(rows["group"] == "approach=3") & (rows["quantity"] == "E")].iloc[0]
    if verdict != IDENTIFIED:
        notes.append(f"Its parameters are {verdict}.")
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _contours(figure, panel, params, n, d, measured):
    """Lines of equal loss over C = 6 N D and N, the runs, and the optimum of each budget."""
    compute = FLOPS_PER_PARAM_TOKEN * n * d
    xlim = compute.min() / 2, compute.max() * 4
    ylim = n.min() / 2, n.max() * 2
    panel.axes.set(xlim=xlim, ylim=ylim)
    lowest = CHINCHILLA(params, n_params=n.max(), n_tokens=4 * d.max())
    losses = np.geomspace(float(lowest), measured.max(), CONTOURS)
    losses = sorted({float(f"{loss:.2g}") for loss in losses}, reverse=True)
    sizes = np.geomspace(*ylim, 300)
    colors = ordered_colors(len(losses))
    for loss, color in zip(losses, colors, strict=True):
        left = loss - params["E"] - params["A"] / sizes ** params["alpha"]
        with np.errstate(all="ignore"):
            tokens = np.where(left > 0, (params["B"] / left) ** (1 / params["beta"]), np.inf)
            at = FLOPS_PER_PARAM_TOKEN * sizes * tokens
        seen = (at >= xlim[0]) & (at <= xlim[1])
        if seen.any():
            panel.line(at[seen], sizes[seen], f"{loss:g} nats per token", "equal loss", color=color,
                       linewidth=1.2)  # fmt: skip
    panel.points(compute, n, "run", "run", color=GREY, markersize=3, alpha=0.8)
    best = pd.DataFrame(CHINCHILLA.optimum(params, np.geomspace(*xlim, 80)))
    budget = np.geomspace(*xlim, 80)
    seen = best["n_params"].between(*ylim).to_numpy()
    panel.line(budget[seen], best["n_params"][seen], "least compute", "optimum", color="black",
               linestyle=DASHED, linewidth=1.3)  # fmt: skip
    key_of_values(figure, [panel.axes], losses, colors, "loss (nats per token)")


def _slices(panel, rows, params, n):
    """The law at the budgets of the valleys, and the losses between runs there."""
    at = rows[rows["group"].fillna("").str.startswith("approach=2, valley=")]
    groups = list(dict.fromkeys(at["group"]))
    levels = [float(at["x"][(at["group"] == g) & (at["quantity"] == "n_opt")].iloc[0])
              for g in groups]  # fmt: skip
    colors = ordered_colors(len(levels))
    sizes = np.geomspace(n.min() / 1.5, n.max() * 1.5, 80)
    for group, level, color in zip(groups, levels, colors, strict=True):
        seen, label = of(rows, group, "loss at n_params"), f"{science(level)} FLOP"
        panel.points(seen["x"], seen["value"], label, "loss between runs", color=color)
        span = (sizes >= seen["x"].min() / 2.5) & (sizes <= seen["x"].max() * 2.5)
        tokens = level / (FLOPS_PER_PARAM_TOKEN * sizes[span])
        loss = CHINCHILLA(params, n_params=sizes[span], n_tokens=tokens)
        panel.line(sizes[span], loss, label, "law", color=color, linewidth=1.1)
    return levels, colors


def _three(count, title, x=None):
    figure, axes = new_figure(3, 1, width=10.4, height=3.9)
    record, label = Record(), compute_label(count)
    return figure, [
        Panel(axes[0, 0], record, x or label, LOSS, title),
        Panel(axes[0, 1], record, label, size_label(count), "Best size"),
        Panel(axes[0, 2], record, label, "tokens D", "Its tokens"),
    ]


def _longest(spec, tables, count):
    """The longest run of each size that has a curve."""
    columns = ["sweep", "run_id", "n_tokens", "peak_lr", count.n_params, count.compute]
    need(tables.runs, columns, where_of(spec), "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    runs = runs.sort_values([count.n_params, "n_tokens", "run_id"], kind="stable")
    return runs.drop_duplicates(count.n_params, keep="last"), notes


def _unmade(rows, number):
    return unmade(rows[rows["group"] == f"approach={number}"])


FIGURES = {
    "chinchilla_envelope": Figure(ChinchillaEnvelope, chinchilla_envelope),
    "chinchilla_isoflop": Figure(ChinchillaIsoFlop, chinchilla_isoflop),
    "chinchilla_contours": Figure(ChinchillaContours, chinchilla_contours),
}
