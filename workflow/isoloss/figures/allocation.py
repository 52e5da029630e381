"""How to spend compute: on a larger model or on more data."""

import numpy as np
import pandas as pd

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import (
    COLORS,
    GREY,
    MARKERS,
    key_of_values,
    legend_below,
    new_figure,
    ordered_colors,
)
from isoloss.charts.text import science
from isoloss.config.figures import SameCompute
from isoloss.config.published_figures import Allocation, IsoLoss
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.figures.fitted import fitted
from isoloss.laws import CHINCHILLA, law
from isoloss.laws import published as P
from isoloss.runs.select import chosen, finished

N_POINTS = 100


def same_compute(spec: SameCompute, tables: Tables) -> Drawing:
    """Loss against tokens per parameter, coloured by compute; lines are a law at that compute."""
    need(tables.runs, ["sweep", "loss", "n_params", "n_tokens", spec.compute], where_of(spec),
         "runs")  # fmt: skip
    runs, notes = finished(chosen(tables.runs, list(spec.series), spec.where), "loss")
    runs = runs.assign(
        ratio=runs["n_tokens"] / runs["n_params"],
        level=[float(f"{c:.2e}") for c in runs[spec.compute]],
    )
    figure, axes = new_figure(width=6.8)
    record = Record()
    panel = Panel(axes[0, 0], record, spec.x_label, spec.y_label)
    levels = sorted(runs["level"].unique())
    colors = ordered_colors(len(levels))
    curve, name = _law(spec, tables)
    for level, color in zip(levels, colors, strict=True):
        of_level = runs[runs["level"] == level]
        if curve is not None:
            ratio = np.geomspace(of_level["ratio"].min() / 2, of_level["ratio"].max() * 2, N_POINTS)
            size = np.sqrt(level / (FLOPS_PER_PARAM_TOKEN * ratio))
            loss = curve(size, ratio * size)
            panel.line(ratio, loss, f"{science(level)} FLOP", name, color=color, linewidth=1.1)
        for marker, (sweep, label) in zip(MARKERS, spec.series.items(), strict=False):
            middle = of_level[of_level["sweep"] == sweep].groupby("ratio")["loss"].median()
            panel.points(middle.index, middle, label, f"median at {science(level)} FLOP",
                         color=color, marker=marker, markersize=7,
                         markeredgecolor="white")  # fmt: skip
    finish(figure, [panel])
    if levels:
        key_of_values(figure, [panel.axes], levels, colors, "compute, 6 N D (FLOP)", science)
    key = [(label, {"color": GREY, "marker": marker})
           for marker, label in zip(MARKERS, spec.series.values(), strict=False)]  # fmt: skip
    legend_below(figure, key + ([(name, {"color": GREY, "linestyle": "-"})] if name else []))
    best = runs.loc[runs.groupby("level")["loss"].idxmin()] if len(runs) else runs
    for sweep, label in spec.series.items():
        won = [science(row.level) for row in best.itertuples() if row.sweep == sweep]
        if won:
            notes.append(f"{label}: the lowest loss at {', '.join(won)} FLOP.")
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _law(spec, tables):
    """A function of N and D, and what it is: the fitted law, else the planted one, else None."""
    found = fitted(tables, spec.fit) if spec.fit else None
    if found is not None and found.identified:
        return lambda n, d: found.curve(n_params=n, n_tokens=d), "fitted law"
    if spec.fit is None and tables.truth is not None:
        planted, params = law(tables.truth[0]), tables.truth[1]
        return lambda n, d: planted(params, n_params=n, n_tokens=d), "planted law"
    return None, ""


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
    "same_compute": Figure(SameCompute, same_compute),
    "allocation": Figure(Allocation, allocation),
    "iso_loss": Figure(IsoLoss, iso_loss),
}
