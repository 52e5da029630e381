"""What each approach is made from (Hoffmann et al. 2022, Figs. 2, 3 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, ordered_colors, science, short
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Figure, OfLosses, Tables, need
from isoloss.exhibits.chinchilla import looks
from isoloss.exhibits.chinchilla.design import COUNTS, Count
from isoloss.exhibits.chinchilla.looks import DASHED, compute_label, size_label
from isoloss.laws import CHINCHILLA
from isoloss.results import Analysed, Group, Label, Q, Quantity, Verdict, undetermined
from isoloss.runs.curves import at_peak_rate
from isoloss.runs.select import chosen, finished
from isoloss.stats.interpolation import log_log
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

FIRST, SECOND, THIRD = (Group.of(approach=number) for number in (1, 2, 3))
WINNER = Group.of(Label.WINNER, approach=1)
N_CONTOURS = 9


class ChinchillaEnvelope(looks.OfApproaches, OfLosses):
    """Fig. 2: learning curves by compute, the size with the least loss, and its tokens."""

    draw: Literal["chinchilla_envelope"]
    name: Name = "chinchilla_02"
    title: str = "The envelope of learning curves (Hoffmann et al. 2022, Figure 2)"
    caption: str = (
        "First: loss of each size at a constant rate, and the least of any. Then the "
        "size that has it, and its tokens. The line goes through changes of that size. Rates have "
        "not decayed, so that these are no final losses."
    )
    sweeps: list[Name]  # whose longest run of each size is drawn


class ChinchillaIsoFlop(looks.OfApproaches, OfLosses):
    """Fig. 3: valleys at equal compute, and N* and D* at their minima."""

    draw: Literal["chinchilla_isoflop"]
    name: Name = "chinchilla_03"
    title: str = "IsoFLOP valleys (Hoffmann et al. 2022, Figure 3)"
    caption: str = (
        "First: loss against size at equal compute, interpolated between runs of one size, and "
        "valleys of one common shape, the law's. Then sizes and tokens of the minima, with 90 % "
        "bars. A few sizes do not show how steep a valley is."
    )


class ChinchillaContours(looks.OfApproaches, OfLosses):
    """Fig. 4: equal loss of the fitted law over compute and size, and slices at equal compute."""

    draw: Literal["chinchilla_contours"]
    name: Name = "chinchilla_04"
    title: str = "Contours and slices of the fitted law (Hoffmann et al. 2022, Figure 4)"
    caption: str = (
        "Left: equal loss by L = E + A / N^alpha + B / D^beta, the runs, and the size that "
        "reaches each loss with the least compute. Right: the law at the budgets of the isoFLOP "
        "valleys."
    )
    sweeps: list[Name]  # whose runs are drawn


def draw_envelope(spec: ChinchillaEnvelope, tables: Tables) -> Drawing:
    """Learning curves by compute; the size with the least loss at each; its tokens."""
    found = tables.analysed(spec.approaches, spec.called)
    name = looks.count_of(found)
    sheet = Sheet(3)
    panels = looks.three_panels(
        sheet, name, compute_label(name), spec.loss_label, "Learning curves"
    )
    sizes, colors, notes = [], [], []
    if name is not None:
        sizes, colors, notes = _learning_curves(panels[0], spec, tables, COUNTS[name])
    least = found.points(Q.LOSS, group=WINNER).sort_values("x", kind="stable")
    # A longer curve of a larger size can lie above a shorter one that ended: no envelope rises.
    least = least[least["value"] <= least["value"].cummin()]
    panels[0].line(least["x"], least["value"], "least loss", "envelope", color="black",
                   linewidth=1.0, linestyle=DASHED)  # fmt: skip
    look = looks.APPROACHES[1][1]
    for panel, quantity in zip(panels[1:], (Q.N_OPT, Q.D_OPT), strict=True):
        at = found.points(quantity, group=WINNER)
        edge = undetermined(at)
        for keep, shade, what in ((~edge, "#333333", "winner"),
                                  (edge, "#bbbbbb", "winner at the edge")):  # fmt: skip
            panel.points(at["x"][keep], at["value"][keep], "size with the least loss", what,
                         color=shade, marker=".", markersize=4)  # fmt: skip
        looks.draw_frontier(panel, found, 1, quantity)
        at = found.points(quantity, group=FIRST)
        panel.points(at["x"], at["value"], "change of the winner", "place on the frontier",
                     markeredgecolor="white", markersize=8, zorder=4, **look)  # fmt: skip
        if len(at):
            panel.say(f"the line goes through {len(at)} points", "lower right")
    sheet.key_of_values(sizes, colors, size_label(name))
    key = [
        ("envelope", {"color": "black", "linestyle": DASHED}),
        ("least loss (light: a neighbour is missing)", {"color": "#333333", "marker": "."}),
        ("one size takes over", look),
        ("line through these", {"color": look["color"], "linestyle": "-"}),
    ]  # fmt: skip
    notes += looks.exponents_of(found, 1)
    notes += found.why_not(group=FIRST if found.made else None)
    return sheet.drawing(key, notes)


def _learning_curves(
    panel, spec, tables: Tables, count: Count
) -> tuple[list[float], list[str], list[str]]:
    """Draw the longest curve of each size; the sizes, their colours, and notes."""
    runs, notes = _longest(spec, tables, count)
    sizes = sorted(runs[count.size].unique())
    colors = tables.colors_of(sizes, str(count.size))
    color_of = dict(zip(sizes, colors, strict=True))
    for run in runs.to_dict("records"):
        curve = tables.curves[tables.curves["run_id"] == run["run_id"]]
        curve = at_peak_rate(curve, run["peak_lr"])
        compute = curve["n_tokens"] * run[count.compute] / run["n_tokens"]
        size = run[count.size]
        panel.line(compute, curve["loss"], f"N = {short(size)}", "learning curve",
                   color=color_of[size], linewidth=1.3)  # fmt: skip
    return sizes, colors, notes


def _longest(spec, tables: Tables, count: Count) -> tuple[pd.DataFrame, list[str]]:
    """The longest run of each size, and a note about runs without a loss."""
    columns = ["sweep", "run_id", "n_tokens", "peak_lr", str(count.size), count.compute]
    need(tables.runs, columns, spec.called, "runs")
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    runs = runs.sort_values([count.size, "n_tokens", "run_id"], kind="stable")
    return runs.drop_duplicates(count.size, keep="last"), notes


def draw_isoflop(spec: ChinchillaIsoFlop, tables: Tables) -> Drawing:
    """A valley for each budget, and N* and D* at their minima."""
    found = tables.analysed(spec.approaches, spec.called)
    count = looks.count_of(found)
    sheet = Sheet(3)
    panels = looks.three_panels(sheet, count, size_label(count), spec.loss_label,
                                "Loss at equal compute")  # fmt: skip
    valleys = looks.valleys_of(found)
    levels = list(valleys.values())
    colors = ordered_colors(len(levels))
    none = []
    for (group, level), color in zip(valleys.items(), colors, strict=True):
        at, label = found.points(Q.LOSS_AT_N, group=group), f"{science(level)} FLOP"
        best, least = found.points(Q.N_OPT, group=group), found.points(Q.LOSS, group=group)
        fill = {"mfc": "white"} if best.empty else {}
        panels[0].points(at["x"], at["value"], label, "loss between runs", color=color, **fill)
        if best.empty:
            none.append(f"{label} ({found.all(Q.N_OPT, group=group)['verdict'].iloc[0]})")
            continue
        curve = found.line(Q.LOSS_AT_N, group=group)
        panels[0].line(curve["x"], curve["value"], label, "valley", color=color, linewidth=1.2)
        panels[0].points(best["value"], least["value"], label, "minimum", color=color, marker="*",
                         markersize=11, markeredgecolor="white", zorder=4)  # fmt: skip
        panels[1].intervals_of(best, label, "minimum", color=color)
    data = found.points(Q.D_OPT, group=SECOND)
    for x, y in zip(data["x"], data["value"], strict=True):
        color = colors[int(np.argmin(np.abs(np.log(np.array(levels) / x))))]
        panels[2].points([x], [y], f"{science(x)} FLOP", "minimum", color=color)
    for panel, quantity in zip(panels[1:], (Q.N_OPT, Q.D_OPT), strict=True):
        looks.draw_frontier(panel, found, 2, quantity)
    sheet.key_of_values(levels, colors, compute_label(count), looks.budget)
    notes = looks.exponents_of(found, 2)
    if none:
        notes.append(f"No minimum between sizes, none is drawn: {', '.join(none)}.")
    notes += found.why_not(group=SECOND if found.made else None)
    look = {"color": GREY, "marker": "o"}
    key = [("loss between runs", look), ("of a budget without a minimum", look | {"mfc": "white"})]
    key += [("minimum of a valley", {"color": GREY, "marker": "*", "markersize": 9}),
            ("line through the minima, 90 % band",
             {"color": looks.APPROACHES[2][1]["color"], "linestyle": "-"})]  # fmt: skip
    return sheet.drawing(key if levels else [], notes)


def draw_contours(spec: ChinchillaContours, tables: Tables) -> Drawing:
    """Equal loss of the fitted law over compute and size, with the frontier; and slices of it."""
    found = tables.analysed(spec.approaches, spec.called)
    count = looks.count_of(found)
    sheet = Sheet(2)
    plain = None if count is None else COUNTS[count].plain  # C = 6 N D, whatever is counted
    plane = sheet.panel(compute_label(plain), size_label(count),
                        "Equal loss, and the least compute")  # fmt: skip
    slices = sheet.panel(size_label(count), spec.loss_label, "Slices at equal compute")
    law = {name: found.parameter(Quantity.read(name), group=THIRD) for name in CHINCHILLA.names}
    if count is None or any(one is None for one in law.values()):
        return sheet.drawing(notes=found.why_not(group=THIRD if found.made else None))
    params = {name: float(one["value"]) for name, one in law.items()}
    where = COUNTS[count]
    need(tables.runs, ["sweep", "loss", str(where.size), where.compute, "n_tokens"],
         spec.called, "runs")  # fmt: skip
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    if runs.empty:
        return sheet.drawing(notes=[*notes, "No run of these sweeps has a loss."])
    n, d = (runs[name].to_numpy(float) for name in (where.size, "n_tokens"))
    losses, colors = _contours(plane, params, n, d, runs["loss"].to_numpy(float))
    sheet.key_of_values(losses, colors, spec.loss_label, panels=[plane])
    key = [("run", {"color": GREY, "marker": "o"}),
           ("least compute for the loss", {"color": "black", "linestyle": DASHED})]  # fmt: skip
    levels, colors = _slices(slices, found, params, runs, count)
    sheet.key_of_values(levels, colors, compute_label(count), looks.budget, panels=[slices])
    if levels:
        key.append(("loss between runs", {"color": "#333333", "marker": "o"}))
        key.append(("the law", {"color": "#333333", "linestyle": "-"}))
    constants = ", ".join(f"{name} {value:.3g}" for name, value in params.items())
    miss = CHINCHILLA(params, n_params=n, n_tokens=d) / runs["loss"].to_numpy(float)
    notes.append(f"{CHINCHILLA.formula} with {constants}.")
    notes.append(f"The law misses the runs by {root_mean_square(np.log(miss)):.1%} (root mean "
                 "square).")  # fmt: skip
    unknown = [name for name, one in law.items() if not Verdict.read(one["verdict"]).determined]
    if unknown:
        notes.append(f"The runs do not determine {', '.join(unknown)}. The fits have their ranges.")
    return sheet.drawing(key, notes)


def _contours(panel, params, n, d, measured):
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
    drawn = []
    for loss, color in zip(losses, colors, strict=True):
        at = FLOPS_PER_PARAM_TOKEN * sizes * CHINCHILLA.tokens_for(params, loss, sizes)
        seen = (at >= xlim[0]) & (at <= xlim[1])
        if seen.any():
            drawn.append((loss, color))
            panel.line(at[seen], sizes[seen], f"loss {loss:g}", "equal loss", color=color,
                       linewidth=1.2)  # fmt: skip
    panel.points(compute, n, "run", "run", color=GREY, markersize=3, alpha=0.8)
    best = pd.DataFrame(CHINCHILLA.optimum(params, np.geomspace(*xlim, 80)))
    budget = np.geomspace(*xlim, 80)
    seen = best["n_params"].between(*ylim).to_numpy()
    panel.line(budget[seen], best["n_params"][seen], "least compute", "optimum", color="black",
               linestyle=DASHED, linewidth=1.3)  # fmt: skip
    return [loss for loss, _ in drawn], [color for _, color in drawn]


def _slices(panel, found: Analysed, params, runs: pd.DataFrame, count: str):
    """The law at the budgets of the valleys, and the losses between runs there."""
    valleys = looks.valleys_of(found)
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
    each = runs.drop_duplicates(COUNTS[count].size).sort_values(COUNTS[count].size, kind="stable")
    n, tokens, compute = (
        each[name].to_numpy(float)
        for name in (COUNTS[count].size, "n_tokens", COUNTS[count].compute)
    )
    # Beyond the runs the FLOPs of a parameter are those of the nearest size.
    return sizes * log_log(sizes, n, compute / tokens / n)


FIGURES = {
    "chinchilla_envelope": Figure(ChinchillaEnvelope, draw_envelope),
    "chinchilla_isoflop": Figure(ChinchillaIsoFlop, draw_isoflop),
    "chinchilla_contours": Figure(ChinchillaContours, draw_contours),
}
