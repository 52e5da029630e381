"""What published laws say, from their constants: of losses, and of how to spend compute."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts import COLORS, Sheet, science, short
from isoloss.config.section import Name, PositiveFloat, Range
from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Drawing, Drawn, Figure, Tables
from isoloss.laws import CHINCHILLA
from isoloss.laws import published as P

LOSS = "loss (nats per token)"
N_LINE = 100  # points of a rule


class KaplanLaws(Drawn):
    """The three one-variable laws of Kaplan et al., each over its own range and in its own unit."""

    draw: Literal["kaplan_laws"]
    name: Name = "kaplan_laws"
    title: str = "Kaplan et al.'s three power laws (2020, Figure 1)"
    caption: str = (
        "Loss against compute, data and size, each where the other two do not limit. Lines "
        "follow from the published constants, over about the ranges that were measured."
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
        "Each law is given one quantity of the model: its parameters, its tokens or its compute. "
        "The open circle is what the third law gives if FLOP are put where PF-days belong."
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
    title: str = "How much a doubling lowers the loss"
    caption: str = (
        "The share by which the loss falls when one quantity doubles and the others do not "
        "limit: 1 - 2^-exponent."
    )
    tabulate: bool = True


class Allocation(Drawn):
    """Compute-optimal model size and data against the budget, by several published rules."""

    draw: Literal["allocation"]
    name: Name = "allocation"
    title: str = "Compute-optimal size and data, as published"
    caption: str = (
        "Best parameters and tokens against the budget, by published rules. Kaplan's rule is "
        "drawn for both readings of its C_min. Hoffmann's parametric law is drawn as printed and "
        "as Besiroglu et al. (2024) refit it."
    )
    compute_flops: Range = [1e18, 1e24]  # from, to


def kaplan_laws(spec: KaplanLaws, tables: Tables) -> Drawing:
    """Kaplan et al. (2020), Fig. 1, from the constants of its Table 5: lines, no measurements."""
    panels = (
        ("Compute", "compute C_min (PF-days)", spec.compute_pf_days, "c_c_min", "alpha_c_min", "C",
         lambda x: P.kaplan_loss(compute_min_flops=x * FLOPS_PER_PF_DAY)),
        ("Data", "dataset size D (tokens)", spec.n_tokens, "d_c", "alpha_d", "D",
         lambda x: P.kaplan_loss(n_tokens=x)),
        ("Size", "parameters N (non-embedding)", spec.n_params, "n_c", "alpha_n", "N",
         lambda x: P.kaplan_loss(n_params=x)),
    )  # fmt: skip
    sheet = Sheet(3)
    for title, label, span, scale, exponent, symbol, law in panels:
        panel = sheet.panel(label, LOSS, title)
        panel.axes.sharey(sheet.panels[0].axes)
        x = np.geomspace(*span, 50)
        scale, exponent = P.VALUES[f"kaplan_{scale}"], P.VALUES[f"kaplan_{exponent}"]
        name = f"L = ({science(scale)} / {symbol})ᵃ\na = {exponent:g}"
        panel.line(x, law(x), f"L = ({science(scale)} / {symbol})^{exponent:g}", "law",
                   color=COLORS[1])  # fmt: skip
        panel.say(name, "upper right")
    return sheet.drawing(notes=[
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
    sheet = Sheet(height=2.9)
    panel = sheet.panel(f"predicted {LOSS}", "", x_scale="linear", y_scale="linear")
    panel.y = "law"
    for place, (label, loss, right) in enumerate(rows):
        look = {"color": COLORS[0]} if right else {"color": COLORS[1], "fillstyle": "none"}
        panel.points([loss], [place], label, "prediction" if right else "wrong unit", **look)
        panel.write(f"{loss:.3f}", loss, place, xytext=(8, 0))
    panel.name_heights([label for label, _, _ in rows])
    panel.axes.set_xlim(0, 1.25 * max(loss for _, loss, _ in rows))
    key = [
        (f"what the law predicts for {spec.model}", {"color": COLORS[0], "marker": "o"}),
        ("the wrong unit", {"color": COLORS[1], "marker": "o", "fillstyle": "none"}),
    ]  # fmt: skip
    return sheet.drawing(key, ["Kaplan et al. (2020), Eqs. 1.1 to 1.3. C is taken for C_min."])


def doubling(spec: Doubling, tables: Tables) -> Drawing:
    """By how many per cent the loss falls when one quantity doubles: 100 (1 - 2^-exponent)."""
    rows = [
        ("parameters N", "kaplan_alpha_n"),
        ("dataset D", "kaplan_alpha_d"),
        ("compute C_min, optimally spent", "kaplan_alpha_c_min"),
        ("compute C, fixed batch", "kaplan_alpha_c"),
    ]
    sheet = Sheet(height=2.6)
    panel = sheet.panel(
        "fall of the loss when it doubles (%)", "", x_scale="linear", y_scale="linear"
    )
    panel.y = "exponent"
    for place, (label, key) in enumerate(rows):
        fall = 100 * P.fall_when_doubled(P.VALUES[key])
        panel.bar(place, fall, P.VALUES[key], label, "fall", color=COLORS[0])
        panel.write(f"{fall:.1f} %  (exponent {P.VALUES[key]:g})", fall, place)
    panel.name_heights([label for label, _ in rows])
    panel.axes.set_xlim(0, 14)
    panel.axes.grid(False, axis="y")
    return sheet.drawing(notes=[
        "A fall of the whole loss, by laws without an irreducible term (Kaplan et al. 2020).",
    ])  # fmt: skip


def rules(compute: np.ndarray) -> list[tuple[str, np.ndarray, np.ndarray, dict]]:
    """Published allocations: label, N, D and look."""
    besiroglu = CHINCHILLA.optimum(P.surface("besiroglu"), compute)
    hoffmann = CHINCHILLA.optimum(P.surface("hoffmann"), compute)
    return [
        ("Kaplan 2020, C = 2 C_min (critical batch)", *P.kaplan_allocation(compute, 2.0),
         {"color": COLORS[1]}),
        ("Kaplan 2020, C = C_min (small batch)", *P.kaplan_allocation(compute, 1.0),
         {"color": COLORS[1], "linestyle": (0, (4, 2))}),
        ("Hoffmann 2022, 20 tokens per parameter", *P.chinchilla_allocation(compute),
         {"color": COLORS[0], "linewidth": 5.0, "alpha": 0.35}),  # wide: other lines lie on it
        ("Hoffmann 2022, parametric as printed", hoffmann["n_params"], hoffmann["n_tokens"],
         {"color": COLORS[0], "linestyle": (0, (1, 1.5))}),
        ("Besiroglu 2024, parametric refitted", besiroglu["n_params"], besiroglu["n_tokens"],
         {"color": COLORS[2]}),
    ]  # fmt: skip


def allocation(spec: Allocation, tables: Tables) -> Drawing:
    """N* and D* against the budget by each published rule."""
    sheet = Sheet(2)
    size = sheet.panel("compute budget C (FLOP)", "parameters N*", "Model size")
    data = sheet.panel("compute budget C (FLOP)", "tokens D*", "Data")
    compute = np.geomspace(*spec.compute_flops, N_LINE)
    found = rules(compute)
    for label, n_params, n_tokens, look in found:
        size.line(compute, n_params, label, "rule", **look)
        data.line(compute, n_tokens, label, "rule", **look)
    key = [(label, {"linestyle": "-"} | look) for label, _, _, look in found]
    return sheet.drawing(key, [
        "D = C / 6N throughout. Kaplan's N leaves out embeddings, the others count them.",
        "Kaplan's rule is in terms of C_min; Hoffmann et al. draw it with C = 2 C_min, "
        "the cost at the critical batch size.",
    ])  # fmt: skip


FIGURES = {
    "kaplan_laws": Figure(KaplanLaws, kaplan_laws),
    "predictions": Figure(Predictions, predictions),
    "doubling": Figure(Doubling, doubling),
    "allocation": Figure(Allocation, allocation),
}
