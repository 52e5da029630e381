"""Loss and cost by size: Kaplan et al. (2020, arXiv:2001.08361), Figs. 6, 11, 14, 19 and 23."""

import numpy as np

from isoloss.charts.panel import Panel, Record
from isoloss.charts.style import (
    COLORS,
    GREY,
    MARKERS,
    key_of_values,
    legend_below,
    new_figure,
    ordered_colors,
)
from isoloss.charts.text import science, short
from isoloss.config.kaplan_figures import (
    KaplanDepth,
    KaplanOptimum,
    KaplanReached,
    KaplanSizeLaws,
    KaplanValleys,
)
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.figures.analysed import analysed, part, unmade
from isoloss.figures.kaplan_axes import (
    OURS,
    OWN_AXIS,
    PAPER,
    SIZE_LABEL,
    close,
    draw_line,
    draw_points,
    law_line,
    number,
    of_group,
    own_axis,
    told,
    warned,
)
from isoloss.laws import published as P

V = P.VALUES
ADJUSTED = {"color": COLORS[2], "linestyle": "-", "linewidth": 1.5}
DASH = (0, (3, 2))


def kaplan_depth(spec: KaplanDepth, tables: Tables) -> Drawing:
    """Fig. 6: the same runs by all parameters and by those outside the embeddings, by depth."""
    figure, axes = new_figure(2, 1, width=8.8, height=4.2)
    record, panels, notes, key = Record(), [], [], {}
    shown = (("naive", "parameters (all)", "With embeddings"),
             ("size", SIZE_LABEL, "Without embeddings"))  # fmt: skip
    for place, (name, label, title) in zip(axes[0], shown, strict=True):
        rows = analysed(tables, getattr(spec, name), where_of(spec))
        panel = Panel(place, record, label, spec.loss_label, title)
        panels.append(panel)
        points = part(rows, "loss")
        for i, depth in enumerate(sorted(points["of"].unique())):
            of_depth = points[points["of"] == depth]
            layers = f"{depth:.0f} layer" + ("s" if depth != 1 else "")
            look = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
            panel.line(of_depth["x"], of_depth["value"], layers, "run", linewidth=1.0, **look)
            key[layers] = look | {"linestyle": "-"}
        line = law_line(rows)
        if draw_line(panel, line, "one power law", "fitted law",
                     color=GREY, linestyle=DASH, linewidth=1.2):  # fmt: skip
            key["one power law of all depths"] = {"color": GREY, "linestyle": DASH}
        notes += [f"{title}: {text}" for text in unmade(rows)]
        missed = number(rows, "miss")
        if missed is not None:
            notes.append(f"{title}: one power law misses the runs of all depths by "
                         f"{missed['value']:.1%} (root mean square).")  # fmt: skip
    close(figure, panels)
    panels[1].axes.set_ylabel("")
    legend_below(figure, list(key.items()))
    return Drawing(figure=figure, table=record.table(), notes=notes)


def kaplan_valleys(spec: KaplanValleys, tables: Tables) -> Drawing:
    """Fig. 11: loss by size at fixed compute and at fixed steps; dashes are L(N, S)."""
    rows = analysed(tables, spec.law, where_of(spec))
    figure, axes = new_figure(2, 1, width=10.4, height=4.3)
    record, panels = Record(), []
    for place, (what, title, unit, text) in zip(axes[0], (
        ("compute", "Fixed compute", "compute (PF-days)", science),
        ("steps", "Fixed steps", "steps", short),
    ), strict=True):  # fmt: skip
        panel = Panel(place, record, SIZE_LABEL, spec.loss_label, title)
        panels.append(panel)
        own = rows[rows["group"].astype("string").str.startswith(f"{what}=").fillna(False)]
        levels = sorted(own["of"].unique())
        colors = ordered_colors(len(levels))
        for level, color in zip(levels, colors, strict=True):
            here, label = own[own["of"] == level], f"{unit} {text(level)}"
            panel.points(*_xy(part(here, "loss")), label, "interpolated", color=color,
                         markersize=4)  # fmt: skip
            panel.line(*_xy(law_line(here)), label, "L(N, S)", color=color, linestyle=DASH,
                       linewidth=1.2)  # fmt: skip
        if levels:
            key_of_values(figure, [panel.axes], levels, colors, unit, text)
    close(figure, panels)
    legend_below(figure, [("along a training curve", {"color": GREY, "marker": "o"}),
                          ("L(N, S), fitted to all curves",
                           {"color": GREY, "linestyle": DASH})])  # fmt: skip
    notes = unmade(rows)
    for name in ("alpha_N", "alpha_S"):
        notes += told(rows, name, f"{name} (the paper: {V[_LAW[name]]:g})")
    notes += told(rows, "a predicted", "Exponent of N_opt that L(N, S) predicts")
    notes += warned(rows, "alpha_N", "The law")
    return Drawing(figure=figure, table=record.table(), notes=notes)


_LAW = {"alpha_N": "kaplan_alpha_n_steps", "alpha_S": "kaplan_alpha_s"}


def kaplan_optimum(spec: KaplanOptimum, tables: Tables) -> Drawing:
    """Fig. 14: the best size and the steps that it takes, by compute; the paper's lines dashed."""
    figure, axes = new_figure(2, 1, width=9.4, height=4.5)
    record = Record()
    label = "compute (PF-days, without embeddings)"
    names = ((SIZE_LABEL, "Best size"), ("optimiser steps", "Steps at the best size"))
    panels = [Panel(place, record, label, y, title)
              for place, (y, title) in zip(axes[0], names, strict=True)]  # fmt: skip
    key, notes, ends = [], [], []
    for name, of, look, marker in (("naive", "C as spent: N, S", OURS, "o"),
                                   ("adjusted", "C_min: N, S_min", ADJUSTED, "s")):  # fmt: skip
        rows = analysed(tables, getattr(spec, name), where_of(spec))
        symbol = "C_min" if name == "adjusted" else "C"
        notes += [f"{symbol}: {text}" for text in unmade(rows)]
        for panel, quantity in zip(panels, ("n_opt", "steps"), strict=True):
            points = part(rows, quantity)
            ends += [*points["x"]]
            draw_points(panel, points, of, "best", color=look["color"], marker=marker,
                        markersize=4)  # fmt: skip
            if draw_line(panel, law_line(rows, quantity), of, "power law", **look):
                key.append((f"ours, {of}", look | {"marker": marker, "markersize": 4}))
        notes += told(rows, "a", f"Exponent of N in {symbol}")
        notes += told(rows, "exponent of steps", f"Exponent of steps in {symbol}")
        notes += warned(rows, "a", symbol)
    if ends:
        x = np.geomspace(min(ends), max(ends), 40)
        dots = PAPER | {"linestyle": (0, (1, 1.5))}
        naive = V["kaplan_n_opt_naive"] * x ** V["kaplan_n_opt_naive_exponent"]
        least = V["kaplan_n_opt"] * x ** V["kaplan_n_opt_exponent"]
        steps = V["kaplan_s_min"] * x ** V["kaplan_s_min_exponent"]
        panels[0].line(x, naive, "Kaplan et al. 2020, C", "the paper's law", **PAPER)
        panels[0].line(x, least, "Kaplan et al. 2020, C_min", "the paper's law", **dots)
        panels[1].line(x, steps, "Kaplan et al. 2020, C_min", "the paper's law", **dots)
        key += [("Kaplan et al. 2020, C", PAPER), ("Kaplan et al. 2020, C_min", dots)]
        notes.append("The paper's lines are N = 1.6e9 C^0.88, N = 1.3e9 C_min^0.73 and S_min = "
                     "5.4e3 C_min^0.03: in the units of the axes, but fitted to 1e-7 PF-days and "
                     "more, on other text and tokens.")  # fmt: skip
    close(figure, panels)
    legend_below(figure, key, 110)
    return Drawing(figure=figure, table=record.table(), notes=notes)


def kaplan_reached(spec: KaplanReached, tables: Tables) -> Drawing:
    """Fig. 19: S_min and E_min to a loss; S and E of our batch where B_crit is not known."""
    rows = analysed(tables, spec.adjusted, where_of(spec))
    notes = unmade(rows)
    names = ("S_min (steps)", "E_min (tokens)")
    if part(rows, "steps").empty:
        rows = analysed(tables, spec.naive, where_of(spec))
        names = ("S at our batch (steps)", "E at our batch (tokens)")
        notes += unmade(rows)
    figure, axes = new_figure(2, 1, width=9.4, height=4.2)
    record, panels = Record(), []
    losses = sorted(part(rows, "steps")["of"].unique())
    colors = ordered_colors(len(losses))
    titles = ("Steps to a loss", "Tokens to a loss")
    for place, quantity, name, title in zip(axes[0], ("steps", "tokens"), names, titles,
                                            strict=True):  # fmt: skip
        panel = Panel(place, record, SIZE_LABEL, name, title)
        panels.append(panel)
        for loss, color in zip(losses, colors, strict=True):
            here = part(of_group(rows, f"loss={loss:g}"), quantity)
            panel.line(*_xy(here), f"loss {loss:g}", "first reached", color=color, marker="o",
                       markersize=4, linewidth=1.0)  # fmt: skip
        ends = [part(of_group(rows, f"loss={loss:g}"), quantity).iloc[[0, -1]] for loss in losses]
        fallen = [float(e["value"].iloc[0] / e["value"].iloc[1]) for e in ends if len(e) == 2]
        if fallen:
            few, many = min(fallen), max(fallen)
            notes.append(f"{title}: the largest size takes {few:.2g} to {many:.2g} times fewer "
                         "than the smallest that gets there.")  # fmt: skip
    close(figure, panels)
    if losses:
        key_of_values(figure, [panel.axes for panel in panels], losses, colors, spec.loss_label,
                      lambda loss: f"{loss:.3g}")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def kaplan_size_laws(spec: KaplanSizeLaws, tables: Tables) -> Drawing:
    """Fig. 23: a power law and a logarithm through the same runs; the paper's pair on its axis."""
    rows = analysed(tables, spec.size, where_of(spec))
    figure, axes = new_figure(width=7.4, height=4.6)
    record = Record()
    panel = Panel(axes[0, 0], record, SIZE_LABEL, spec.loss_label)
    draw_points(panel, part(rows, "loss"), "runs", "final loss", color="black", marker="o")
    looks = {"power_law": OURS, "logarithmic": ADJUSTED, "power_law_floor": {
        "color": COLORS[3], "linestyle": "-", "linewidth": 1.5}}  # fmt: skip
    words = {"power_law": "power law", "logarithmic": "logarithm",
             "power_law_floor": "power law and a floor"}  # fmt: skip
    key, notes, others, middle = (
        [("a run", {"color": "black", "marker": "o"})],
        unmade(rows),
        {},
        None,
    )
    for law, look in looks.items():
        group = f"law={law}"
        line = law_line(rows, "loss", group)
        if not draw_line(panel, line, words[law], "fitted law", band=False, **look):
            continue
        key.append((f"ours, {words[law]}", look))
        middle = line.iloc[len(line) // 2] if middle is None else middle
        missed = [number(rows, name, group) for name in ("miss", "miss of a run left out")]
        if all(row is not None for row in missed):
            all_of, out = (f"{row['value']:.2%}" for row in missed)
            notes.append(f"{words[law].capitalize()}: misses the runs by {all_of}, and one that "
                         f"was left out by {out} (root mean square).")  # fmt: skip
        notes += told(rows, "alpha", f"{words[law].capitalize()}, exponent", group)
    if middle is not None:
        x = np.geomspace(*(law_line(rows)["x"].agg(["min", "max"])), 60)
        other = own_axis(panel, x, P.kaplan_loss(n_params=x), (middle["x"], middle["value"]),
                         "Kaplan et al. 2020, power law", "the paper's law")  # fmt: skip
        dots = PAPER | {"linestyle": (0, (1, 1.5))}
        other.line(x, V["kaplan_log_k"] * np.log(V["kaplan_log_n"] / x),
                   "Kaplan et al. 2020, logarithm", "the paper's law", **dots)  # fmt: skip
        others[panel] = other
        key += [("Kaplan et al. 2020, power law", PAPER),
                ("Kaplan et al. 2020, logarithm", dots)]  # fmt: skip
        notes = [OWN_AXIS, "The paper's lines are (8.8e13 / N)^0.076 and -0.25 ln(N / 7.1e12).",
                 *notes]  # fmt: skip
    close(figure, [panel], others)
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _xy(rows):
    return rows["x"], rows["value"]


FIGURES = {
    "kaplan_depth": Figure(KaplanDepth, kaplan_depth),
    "kaplan_valleys": Figure(KaplanValleys, kaplan_valleys),
    "kaplan_optimum": Figure(KaplanOptimum, kaplan_optimum),
    "kaplan_reached": Figure(KaplanReached, kaplan_reached),
    "kaplan_size_laws": Figure(KaplanSizeLaws, kaplan_size_laws),
}
