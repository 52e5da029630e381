"""The fitted law's contours and slices (Hoffmann et al. 2022, Fig. 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import GREY, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.charts.text import science
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, Tables, need, where_of
from isoloss.exhibits.chinchilla.design import COUNTS
from isoloss.exhibits.chinchilla.looks import (
    DASHED,
    LOSS_LABEL,
    OfApproaches,
    compute_label,
    count_of,
    size_label,
    valleys_of,
)
from isoloss.laws import CHINCHILLA
from isoloss.results.analysed import Analysed
from isoloss.results.group import Group
from isoloss.results.quantity import Q, Quantity
from isoloss.results.verdict import Verdict
from isoloss.runs.select import chosen, finished
from isoloss.stats.interpolation import log_log
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

THIRD = Group.of(approach=3)
N_CONTOURS = 9


class ChinchillaContours(OfApproaches):
    """Fig. 4: equal loss of the fitted law over compute and size, and slices at equal compute."""

    draw: Literal["chinchilla_contours"]
    name: Name = "chinchilla_04"
    title: str = "The fitted law's contours and slices (Hoffmann et al. 2022, Fig. 4)"
    caption: str = (
        "Left: equal loss of L = E + A / N^alpha + B / D^beta, the runs, and the size with the "
        "least compute for each loss. Right: the law at budgets of the isoFLOP valleys. Over a "
        "small range of loss the exponents lean on E."
    )
    loss_label: str = LOSS_LABEL
    sweeps: list[Name]  # whose runs are drawn

    @property
    def sweeps_named(self) -> list[str]:
        return self.sweeps


def draw(spec: ChinchillaContours, tables: Tables) -> Drawing:
    """Equal loss of the fitted law over compute and size, with the frontier; and slices of it."""
    found = tables.analysed(spec.approaches, where_of(spec))
    count = count_of(found)
    figure, axes = new_figure(2, 1, width=9.2, height=4.4)
    record = Record()
    plain = None if count is None else COUNTS[count].plain  # C = 6 N D, whatever is counted
    plane = Panel(axes[0, 0], record, compute_label(plain), size_label(count),
                  "Equal loss, and the least compute")  # fmt: skip
    slices = Panel(axes[0, 1], record, size_label(count), spec.loss_label,
                   "Slices at equal compute")  # fmt: skip
    law = {name: found.parameter(Quantity.read(name), group=THIRD) for name in CHINCHILLA.names}
    if count is None or any(one is None for one in law.values()):
        plane.axes.set(xlim=(1, 10), ylim=(1, 10))
        slices.axes.set(xlim=(1, 10), ylim=(1, 10))
        finish(figure, [plane, slices])
        notes = found.why_not(group=THIRD if found.made else None)
        return Drawing(figure=figure, table=record.table(), notes=notes)
    params = {name: float(one["value"]) for name, one in law.items()}
    where = COUNTS[count]
    need(tables.runs, ["sweep", "loss", str(where.size), where.compute, "n_tokens"],
         where_of(spec), "runs")  # fmt: skip
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    n, d = (runs[name].to_numpy(float) for name in (where.size, "n_tokens"))
    _contours(figure, plane, params, n, d, runs["loss"].to_numpy(float), spec.loss_label)
    key = [("run", {"color": GREY, "marker": "o"}),
           ("least compute for the loss", {"color": "black", "linestyle": DASHED})]  # fmt: skip
    levels, colors = _slices(slices, found, params, runs, count)
    finish(figure, [plane, slices])
    if levels:
        key_of_values(figure, [slices.axes], levels, colors, compute_label(count), science)
        key.append(("loss between runs", {"color": "#333333", "marker": "o"}))
        key.append(("the law", {"color": "#333333", "linestyle": "-"}))
    legend_below(figure, key, 110)
    constants = ", ".join(f"{name} {value:.3g}" for name, value in params.items())
    miss = CHINCHILLA(params, n_params=n, n_tokens=d) / runs["loss"].to_numpy(float)
    notes.append(f"{CHINCHILLA.formula} with {constants}; it misses the runs by "
                 f"{root_mean_square(np.log(miss)):.1%} (root mean square).")  # fmt: skip
    notes += [f"{name}: {one['verdict']}." for name, one in law.items()
              if not Verdict.read(one["verdict"]).identified]  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _contours(figure, panel, params, n, d, measured, loss_label):
    """Lines of equal loss over C = 6 N D and N, the runs, and the optimum of each budget."""
    import pandas as pd

    compute = FLOPS_PER_PARAM_TOKEN * n * d
    xlim = compute.min() / 2, compute.max() * 4
    ylim = n.min() / 2, n.max() * 2
    panel.axes.set(xlim=xlim, ylim=ylim)
    lowest = CHINCHILLA(params, n_params=n.max(), n_tokens=4 * d.max())
    losses = np.geomspace(float(lowest), measured.max(), N_CONTOURS)
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
            panel.line(at[seen], sizes[seen], f"loss {loss:g}", "equal loss", color=color,
                       linewidth=1.2)  # fmt: skip
    panel.points(compute, n, "run", "run", color=GREY, markersize=3, alpha=0.8)
    best = pd.DataFrame(CHINCHILLA.optimum(params, np.geomspace(*xlim, 80)))
    budget = np.geomspace(*xlim, 80)
    seen = best["n_params"].between(*ylim).to_numpy()
    panel.line(budget[seen], best["n_params"][seen], "least compute", "optimum", color="black",
               linestyle=DASHED, linewidth=1.3)  # fmt: skip
    key_of_values(figure, [panel.axes], losses, colors, loss_label)


def _slices(panel, found: Analysed, params, runs: pd.DataFrame, count: str):
    """The law at the budgets of the valleys, and the losses between runs there."""
    valleys = valleys_of(found)
    levels = list(valleys.values())
    colors = ordered_colors(len(levels))
    n = runs[COUNTS[count].size].to_numpy(float)
    sizes = np.geomspace(n.min() / 1.5, n.max() * 1.5, 80)
    for (group, level), color in zip(valleys.items(), colors, strict=True):
        seen, label = found.points(Q.LOSS_AT_N, group=group), f"{science(level)} FLOP"
        panel.points(seen["x"], seen["value"], label, "loss between runs", color=color)
        span = (sizes >= seen["x"].min() / 2.5) & (sizes <= seen["x"].max() * 2.5)
        tokens = level / _flops_per_token(runs, count, sizes[span])
        loss = CHINCHILLA(params, n_params=sizes[span], n_tokens=tokens)
        panel.line(sizes[span], loss, label, "law", color=color, linewidth=1.1)
    return levels, colors


def _flops_per_token(runs: pd.DataFrame, count: str, sizes: np.ndarray) -> np.ndarray:
    """C / D at some N: 6 N, or where C has other terms what the runs of each size took."""
    if COUNTS[count].plain == count:
        return FLOPS_PER_PARAM_TOKEN * sizes
    each = runs.drop_duplicates(COUNTS[count].size).sort_values(COUNTS[count].size)
    n, tokens, compute = (
        each[name].to_numpy(float)
        for name in (COUNTS[count].size, "n_tokens", COUNTS[count].compute)
    )
    # Beyond the runs the FLOPs of a parameter are those of the nearest size.
    return sizes * log_log(sizes, n, compute / tokens / n)


FIGURES = {"chinchilla_contours": Figure(ChinchillaContours, draw)}
