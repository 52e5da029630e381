"""Published rules for spending compute on a larger model or on more data."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import COLORS, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.config.section import Name, PositiveFloat, Range
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Drawn, Figure, Tables
from isoloss.laws import CHINCHILLA
from isoloss.laws import published as P

N_POINTS = 100


class Allocation(Drawn):
    """Compute-optimal model size and data against the budget, by several published rules."""

    draw: Literal["allocation"]
    name: Name = "allocation"
    title: str = "Compute-optimal size and data, as published"
    caption: str = (
        "Parameters and tokens against the budget. Kaplan's rule is drawn for both readings of its "
        "C_min. The parametric law as Hoffmann et al. printed it asks for smaller models than "
        "their other two approaches; the refit by Besiroglu et al. does not."
    )
    compute_flops: Range = [1e18, 1e24]  # from, to


class IsoLoss(Drawn):
    """Lines of equal loss over model size and data, with the compute-optimal path."""

    draw: Literal["iso_loss"]
    name: Name = "iso_loss"
    title: str = "Lines of equal loss"
    caption: str = (
        "Sizes and data that reach the same loss by a published law (which one is said below), and "
        "the path that reaches each loss with least compute."
    )
    law: Literal["hoffmann", "besiroglu"] = "besiroglu"  # whose constants
    n_params: Range = [1e7, 1e12]  # from, to
    n_tokens: Range = [1e8, 1e14]  # from, to
    losses: list[PositiveFloat] = [2.0, 2.2, 2.5, 3.0, 3.5, 4.5]  # nats per token


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
         {"color": COLORS[0]}),
        ("Hoffmann 2022, parametric as printed", hoffmann["n_params"], hoffmann["n_tokens"],
         {"color": COLORS[0], "linestyle": (0, (1, 1.5))}),
        ("Besiroglu 2024, parametric refitted", besiroglu["n_params"], besiroglu["n_tokens"],
         {"color": COLORS[2]}),
    ]  # fmt: skip


def allocation(spec: Allocation, tables: Tables) -> Drawing:
    """N* and D* against the budget by each published rule."""
    figure, axes = new_figure(2, 1, width=8.4, height=4.4)
    record = Record()
    size = Panel(axes[0, 0], record, "compute budget C (FLOP)", "parameters N*", "Model size")
    data = Panel(axes[0, 1], record, "compute budget C (FLOP)", "tokens D*", "Data")
    compute = np.geomspace(*spec.compute_flops, N_POINTS)
    found = rules(compute)
    for label, n_params, n_tokens, look in found:
        size.line(compute, n_params, label, "rule", **look)
        data.line(compute, n_tokens, label, "rule", **look)
    finish(figure, [size, data])
    legend_below(figure, [(label, {"linestyle": "-"} | look) for label, _, _, look in found], 100)
    return Drawing(figure=figure, table=record.table(), notes=[
        "D = C / 6N throughout. Kaplan's N leaves out embeddings, the others count them.",
        "Kaplan's rule is in terms of C_min; Hoffmann et al. draw it with C = 2 C_min, "
        "the cost at the critical batch size.",
    ])  # fmt: skip


def iso_loss(spec: IsoLoss, tables: Tables) -> Drawing:
    """Lines of equal loss, and the sizes and data that reach each loss with least compute."""
    import pandas as pd

    params = P.surface(spec.law)
    figure, axes = new_figure(width=6.8, height=4.8)
    record = Record()
    panel = Panel(axes[0, 0], record, "parameters N", "training tokens D")
    panel.axes.set(xlim=spec.n_params, ylim=spec.n_tokens)
    colors = ordered_colors(len(spec.losses))
    sizes = np.geomspace(*spec.n_params, 400)
    for loss, color in zip(sorted(spec.losses, reverse=True), colors, strict=True):
        tokens = tokens_for(loss, sizes, params)
        seen = (tokens >= spec.n_tokens[0]) & (tokens <= spec.n_tokens[1])
        label = f"{loss:g} nats per token"
        panel.line(sizes[seen], tokens[seen], label, "equal loss", color=color)
    compute = np.geomspace(*(FLOPS_PER_PARAM_TOKEN * n * d
                             for n, d in zip(spec.n_params, spec.n_tokens, strict=True)),
                           2 * N_POINTS)  # fmt: skip
    best = pd.DataFrame(CHINCHILLA.optimum(params, compute))
    best = best[best["n_params"].between(*spec.n_params) & best["n_tokens"].between(*spec.n_tokens)]
    panel.line(best["n_params"], best["n_tokens"], "least compute", "optimum", color="black",
               linestyle=(0, (4, 2)), linewidth=1.2)  # fmt: skip
    finish(figure, [panel])
    key_of_values(figure, [panel.axes], sorted(spec.losses, reverse=True), colors,
                  "loss (nats per token)")  # fmt: skip
    legend_below(figure, [("least compute for the loss, 6 N D",
                           {"color": "black", "linestyle": (0, (4, 2))})])  # fmt: skip
    constants = ", ".join(f"{name} {value:g}" for name, value in params.items())
    return Drawing(figure=figure, table=record.table(), notes=[
        f"L = E + A / N^alpha + B / D^beta with {constants} ({spec.law.capitalize()} et al.).",
    ])  # fmt: skip


def tokens_for(loss: float, n_params: np.ndarray, params: dict[str, float]) -> np.ndarray:
    """D that reaches a loss at each N; infinite where no D does."""
    left = loss - params["E"] - params["A"] / n_params ** params["alpha"]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(left > 0, (params["B"] / left) ** (1 / params["beta"]), np.inf)


FIGURES = {
    "allocation": Figure(Allocation, allocation),
    "iso_loss": Figure(IsoLoss, iso_loss),
}
