"""What each size needs to reach a loss: Kaplan et al. (2020, arXiv:2001.08361), Figs. 12 and 19."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, ordered_colors
from isoloss.config.section import Levels, Name, PositiveFloat
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Figure, Inputs, OfLosses, Tables
from isoloss.exhibits.kaplan.batch_law import REACH, Law, critical_batch_of, law_of
from isoloss.exhibits.kaplan.looks import OURS, PAPER, SIZE_LABEL
from isoloss.exhibits.kaplan.optima import valley
from isoloss.exhibits.kaplan.size_curves import OfCurves, SizeCurve, Width, adjusted, curves_of
from isoloss.exhibits.notes import told
from isoloss.laws.published import VALUES
from isoloss.results import IDENTIFIED, Group, Q, Row, X, identified, points

FEWEST = 3  # sizes that must reach a loss
N_POINTS = 120
CHEAP = 1.2  # the compute of a size over that of the best, which the paper calls small (App. B.4)
MOST = 6.0  # times the least: what costs more is not drawn
UNITS = {Q.STEPS: "steps", Q.TOKENS: "tokens", Q.COMPUTE: "PF-days"}


class LossReached(OfCurves):
    """Steps and tokens that each size needs to reach a loss, and what other sizes cost more."""

    do: Literal["loss_reached"]
    name: Name = "reached"
    levels: Levels | list[PositiveFloat] = 6  # how many losses, or which
    width: Width = 4.0  # as for a frontier: to find the size that reaches a loss cheapest


class KaplanExcess(OfLosses):
    """Fig. 12: what a size other than the best costs in compute and in steps."""

    draw: Literal["kaplan_excess"]
    name: Name = "kaplan_12"
    title: str = "Cost of a size other than the best (Kaplan et al. 2020, Figure 12)"
    caption: str = (
        "Compute and steps to the same loss, for sizes around the best. Lines: Equations B.16 "
        "and B.17. Points: measured along the training curves, for losses whose cheapest size "
        "lies inside the grid. Each point is one run, without an interval."
    )
    law: Annotated[Name, Does("size_and_steps")] = "steps_adjusted"  # a size_and_steps
    reached: Annotated[Name, Does("loss_reached")] = "reached"  # a loss_reached


class KaplanReached(OfLosses):
    """Fig. 19: steps and tokens that each size needs to reach a loss."""

    draw: Literal["kaplan_reached"]
    name: Name = "kaplan_19"
    title: str = "Steps and tokens to a loss, by size (Kaplan et al. 2020, Figure 19)"
    caption: str = (
        "Steps and tokens to a loss, against size, a line for each loss. Shown are the fewest, "
        "S_min and E_min, if the critical batch is known, or else those at the runs' batch. "
        "Points are interpolated along one run's curve, without intervals."
    )
    naive: Annotated[Name, Does("loss_reached")] = "reached"  # a loss_reached
    adjusted: Annotated[Name, Does("loss_reached")] = (
        "reached_min"  # a loss_reached with `adjusted`
    )


def analyse(spec: LossReached, inputs: Inputs) -> list[Row]:
    """Steps, tokens and compute until each size first reached a loss, by loss.

    Where the cheapest size for a loss lies inside the grid, also each size, its compute and its
    steps as multiples of the cheapest one's. There are no intervals: each point is one run.

    Raises
    ------
    UserError
        Fewer than four sizes have a learning curve, B_crit(L) is not known, or no size reached one
        of the losses.
    """
    found = curves_of(inputs.runs, inputs.curves, spec.sweeps, spec.name)
    known = None
    if spec.adjusted:
        batch = inputs.first("critical_batch")
        critical, known = critical_batch_of(batch, spec.name)[0], law_of(batch)
        found = [adjusted(curve, critical) for curve in found]
    n_params = np.array([curve.n_params for curve in found])
    rows = []
    for loss in _levels(spec, found, known):
        needed = {quantity: np.array([float(curve.needed(str(quantity), loss)) for curve in found])
                  for quantity in UNITS}  # fmt: skip
        common = {"group": Group.of(loss=loss), "verdict": IDENTIFIED}
        for quantity, unit in UNITS.items():
            for curve, value in zip(found, needed[quantity], strict=True):
                rows += points(quantity, X.N_NON_EMBEDDING, [curve.n_params], [value], unit=unit,
                               n_runs=1, runs=" ".join(curve.runs), **common)  # fmt: skip
        rows += _excess(n_params, needed[Q.COMPUTE], spec.width, found, common)
    if not rows:
        measured = f", and where B_crit(L) was measured ({known.range})" if known else ""
        raise UserError(spec.name, [f"there is no loss that a size reached{measured}"])
    return rows


def _levels(spec: LossReached, found: list[SizeCurve], known: Law | None) -> list[float]:
    """The losses asked for, or round ones that several sizes reach, from high to low.

    With a B_crit(L) only those near which it was measured.
    """
    if not isinstance(spec.levels, int):
        levels = sorted(spec.levels, reverse=True)
        return [loss for loss in levels if known is None or known.knows(loss)]
    highest = np.sort([curve.loss.max() for curve in found])[-FEWEST]
    lowest = np.sort([curve.loss.min() for curve in found])[FEWEST - 1]
    if known:
        highest, lowest = min(highest, known.hi_loss * REACH), max(lowest, known.lo_loss / REACH)
    inside = np.geomspace(highest, lowest, spec.levels + 2)[1:-1]
    return sorted({float(f"{loss:.3g}") for loss in inside}, reverse=True)


def _excess(
    n_params: np.ndarray, compute: np.ndarray, width: float, found: list[SizeCurve],
    common: dict[str, Any],
) -> list[Row]:  # fmt: skip
    """Against the bottom of the valley of compute over size."""
    bottom = valley(np.log(n_params), np.log(compute), width)
    if bottom is None:
        return []
    log_best, log_least = bottom.lowest(np.log(compute))
    ratio = n_params / np.exp(log_best)
    # C / N is what the steps are proportional to, at one batch (and one B_crit: one loss).
    both = {
        Q.EXCESS_COMPUTE: compute / np.exp(log_least),
        Q.EXCESS_STEPS: compute / np.exp(log_least) / ratio,
    }
    runs = " ".join(run_id for curve in found for run_id in curve.runs)
    rows = []
    for quantity, values in both.items():
        rows += points(quantity, X.SIZE_OVER_BEST, ratio, values, unit="ratio",
                       n_runs=int(np.isfinite(values).sum()), runs=runs, **common)  # fmt: skip
    return rows


def excess_steps(ratio, alpha_n: float, alpha_s: float) -> np.ndarray:
    """S(N) / S(N_eff) at equal loss, for N / N_eff (Eq. B.17); times N / N_eff, Eq. B.16.

    NaN for sizes too small to reach the loss at all.
    """
    bracket = 1 + alpha_s / alpha_n * (1 - np.asarray(ratio, float) ** -alpha_n)
    with np.errstate(all="ignore"):
        return np.where(bracket > 0, bracket ** (-1 / alpha_s), np.nan)


def draw_excess(spec: KaplanExcess, tables: Tables) -> Drawing:
    """Eqs. B.16 and B.17 with the paper's exponents and ours, and what sizes did cost."""
    law = tables.analysed(spec.law, spec.called)
    reached = tables.analysed(spec.reached, spec.called)
    sheet = Sheet(2)
    size = "size over the best, N / N_eff"
    panels = [sheet.panel(size, "compute over the least", "Compute"),
              sheet.panel(size, "steps over those of the best", "Steps")]  # fmt: skip
    ratio = np.geomspace(0.25, 16, N_POINTS)
    curves = [("Kaplan et al. 2020", VALUES["kaplan_alpha_n_steps"], VALUES["kaplan_alpha_s"],
               PAPER)]  # fmt: skip
    notes = law.why_not() + reached.why_not()
    ours = [law.number(quantity) for quantity in (Q.ALPHA_N, Q.ALPHA_S)]
    if all(row is not None and identified(row) for row in ours):
        curves.append(("ours, Eq. 1.6", *(float(row["value"]) for row in ours), OURS))
    elif all(row is not None for row in ours):
        notes.append("The equations are not drawn with our exponents: the runs do not determine "
                     "those of L(N, S).")  # fmt: skip
    for quantity in (Q.ALPHA_N, Q.ALPHA_S):
        notes += told(law, quantity, f"{quantity} of L(N, S)")
    panels[0].band([0.6, 2.2], [CHEAP] * 2, [1.0, 1.0], [CHEAP] * 2, "the paper's 0.6 to 2.2",
                   "at most 20 % more", color=GREY, alpha=0.25)  # fmt: skip
    for label, alpha_n, alpha_s, look in curves:
        steps = excess_steps(ratio, alpha_n, alpha_s)
        seen = np.isfinite(steps)
        compute = ratio * steps
        for panel, y, what in zip(panels, (compute, steps), ("B.16", "B.17"), strict=True):
            low = seen & (y < MOST)
            panel.line(ratio[low], y[low], label, f"Eq. {what}", **look)
        within = ratio[seen & (compute <= CHEAP)]
        notes.append(f"{label}: sizes from {within.min():.2g} to {within.max():.2g} times the best "
                     "cost at most 20 % more compute.")  # fmt: skip
    measured = {"color": "black", "marker": "o", "markersize": 3.5, "alpha": 0.7}
    for panel, quantity in zip(panels, (Q.EXCESS_COMPUTE, Q.EXCESS_STEPS), strict=True):
        # Optional: the cheapest size may lie at the edge of the grid for every loss.
        for group, rows in reached.points(quantity, optional=True).groupby("group", sort=True):
            rows = rows[(rows["x"] > 0.2) & (rows["x"] < 20) & (rows["value"] < MOST)]
            panel.points(rows["x"], rows["value"], str(group), "measured", **measured)
    key = [
        *((label, look) for label, *_, look in curves),
        ("measured, one size at one loss", measured),
        ("the paper: 0.6 to 2.2 times the best cost 20 %",
         {"color": GREY, "alpha": 0.3, "linewidth": 7, "linestyle": "-"}),
    ]  # fmt: skip
    return sheet.drawing(key, notes)


def draw_reached(spec: KaplanReached, tables: Tables) -> Drawing:
    """S_min and E_min to a loss; S and E of the runs' batch where B_crit is not known."""
    found = tables.analysed(spec.adjusted, spec.called)
    notes = found.why_not()
    names = ("S_min (steps)", "E_min (tokens)")
    if not found.made:
        found = tables.analysed(spec.naive, spec.called)
        names = ("S at our batch (steps)", "E at our batch (tokens)")
        notes += found.why_not()
    sheet = Sheet(2)
    losses = sorted(found.points(Q.STEPS)["of"].unique())
    colors = ordered_colors(len(losses))
    titles = ("Steps to a loss", "Tokens to a loss")
    for quantity, name, title in zip((Q.STEPS, Q.TOKENS), names, titles, strict=True):
        panel = sheet.panel(SIZE_LABEL, name, title)
        fallen = []
        for loss, color in zip(losses, colors, strict=True):
            here = found.points(quantity, group=Group.of(loss=float(loss)))
            panel.line(here["x"], here["value"], f"loss {loss:g}", "first reached", color=color,
                       marker="o", markersize=4, linewidth=1.0)  # fmt: skip
            if len(here) > 1:
                fallen.append(float(here["value"].iloc[0] / here["value"].iloc[-1]))
        if fallen:
            few, many = min(fallen), max(fallen)
            notes.append(f"{title}: the largest size takes {few:.2g} to {many:.2g} times fewer "
                         "than the smallest that gets there.")  # fmt: skip
    sheet.key_of_values(losses, colors, spec.loss_label, lambda loss: f"{loss:.3g}")
    return sheet.drawing(notes=notes)


ANALYSES = {"loss_reached": Analysis(LossReached, analyse)}
FIGURES = {
    "kaplan_excess": Figure(KaplanExcess, draw_excess),
    "kaplan_reached": Figure(KaplanReached, draw_reached),
}
