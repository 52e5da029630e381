"""Training curves and their envelope: Kaplan et al. (2020, arXiv:2001.08361), Figs. 1 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, Sheet, short
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.exhibits.base import Does, Drawing, Figure, OfLosses, Tables, need
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.size_curves import SizeCurve, curves_of, finished_runs
from isoloss.exhibits.notes import told
from isoloss.laws import published as P
from isoloss.results import Q, Verdict, identified

if TYPE_CHECKING:
    import pandas as pd

N_ENVELOPE = 200
N_SLOPE = 40
MARGIN = 1.04  # of the axis of losses, beyond the losses
SHORT = 0.3  # decades; less shows no exponent
COMPUTE = "compute C (PF-days)"
ENVELOPE = {"color": "black", "linestyle": "-", "linewidth": 1.3}
BENEATH = {"color": "#c4c4c4", "linestyle": "-", "linewidth": 7}  # the curves
COOLING = {"linestyle": looks.DOTS, "linewidth": 1.0}
FITTED = looks.OURS | {"linewidth": 2.6}
HOLLOW = {"marker": "o", "markersize": 4, "fillstyle": "none", "linestyle": "none"}
LIGHT = {"color": "#9ecae1", "linewidth": 0.9}
FINAL = {"color": COLORS[0], "marker": "o", "markersize": 3, "alpha": 0.6, "markeredgewidth": 0}
PAPER_LAWS = (
    lambda c: (P.VALUES["kaplan_c_c_min_legend"] / c) ** P.VALUES["kaplan_alpha_c_min"],
    lambda d: P.kaplan_loss(n_tokens=d),
    lambda n: P.kaplan_loss(n_params=n),
)
PAPER_EXPONENTS = tuple(
    P.VALUES[name] for name in ("kaplan_alpha_c_min", "kaplan_alpha_d", "kaplan_alpha_n")
)
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
        "Training curves at a constant learning rate, their envelope, and the power law of the "
        "least loss, over the budgets that it is fitted to. Final losses of the largest size "
        "against tokens, and of the longest runs against size."
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
        "tokens and against compute. Dotted: to the final loss, after the cooldown. Grey: the "
        "envelope, the least loss of any size before its cooldown."
    )


def draw_summary(spec: KaplanSummary, tables: Tables) -> Drawing:
    """Training curves and envelope; the largest size by data; the longest runs by size."""
    notes = []
    curves, finals = _curves(spec, tables, notes), _finals(spec, tables)
    found = {name: tables.analysed(getattr(spec, name), spec.called)
             for name in ("frontier", "data", "size")}  # fmt: skip
    sheet = Sheet(3)
    names = ((COMPUTE, "Compute"), ("tokens D", "Data, largest size"),
             (looks.SIZE_LABEL, "Size, longest runs"))  # fmt: skip
    panels = [sheet.panel(label, spec.loss_label, title) for label, title in names]
    for curve in curves:
        panels[0].line(curve.compute, curve.loss, f"N = {curve.n_params:.0f}", "training", **LIGHT)
    panels[0].points(finals["compute"], finals["loss"], "final losses", "run", **FINAL)
    key = [("final loss of a run", FINAL)]
    exponents = (("frontier", Q.ALPHA_C), ("data", Q.ALPHA), ("size", Q.ALPHA))
    words = []
    for panel, (name, exponent), law in zip(panels, exponents, PAPER_LAWS, strict=True):
        of_panel = found[name]
        if name != "frontier":  # whose points lie on the envelope
            panel.intervals_of(of_panel.points(Q.LOSS), "runs", "final loss", color=COLORS[0],
                               marker="o")  # fmt: skip
        line = of_panel.line(Q.LOSS)
        notes += of_panel.why_not()
        # Optional: not every law of one variable has an exponent alpha.
        optional = exponent is Q.ALPHA
        notes += told(of_panel, exponent, f"Exponent, {panel.name.lower()}", optional=optional)
        if panel.line_of(line, "fitted power law", "fitted law", zorder=4, **FITTED):
            x = np.geomspace(line["x"].min(), line["x"].max(), N_SLOPE)
            looks.slope(panel, x, law(x), line, "Kaplan et al. 2020")
            number = of_panel.number(exponent, optional=optional)
            words.append((panel, number, line))
    if curves:
        x, low = envelope(curves, "compute")
        panels[0].line(x, low, "envelope", "lowest loss of any size", **ENVELOPE)
        notes += [*slopes_of(x, low, found["frontier"].line(Q.LOSS)), ENVELOPE_IS]
        key += [("training at a constant rate", LIGHT | {"linestyle": "-"}), ("envelope", ENVELOPE)]
    _one_loss_axis(sheet)
    for panel, number, line in words:
        looks.in_corner(panel, _in_words(number, line, PAPER_EXPONENTS[panels.index(panel)]))
    if words:
        key += [("our power law, where it is fitted", FITTED),
                ("the slope of Kaplan et al. 2020", looks.PAPER)]  # fmt: skip
        notes = [looks.SLOPES, *notes]
    return sheet.drawing(key, notes)


def _one_loss_axis(sheet: Sheet) -> None:
    """All panels span the same losses, so that their slopes can be compared."""
    ends = np.array([panel.axes.dataLim.intervaly for panel in sheet.panels])
    ends = ends[np.isfinite(ends).all(axis=1) & (ends[:, 0] > 0)]
    if len(ends):
        low, high = ends[:, 0].min(), ends[:, 1].max()
        for panel in sheet.panels:
            panel.axes.set_ylim(low / MARGIN, high * MARGIN)
    sheet.finish()


def _in_words(number: pd.Series | None, line: pd.DataFrame, paper: float) -> list:
    """Our exponent, over how many decades, and the paper's, with the colours of their lines."""
    decades = f"over {np.log10(line['x'].max() / line['x'].min()):.1f} decades"
    lines = [decades] if number is None else [f"ours: {number['value']:.3f}", decades]
    if number is not None and not identified(number):
        lines.append(str(Verdict.read(number["verdict"]).status))
    ours = [(text, FITTED["color"]) for text in lines]
    return [*ours, (f"the paper: {paper:.3f}", looks.PAPER["color"])]


def slopes_of(x: np.ndarray, low: np.ndarray, fitted: pd.DataFrame) -> list[str]:
    """The exponents of the envelope below, among and above the budgets that were fitted."""
    if fitted.empty:
        return []
    first, last = fitted["x"].min(), fitted["x"].max()
    parts = {"below": x < first, "among": (first <= x) & (x <= last), "above": x > last}
    said = []
    for where, here in parts.items():
        if here.any() and np.log10(x[here][-1] / x[here][0]) > SHORT:
            exponent = -np.polyfit(np.log(x[here]), np.log(low[here]), 1)[0]
            said.append(f"{exponent:.3f} {where} these budgets")
    decades = f"{np.log10(last / first):.1f} decades"
    return [f"The power law of compute is fitted over {decades}. The exponent of the envelope is "
            f"{', '.join(said)}."] if said else []  # fmt: skip


def draw_training(spec: KaplanTraining, tables: Tables) -> Drawing:
    """The same training curves by tokens and by compute, and where their runs ended."""
    notes = []
    curves = _curves(spec, tables, notes)
    sheet = Sheet(2)
    panels = [sheet.panel("tokens processed", spec.loss_label, "Tokens"),
              sheet.panel(COMPUTE, spec.loss_label, "Compute")]  # fmt: skip
    colors = looks.size_colors([curve.n_params for curve in curves], tables)
    longest = _finals(spec, tables).drop_duplicates("n_params_non_embedding", keep="last")
    ended = longest.set_index("n_params_non_embedding")
    ends = []
    for curve in curves:
        name, color = f"N = {curve.n_params:.0f}", colors[curve.n_params]
        final = ended.loc[curve.n_params]
        for panel, x, end in ((panels[0], curve.tokens, final["n_tokens"]),
                              (panels[1], curve.compute, final["compute"])):  # fmt: skip
            panel.line(x, curve.loss, name, "training", color=color)
            panel.line([x[-1], end], [curve.loss[-1], final["loss"]], name, "cooldown",
                       color=color, **COOLING)  # fmt: skip
            panel.points([end], [final["loss"]], name, "final loss", color=color, **HOLLOW)
        ends.append((short(curve.n_params), float(final["n_tokens"]), float(final["loss"]), color))
    key, words = [], []
    if curves:
        x, low = envelope(curves, "compute")
        panels[1].line(x, low, "envelope", "lowest loss of any size", zorder=1, **BENEATH)
        notes += [*_fewer_tokens(curves, words), ENVELOPE_IS]
        key = [("training at a constant rate", {"color": GREY, "linestyle": "-"}),
               ("final loss, after the cooldown", {"color": GREY, **HOLLOW, **COOLING}),
               ("envelope: the lowest loss of any size", BENEATH)]  # fmt: skip
    _one_loss_axis(sheet)
    looks.name_ends(panels[0], ends)
    if ends:
        looks.in_corner(panels[0], [("N, without embeddings, at the right", GREY)])
        looks.in_corner(panels[1], [(text, looks.INK) for text in words])
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


def _fewer_tokens(curves: list[SizeCurve], words: list[str]) -> list[str]:
    """How many times fewer tokens the largest size takes to the lowest loss of some smaller one.

    The same in few words goes into `words`.
    """
    large = curves[-1]
    for small in curves:
        goal = float(small.loss.min())
        tokens = float(large.needed("tokens", goal))
        if np.isfinite(tokens):
            ratio = float(small.needed("tokens", goal)) / tokens
            words += [f"to {goal:.3g}, {short(large.n_params)} takes", f"{ratio:.3g} times fewer",
                      f"tokens than {short(small.n_params)}"]  # fmt: skip
            return [
                f"To a loss of {goal:.3g}, the lowest of N = {small.n_params:,.0f}, the largest "
                f"size (N = {large.n_params:,.0f}) takes {ratio:.3g} times fewer tokens."
            ]
    return []


FIGURES = {
    "kaplan_summary": Figure(KaplanSummary, draw_summary),
    "kaplan_training": Figure(KaplanTraining, draw_training),
}
