"""Training curves and their envelope: Kaplan et al. (2020, arXiv:2001.08361), Figs. 1 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, Sheet, ordered_colors
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.exhibits.base import Does, Drawing, Figure, OfLosses, Tables, need
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.size_curves import SizeCurve, curves_of, finished_runs
from isoloss.exhibits.notes import told
from isoloss.laws import published as P
from isoloss.results import Q

if TYPE_CHECKING:
    import pandas as pd

N_ENVELOPE = 200
ENVELOPE = {"color": "black", "linestyle": "-", "linewidth": 1.3}
LIGHT = {"color": "#9ecae1", "linewidth": 0.9}
FINAL = {"color": COLORS[0], "marker": "o", "markersize": 3, "alpha": 0.6, "markeredgewidth": 0}
ENVELOPE_IS = "The envelope skips budgets at which a cheaper run was better."


class OfTraining(OfLosses):
    """Figures of the training curves of some sweeps: the longest run of each size."""

    sweeps: list[Name]  # whose runs and curves are drawn


class KaplanSummary(OfTraining):
    """Fig. 1: loss against compute, data and size, each where the others do not limit."""

    draw: Literal["kaplan_summary"]
    name: Name = "kaplan_01"
    title: str = "Loss against compute, data and size (Kaplan et al. 2020, Figure 1)"
    caption: str = (
        "Left: training curves at a constant learning rate, their envelope, and the power law of "
        "the least loss at each budget. Middle: final losses of the largest size against tokens. "
        "Right: final losses of the longest runs against size. In each panel the other "
        "quantities also limit the loss."
    )
    frontier: Annotated[Name, Does("kaplan_frontier")] = (
        "frontier"  # a kaplan_frontier: panel of compute
    )
    data: Annotated[Name, Does("size_laws")] = (
        "data"  # size_laws over n_tokens, of the largest size
    )
    size: Annotated[Name, Does("size_laws")] = (
        "longest"  # size_laws over n_params_non_embedding, of the longest runs
    )


class KaplanTraining(OfTraining):
    """Fig. 2: training curves against tokens and against compute."""

    draw: Literal["kaplan_training"]
    name: Name = "kaplan_02"
    title: str = "Training curves by tokens and by compute (Kaplan et al. 2020, Figure 2)"
    caption: str = (
        "The longest training curve of each size, after warm-up and before the cooldown, against "
        "tokens and against compute. The envelope is the least loss of any size. The end of a "
        "curve is no final loss, because its rate has not decayed."
    )


def draw_summary(spec: KaplanSummary, tables: Tables) -> Drawing:
    """Training curves and envelope; the largest size by data; the longest runs by size."""
    notes = []
    curves, finals = _curves(spec, tables, notes), _finals(spec, tables)
    found = {name: tables.analysed(getattr(spec, name), spec.called)
             for name in ("frontier", "data", "size")}  # fmt: skip
    sheet = Sheet(3)
    names = ((looks.COMPUTE, "Compute"), ("tokens D", "Data, largest size"),
             (looks.SIZE_LABEL, "Size, longest runs"))  # fmt: skip
    panels = [sheet.panel(label, spec.loss_label, title) for label, title in names]
    for curve in curves:
        panels[0].line(curve.compute, curve.loss, f"N = {curve.n_params:.0f}", "training", **LIGHT)
    panels[0].points(finals["compute"], finals["loss"], "final losses", "run", **FINAL)
    if curves:
        x, low = envelope(curves, "compute")
        panels[0].line(x, low, "envelope", "lowest loss of any size", **ENVELOPE)
    laws = (
        lambda c: (P.VALUES["kaplan_c_c_min_legend"] / c) ** P.VALUES["kaplan_alpha_c_min"],
        lambda d: P.kaplan_loss(n_tokens=d),
        lambda n: P.kaplan_loss(n_params=n),
    )
    exponents = (("frontier", Q.ALPHA_C), ("data", Q.ALPHA), ("size", Q.ALPHA))
    for panel, (name, exponent), law in zip(panels, exponents, laws, strict=True):
        of_panel = found[name]
        if name != "frontier":  # whose points lie on the envelope
            panel.intervals_of(of_panel.points(Q.LOSS), "runs", "final loss", color=COLORS[0],
                               marker="o")  # fmt: skip
        line = of_panel.line(Q.LOSS)
        notes += of_panel.why_not()
        # Optional: not every law of one variable has an exponent alpha.
        notes += told(of_panel, exponent, f"Exponent, {panel.name.lower()}",
                      optional=exponent is Q.ALPHA)  # fmt: skip
        if panel.line_of(line, "fitted power law", "fitted law", zorder=4, **looks.OURS):
            ends = panel.axes.get_xlim() if name == "frontier" else (
                line["x"].min(), line["x"].max())  # fmt: skip
            dense = np.geomspace(*ends, 40)
            other = looks.own_axis(panel, dense, law(dense), line)
            looks.paper_line(other, dense, law(dense), "Kaplan et al. 2020")
    for other in [panel.other for panel in panels if panel.other][:-1]:
        other.axes.set_ylabel("")
    key = [
        ("training at a constant rate", LIGHT | {"linestyle": "-"}),
        ("final loss of a run", FINAL), ("envelope", ENVELOPE), ("our power law", looks.OURS),
        ("Kaplan et al. 2020 (right axes)", looks.PAPER),
    ]  # fmt: skip
    notes.append("The paper's exponents are 0.050, of C_min, 0.095 and 0.076; ours of compute is "
                 "of C as it was spent. " + ENVELOPE_IS)  # fmt: skip
    return sheet.drawing(key, [looks.OWN_AXIS, *notes])


def draw_training(spec: KaplanTraining, tables: Tables) -> Drawing:
    """The same training curves by tokens and by compute."""
    notes = []
    curves = _curves(spec, tables, notes)
    sheet = Sheet(2)
    panels = [sheet.panel("tokens processed", spec.loss_label, "Tokens"),
              sheet.panel(looks.COMPUTE, spec.loss_label, "Compute")]  # fmt: skip
    colors = ordered_colors(len(curves))
    for curve, color in zip(curves, colors, strict=True):
        for panel, x in zip(panels, (curve.tokens, curve.compute), strict=True):
            panel.line(x, curve.loss, f"N = {curve.n_params:.0f}", "training", color=color)
    if curves:
        x, low = envelope(curves, "compute")
        look = ENVELOPE | {"linewidth": 0.9}
        panels[1].line(x, low, "envelope", "lowest loss of any size", **look)
        notes += [*_fewer_tokens(curves), ENVELOPE_IS]
    sizes = [curve.n_params for curve in curves]
    sheet.key_of_values(sizes, colors, looks.SIZE_LABEL)
    key = [("envelope: the lowest loss of any size", ENVELOPE)]
    return sheet.drawing(key, notes)


def envelope(curves: list[SizeCurve], what: str) -> tuple[np.ndarray, np.ndarray]:
    """Where some curve is lower than every curve was before, along tokens, steps or compute."""
    ends = [getattr(curve, what)[[0, -1]] for curve in curves]
    x = np.geomspace(min(e[0] for e in ends), max(e[1] for e in ends), N_ENVELOPE)
    losses = np.stack([curve.at(what, x) for curve in curves])
    seen = np.isfinite(losses).any(axis=0)
    x, low = x[seen], np.nanmin(losses[:, seen], axis=0)
    best = low <= np.minimum.accumulate(low)
    return x[best], low[best]


def _curves(spec: OfTraining, tables: Tables, notes: list[str]) -> list[SizeCurve]:
    """The longest curve of each size; none, and a note, where sizes are few."""
    need(tables.runs, ["run_id", "sweep", "peak_lr", "batch_size", "context"], spec.called, "runs")
    need(tables.curves, ["run_id", "step", "lr", "loss", "n_tokens"], spec.called, "curves")
    try:
        return curves_of(tables.runs, tables.curves, spec.sweeps, spec.called)
    except UserError as error:
        notes += [f"No training curves: {problem}." for problem in error.problems]
        return []


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
