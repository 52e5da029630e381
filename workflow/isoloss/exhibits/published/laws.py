"""What published laws say: from their constants, each in its own unit."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import COLORS, legend_below, new_figure
from isoloss.charts.text import science, short
from isoloss.config.section import Name, PositiveFloat, Range
from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Drawing, Drawn, Figure, Tables
from isoloss.laws import published as P

LOSS = "loss (nats per token)"


class KaplanLaws(Drawn):
    """The three one-variable laws of Kaplan et al., each over its own range and in its own unit."""

    draw: Literal["kaplan_laws"]
    name: Name = "kaplan_laws"
    title: str = "Three power laws (Kaplan et al. 2020, Figure 1)"
    caption: str = (
        "Loss against compute, data and size, each where the other two do not limit, drawn from "
        "the published constants over about the ranges that were measured."
    )
    compute_pf_days: Range = [1e-8, 1e1]  # of C_min, from, to
    n_tokens: Range = [2.1e7, 2.29e10]  # from, to
    n_params: Range = [768.0, 1.5e9]  # without embeddings, from, to


class Predictions(Drawn):
    """What the one-variable laws predict for one model."""

    draw: Literal["predictions"]
    name: Name = "predictions"
    title: str = "What three published laws predict for one model"
    caption: str = (
        "Each law is given one quantity of the model: its parameters, its tokens or its compute, "
        "far beyond the range that it was fitted to. The open circle is what the third law gives "
        "if FLOP are put where PF-days belong."
    )
    tabulate: bool = True
    model: str  # its name
    n_params: PositiveFloat  # as the law of size counts them: without embeddings
    n_tokens: PositiveFloat  # of its training
    compute_flops: PositiveFloat  # of its training


class Doubling(Drawn):
    """By how much the loss falls when one quantity doubles."""

    draw: Literal["doubling"]
    name: Name = "doubling"
    title: str = "What doubling brings"
    caption: str = (
        "The share by which the loss falls when one quantity doubles and the others do not limit: "
        "1 - 2^-exponent."
    )
    tabulate: bool = True


def kaplan_laws(spec: KaplanLaws, tables: Tables) -> Drawing:
    """Kaplan et al. (2020), Fig. 1, from the constants of its Table 5: lines, no measurements."""
    panels = (
        ("Compute", "compute C_min (PF-days)", spec.compute_pf_days, "c_c_min", "alpha_c_min",
         lambda x: P.kaplan_loss(compute_min_flops=x * FLOPS_PER_PF_DAY)),
        ("Data", "dataset size D (tokens)", spec.n_tokens, "d_c", "alpha_d",
         lambda x: P.kaplan_loss(n_tokens=x)),
        ("Size", "parameters N (non-embedding)", spec.n_params, "n_c", "alpha_n",
         lambda x: P.kaplan_loss(n_params=x)),
    )  # fmt: skip
    figure, axes = new_figure(3, 1, width=9.0, height=3.4)
    record, drawn = Record(), []
    for place, (title, label, span, scale, exponent, law) in zip(axes.flat, panels, strict=True):
        place.sharey(axes[0, 0])
        panel = Panel(place, record, label, LOSS, title)
        x = np.geomspace(*span, 50)
        scale, exponent = P.VALUES[f"kaplan_{scale}"], P.VALUES[f"kaplan_{exponent}"]
        name = f"L = ({science(scale)} / x)^{exponent:g}"
        panel.line(x, law(x), name, "law", color=COLORS[1])
        panel.axes.annotate(name, (0.96, 0.93), xycoords="axes fraction", ha="right", va="top",
                            fontsize=8.5)  # fmt: skip
        drawn.append(panel)
    finish(figure, drawn)
    for place in axes.flat[1:]:
        place.set_ylabel("")
    return Drawing(figure=figure, table=record.table(), notes=[
        "x is the quantity on the axis, in its unit.",
        "Compute is C_min in PF-days (1 PF-day = 8.64e19 FLOP); the legend of the original has "
        "2.3e8 where text and Table 5 have 3.1e8, which changes the loss by 1.5 %.",
        "Each law holds where the other two quantities do not limit; none has an irreducible term.",
    ])  # fmt: skip


def predictions(spec: Predictions, tables: Tables) -> Drawing:
    """The loss that each one-variable law predicts, and what the wrong unit would give."""
    wrong = P.kaplan_loss(compute_min_flops=spec.compute_flops * FLOPS_PER_PF_DAY)
    pf_days = P.pf_days(spec.compute_flops)
    rows = [
        (f"size, N = {short(spec.n_params)}", P.kaplan_loss(n_params=spec.n_params), True),
        (f"data, D = {short(spec.n_tokens)} tokens", P.kaplan_loss(n_tokens=spec.n_tokens), True),
        (f"compute, {pf_days:,.0f} PF-days",
         P.kaplan_loss(compute_min_flops=spec.compute_flops), True),
        (f"compute, {science(spec.compute_flops)} FLOP taken for PF-days", wrong, False),
    ]  # fmt: skip
    figure, axes = new_figure(width=6.8, height=2.9)
    record = Record()
    panel = Panel(axes[0, 0], record, f"predicted {LOSS}", "", x_scale="linear", y_scale="linear")
    panel.y = "law"
    for place, (label, loss, right) in enumerate(rows):
        look = {"color": COLORS[0]} if right else {"color": COLORS[1], "fillstyle": "none"}
        panel.points([loss], [place], label, "prediction" if right else "wrong unit", **look)
        panel.write(f"{loss:.3f}", loss, place, xytext=(8, 0))
    panel.axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    panel.axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, 1.25 * max(loss for _, loss, _ in rows)))
    finish(figure, [panel])
    legend_below(figure, [
        (f"what the law predicts for {spec.model}", {"color": COLORS[0], "marker": "o"}),
        ("the wrong unit", {"color": COLORS[1], "marker": "o", "fillstyle": "none"}),
    ])  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=[
        "Kaplan et al. (2020), Eqs. 1.1 to 1.3. C is taken for C_min.",
    ])  # fmt: skip


def doubling(spec: Doubling, tables: Tables) -> Drawing:
    """By how many per cent the loss falls when one quantity doubles: 100 (1 - 2^-exponent)."""
    rows = [
        ("parameters N", "kaplan_alpha_n"),
        ("dataset D", "kaplan_alpha_d"),
        ("compute C_min, optimally spent", "kaplan_alpha_c_min"),
        ("compute C, fixed batch", "kaplan_alpha_c"),
    ]
    figure, axes = new_figure(width=6.8, height=2.6)
    record = Record()
    panel = Panel(axes[0, 0], record, "fall of the loss when it doubles (%)", "",
                  x_scale="linear", y_scale="linear")  # fmt: skip
    panel.y = "exponent"
    for place, (label, key) in enumerate(rows):
        fall = 100 * P.fall_when_doubled(P.VALUES[key])
        panel.bar(place, fall, P.VALUES[key], label, "fall", color=COLORS[0])
        panel.write(f"{fall:.1f} %  (exponent {P.VALUES[key]:g})", fall, place)
    panel.axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    panel.axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, 10))
    panel.axes.grid(False, axis="y")
    finish(figure, [panel])
    return Drawing(figure=figure, table=record.table(), notes=[
        "A fall of the whole loss, by laws without an irreducible term (Kaplan et al. 2020).",
    ])  # fmt: skip


FIGURES = {
    "kaplan_laws": Figure(KaplanLaws, kaplan_laws),
    "predictions": Figure(Predictions, predictions),
    "doubling": Figure(Doubling, doubling),
}
