"""Training curves and their envelope: Kaplan et al. (2020, arXiv:2001.08361), Figs. 1, 2 and 13."""

import numpy as np

from isoloss.analysis.kaplan_curves import SizeCurve, curves_of, finished_runs
from isoloss.charts.panel import Panel, Record
from isoloss.charts.style import COLORS, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.config.kaplan_figures import KaplanFrontiers, KaplanSummary, KaplanTraining
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.figures.analysed import analysed, part, unmade
from isoloss.figures.kaplan_axes import (
    COMPUTE,
    OURS,
    OWN_AXIS,
    PAPER,
    SIZE_LABEL,
    close,
    draw_line,
    draw_points,
    law_line,
    own_axis,
    told,
    warned,
)
from isoloss.laws import published as P

N_ENVELOPE = 200
ENVELOPE = {"color": "black", "linestyle": "-", "linewidth": 1.3}
LIGHT = {"color": "#9ecae1", "linewidth": 0.9}
ADJUSTED = {"color": COLORS[2], "linestyle": "-", "linewidth": 1.5}
ENVELOPE_IS = "The envelope skips budgets at which a cheaper run was better."
FINAL = {"color": COLORS[0], "marker": "o", "markersize": 3, "alpha": 0.6, "markeredgewidth": 0}


def kaplan_summary(spec: KaplanSummary, tables: Tables) -> Drawing:
    """Fig. 1: training curves and envelope; the largest size by data; the longest runs by size."""
    curves, finals = _curves(spec, tables), _finals(spec, tables)
    rows = {name: analysed(tables, getattr(spec, name), where_of(spec))
            for name in ("frontier", "data", "size")}  # fmt: skip
    figure, axes = new_figure(3, 1, width=11.4, height=4.4)
    record = Record()
    names = ((COMPUTE, "Compute"), ("tokens D", "Data, largest size"),
             (SIZE_LABEL, "Size, longest runs"))  # fmt: skip
    panels = [Panel(place, record, label, spec.loss_label, title)
              for place, (label, title) in zip(axes[0], names, strict=True)]  # fmt: skip
    for curve in curves:
        panels[0].line(curve.compute, curve.loss, f"N = {curve.n_params:.0f}", "training", **LIGHT)
    panels[0].points(finals["compute"], finals["loss"], "final losses", "run", **FINAL)
    x, low = envelope(curves, "compute")
    panels[0].line(x, low, "envelope", "lowest loss of any size", **ENVELOPE)
    laws = (
        lambda c: (P.VALUES["kaplan_c_c_min_legend"] / c) ** P.VALUES["kaplan_alpha_c_min"],
        lambda d: P.kaplan_loss(n_tokens=d),
        lambda n: P.kaplan_loss(n_params=n),
    )
    others, notes = {}, []
    exponents = (("frontier", "alpha_C"), ("data", "alpha"), ("size", "alpha"))
    for panel, (name, exponent), law in zip(panels, exponents, laws, strict=True):
        draw_points(panel, part(rows[name], "loss") if name != "frontier" else rows[name][:0],
                    "runs", "final loss", color=COLORS[0], marker="o")  # fmt: skip
        line = law_line(rows[name])
        notes += unmade(rows[name]) + told(rows[name], exponent, f"Exponent, {panel.name.lower()}")
        if draw_line(panel, line, "fitted power law", "fitted law", zorder=4, **OURS):
            middle = line.iloc[len(line) // 2]
            low_x, high_x = panel.axes.get_xlim() if name == "frontier" else (
                line["x"].min(), line["x"].max())  # fmt: skip
            dense = np.geomspace(low_x, high_x, 40)
            others[panel] = own_axis(panel, dense, law(dense), (middle["x"], middle["value"]),
                                     "Kaplan et al. 2020", "the paper's law")  # fmt: skip
    close(figure, panels, others)
    for panel in panels[1:]:
        panel.axes.set_ylabel("")
    for other in list(others.values())[:-1]:
        other.axes.set_ylabel("")
    legend_below(figure, [
        ("training at a constant rate", LIGHT | {"linestyle": "-"}),
        ("final loss of a run", FINAL), ("envelope", ENVELOPE), ("our power law", OURS),
        ("Kaplan et al. 2020 (right axes)", PAPER),
    ], 130)  # fmt: skip
    notes.append("The paper's exponents are 0.050, of C_min, 0.095 and 0.076; ours of compute is "
                 "of C as it was spent. " + ENVELOPE_IS)  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=[OWN_AXIS, *notes])


def kaplan_training(spec: KaplanTraining, tables: Tables) -> Drawing:
    """Fig. 2: the same training curves by tokens and by compute."""
    curves = _curves(spec, tables)
    figure, axes = new_figure(2, 1, width=9.4, height=4.2)
    record = Record()
    panels = [Panel(axes[0, 0], record, "tokens processed", spec.loss_label, "Tokens"),
              Panel(axes[0, 1], record, COMPUTE, spec.loss_label, "Compute")]  # fmt: skip
    colors = ordered_colors(len(curves))
    for curve, color in zip(curves, colors, strict=True):
        for panel, x in zip(panels, (curve.tokens, curve.compute), strict=True):
            panel.line(x, curve.loss, f"N = {curve.n_params:.0f}", "training", color=color)
    x, low = envelope(curves, "compute")
    panels[1].line(x, low, "envelope", "lowest loss of any size", **ENVELOPE | {"linewidth": 0.9})
    close(figure, panels)
    panels[1].axes.set_ylabel("")
    sizes = [curve.n_params for curve in curves]
    key_of_values(figure, [panel.axes for panel in panels], sizes, colors, SIZE_LABEL)
    legend_below(figure, [("envelope: the lowest loss of any size", ENVELOPE)])
    return Drawing(figure=figure, table=record.table(), notes=[*_fewer_tokens(curves), ENVELOPE_IS])


def kaplan_frontiers(spec: KaplanFrontiers, tables: Tables) -> Drawing:
    """Fig. 13: the frontier by the compute that was spent, and by the least that would do."""
    figure, axes = new_figure(width=7.6, height=4.6)
    record = Record()
    panel = Panel(axes[0, 0], record, "compute (PF-days, without embeddings)", spec.loss_label)
    key, notes, others, known = [], [], {}, None
    shown = (("naive", "C as spent", "C", OURS), ("adjusted", "C_min", "C_min", ADJUSTED))
    for name, label, symbol, look in shown:
        rows = analysed(tables, getattr(spec, name), where_of(spec))
        notes += [f"{symbol}: {text}" for text in unmade(rows)]
        notes += told(rows, "alpha_C", f"Exponent of {symbol}") + warned(rows, "alpha_C", symbol)
        marker = "o" if name == "naive" else "s"
        draw_points(panel, part(rows, "loss"), label, "lowest loss", color=look["color"],
                    marker=marker, markersize=4)  # fmt: skip
        line = law_line(rows)
        if draw_line(panel, line, label, "fitted law", **look):
            key.append((f"ours, {label}", look | {"marker": marker, "markersize": 4}))
            known = line if known is None else known
    if known is not None:
        middle = known.iloc[len(known) // 2]
        dense = np.geomspace(*panel.axes.get_xlim(), 40)
        look = PAPER | {"linestyle": (0, (1, 1.5))}
        value = P.VALUES
        naive = (value["kaplan_c_c_legend"] / dense) ** value["kaplan_alpha_c"]
        least = (value["kaplan_c_c_min_legend"] / dense) ** value["kaplan_alpha_c_min"]
        other = own_axis(panel, dense, naive, (middle["x"], middle["value"]),
                         "Kaplan et al. 2020, L(C)", "the paper's law")  # fmt: skip
        other.line(dense, least, "Kaplan et al. 2020, L(C_min)", "the paper's law", **look)
        others[panel] = other
        key += [("Kaplan et al. 2020, L(C)", PAPER),
                ("Kaplan et al. 2020, L(C_min)", look)]  # fmt: skip
        notes = [OWN_AXIS, "The paper's lines are (2.0e7 / C)^0.057 and (2.3e8 / C_min)^0.050, "
                 "in PF-days.", *notes]  # fmt: skip
    close(figure, [panel], others)
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=notes)


def envelope(curves: list[SizeCurve], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Where some curve is lower than every curve was before, along tokens, steps or compute."""
    ends = [getattr(curve, what)[[0, -1]] for curve in curves]
    x = np.geomspace(min(e[0] for e in ends), max(e[1] for e in ends), N_ENVELOPE)
    losses = np.stack([curve.at(what, x) for curve in curves])
    seen = np.isfinite(losses).any(axis=0)
    x, low = x[seen], np.nanmin(losses[:, seen], axis=0)
    best = low <= np.minimum.accumulate(low)
    return x[best], low[best]


def _curves(spec, tables) -> list[SizeCurve]:
    need(tables.runs, ["run_id", "sweep", "peak_lr", "batch_size", "context"], where_of(spec),
         "runs")  # fmt: skip
    need(tables.curves, ["run_id", "step", "lr", "loss", "n_tokens"], where_of(spec), "curves")
    return curves_of(tables.runs, tables.curves, spec.sweeps, where_of(spec))


def _finals(spec, tables):
    runs = finished_runs(tables.runs, spec.sweeps)
    compute = P.pf_days(FLOPS_PER_PARAM_TOKEN * runs["n_params_non_embedding"] * runs["n_tokens"])
    return runs.assign(compute=compute)


def _fewer_tokens(curves: list[SizeCurve]) -> list[str]:
    """How many times fewer tokens the largest size takes to the lowest loss of some smaller one."""
    large = curves[-1]
    for small in curves:
        goal = float(small.loss.min())
        tokens = float(large.needed("tokens", goal))
        if np.isfinite(tokens):
            ratio = float(small.needed("tokens", goal)) / tokens
            return [
                f"To a loss of {goal:.3g}, the lowest of N = {small.n_params:,.0f}, the largest "
                f"size (N = {large.n_params:,.0f}) takes {ratio:.3g} times fewer tokens."
            ]
    return []


FIGURES = {
    "kaplan_summary": Figure(KaplanSummary, kaplan_summary),
    "kaplan_training": Figure(KaplanTraining, kaplan_training),
    "kaplan_frontiers": Figure(KaplanFrontiers, kaplan_frontiers),
}
