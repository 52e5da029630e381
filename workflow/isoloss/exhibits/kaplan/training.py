"""Training curves and their envelope: Kaplan et al. (2020, arXiv:2001.08361), Figs. 1 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from isoloss.charts.panel import Panel, Record
from isoloss.charts.style import COLORS, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.exhibits.kaplan.axes import (
    COMPUTE,
    OURS,
    OWN_AXIS,
    PAPER,
    SIZE_LABEL,
    OfKaplan,
    close,
    draw_line,
    draw_points,
    middle_of,
    own_axis,
    told,
)
from isoloss.exhibits.kaplan.size_curves import SizeCurve, curves_of, finished_runs
from isoloss.laws import published as P
from isoloss.results.quantity import Q

if TYPE_CHECKING:
    import pandas as pd

N_ENVELOPE = 200
ENVELOPE = {"color": "black", "linestyle": "-", "linewidth": 1.3}
LIGHT = {"color": "#9ecae1", "linewidth": 0.9}
FINAL = {"color": COLORS[0], "marker": "o", "markersize": 3, "alpha": 0.6, "markeredgewidth": 0}
ENVELOPE_IS = "The envelope skips budgets at which a cheaper run was better."


class OfTraining(OfKaplan):
    """Figures of the training curves of some sweeps: the longest run of each size."""

    sweeps: list[Name]  # whose runs and curves are drawn

    @property
    def sweeps_named(self) -> list[str]:
        return self.sweeps


class KaplanSummary(OfTraining):
    """Fig. 1: loss against compute, data and size, each where the others do not limit."""

    draw: Literal["kaplan_summary"]
    name: Name = "kaplan_01"
    title: str = "Loss against compute, data and size (Kaplan et al. 2020, Figure 1)"
    caption: str = (
        "Left: training curves at a constant learning rate, their envelope, and the power law of "
        "the least loss at each budget. Middle: final losses of the largest size against tokens. "
        "Right: those of the longest runs against size. Other limits are small, not absent."
    )
    frontier: Name = "frontier"  # a kaplan_frontier: panel of compute
    data: Name = "data"  # size_laws over n_tokens, of the largest size
    size: Name = "longest"  # size_laws over n_params_non_embedding, of the longest runs

    analyses_drawn = {"frontier": "kaplan_frontier", "data": "size_laws", "size": "size_laws"}


class KaplanTraining(OfTraining):
    """Fig. 2: training curves against tokens and against compute."""

    draw: Literal["kaplan_training"]
    name: Name = "kaplan_02"
    title: str = "Training curves by tokens and by compute (Kaplan et al. 2020, Figure 2)"
    caption: str = (
        "The longest training curve of each size while its learning rate was constant, after "
        "warm-up, against tokens and against compute. The envelope is the least loss of any size. "
        "A curve ends before the cooldown, so that its end is no final loss."
    )


def draw_summary(spec: KaplanSummary, tables: Tables) -> Drawing:
    """Training curves and envelope; the largest size by data; the longest runs by size."""
    curves, finals = _curves(spec, tables), _finals(spec, tables)
    found = {name: tables.analysed(getattr(spec, name), where_of(spec))
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
    exponents = (("frontier", Q.ALPHA_C), ("data", Q.ALPHA), ("size", Q.ALPHA))
    for panel, (name, exponent), law in zip(panels, exponents, laws, strict=True):
        of_panel = found[name]
        if name != "frontier":  # whose points lie on the envelope
            draw_points(panel, of_panel.points(Q.LOSS), "runs", "final loss", color=COLORS[0],
                        marker="o")  # fmt: skip
        line = of_panel.line(Q.LOSS)
        notes += of_panel.why_not()
        # Optional: not every law of one variable has an exponent alpha.
        notes += told(of_panel, exponent, f"Exponent, {panel.name.lower()}",
                      optional=exponent is Q.ALPHA)  # fmt: skip
        if draw_line(panel, line, "fitted power law", "fitted law", zorder=4, **OURS):
            ends = panel.axes.get_xlim() if name == "frontier" else (
                line["x"].min(), line["x"].max())  # fmt: skip
            dense = np.geomspace(*ends, 40)
            others[panel] = own_axis(panel, dense, law(dense), middle_of(line),
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


def draw_training(spec: KaplanTraining, tables: Tables) -> Drawing:
    """The same training curves by tokens and by compute."""
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


def envelope(curves: list[SizeCurve], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Where some curve is lower than every curve was before, along tokens, steps or compute."""
    ends = [getattr(curve, what)[[0, -1]] for curve in curves]
    x = np.geomspace(min(e[0] for e in ends), max(e[1] for e in ends), N_ENVELOPE)
    losses = np.stack([curve.at(what, x) for curve in curves])
    seen = np.isfinite(losses).any(axis=0)
    x, low = x[seen], np.nanmin(losses[:, seen], axis=0)
    best = low <= np.minimum.accumulate(low)
    return x[best], low[best]


def _curves(spec: OfTraining, tables: Tables) -> list[SizeCurve]:
    need(tables.runs, ["run_id", "sweep", "peak_lr", "batch_size", "context"], where_of(spec),
         "runs")  # fmt: skip
    need(tables.curves, ["run_id", "step", "lr", "loss", "n_tokens"], where_of(spec), "curves")
    return curves_of(tables.runs, tables.curves, spec.sweeps, where_of(spec))


def _finals(spec: OfTraining, tables: Tables) -> pd.DataFrame:
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
    "kaplan_summary": Figure(KaplanSummary, draw_summary),
    "kaplan_training": Figure(KaplanTraining, draw_training),
}
