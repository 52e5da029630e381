"""What each size needs to reach a loss: Kaplan et al. (2020, arXiv:2001.08361), Figs. 12 and 19."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from isoloss.charts import GREY, Sheet
from isoloss.config.section import Levels, Name, PositiveFloat
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Figure, Inputs, OfLosses, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_law import REACH, Law, critical_batch_of, law_of
from isoloss.exhibits.kaplan.looks import OURS, PAPER, SIZE_LABEL
from isoloss.exhibits.kaplan.optima import valley
from isoloss.exhibits.kaplan.size_curves import OfCurves, SizeCurve, Width, adjusted, curves_of
from isoloss.exhibits.notes import told
from isoloss.laws.published import VALUES
from isoloss.results import IDENTIFIED, G, Group, Q, Row, X, identified, points
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

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
        "Compute and steps to the same loss, over those of the cheapest size. Lines: Equations "
        "B.16 and B.17. Points: measured along the training curves, for losses whose cheapest "
        "size lies inside the grid. Each point is one run, without an interval."
    )
    law: Annotated[Name, Does("size_and_steps")] = "steps_adjusted"  # a size_and_steps
    reached: Annotated[Name, Does("loss_reached")] = "reached"  # a loss_reached


class KaplanReached(OfLosses):
    """Fig. 19: steps and tokens that each size needs to reach a loss."""

    draw: Literal["kaplan_reached"]
    name: Name = "kaplan_19"
    title: str = "Steps and tokens to a loss, by size (Kaplan et al. 2020, Figure 19)"
    caption: str = (
        "Tokens to a loss, against size, a line for each loss. Shown are the fewest, E_min, if "
        "the critical batch is known, or else those at the runs' batch. At one loss the steps "
        "S_min are E_min over the critical batch."
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
    size = "size over the cheapest"
    panels = [sheet.panel(size, "compute over the least", "Compute"),
              sheet.panel(size, "steps over those of the cheapest", "Steps")]  # fmt: skip
    ratio = np.geomspace(0.25, 16, N_POINTS)
    curves = [("Kaplan et al. 2020", VALUES["kaplan_alpha_n_steps"], VALUES["kaplan_alpha_s"],
               PAPER)]  # fmt: skip
    notes = law.why_not() + reached.why_not()
    ours = [law.number(quantity) for quantity in (Q.ALPHA_N, Q.ALPHA_S)]
    if all(row is not None and identified(row) for row in ours):
        curves.append(("ours, Eq. 1.6", *(float(row["value"]) for row in ours), OURS))
    elif all(row is not None for row in ours):
        notes.append("The equations are not drawn with our exponents. The runs do not determine "
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
    measured = {"color": "black", "marker": "o", "markersize": 4, "alpha": 0.8}
    rows = [
        over_cheapest(of_loss)
        # Optional: the cheapest size may lie at the edge of the grid for every loss.
        for _, of_loss in reached.points(Q.EXCESS_COMPUTE, optional=True).groupby("group")
    ]
    for panel, column in zip(panels, ("compute", "steps"), strict=True):
        for found in rows:
            near = found[(found["size"] > 0.2) & (found["size"] < 20) & (found[column] < MOST)]
            panel.points(near["size"], near[column], near["group"].iloc[0], "measured", **measured)
    key = [
        *((label, look) for label, *_, look in curves),
        ("the paper: 0.6 to 2.2 times the best cost 20 %",
         {"color": GREY, "alpha": 0.3, "linewidth": 7, "linestyle": "-"}),
    ]  # fmt: skip
    named = []
    if rows:
        key.insert(1, ("measured, one size at one loss", measured))
        losses = ", ".join(f"{Group.read(found['group'].iloc[0])[G.LOSS]:g}" for found in rows)
        notes.append(f"Measured at a loss of {losses}.")
        named = [("measured", looks.INK), (f"at a loss of {losses}", looks.INK)]
        about = [excess_steps(found["size"], curves[-1][1], curves[-1][2]) for found in rows]
        apart = np.concatenate([np.log(f["steps"] / y) for f, y in zip(rows, about, strict=True)])
        apart = apart[np.isfinite(apart)]
        notes.append(f"The measured points miss the equations of {curves[-1][0]} by "
                     f"{root_mean_square(apart):.0%} (root mean square).")  # fmt: skip
    sheet.finish()
    looks.in_corner(panels[1], named)
    return sheet.drawing(key, notes)


def over_cheapest(excess: pd.DataFrame) -> pd.DataFrame:
    """Size, compute and steps at one loss, over those of the size that was measured cheapest.

    Parameters
    ----------
    excess : DataFrame
        Rows of the excess compute at one loss: x is a size and value its compute, both over some
        common size and compute.

    Returns
    -------
    DataFrame
        Columns size, compute, steps and group. The least compute is 1, at size 1.
    """
    import pandas as pd

    least = excess.loc[excess["value"].astype(float).idxmin()]
    size, compute = excess["x"] / least["x"], excess["value"] / least["value"]
    return pd.DataFrame({"size": size, "compute": compute, "steps": compute / size,
                         "group": excess["group"]})  # fmt: skip


def draw_reached(spec: KaplanReached, tables: Tables) -> Drawing:
    """E_min to a loss; E at the runs' batch where B_crit is not known.

    At one loss S_min is E_min over B_crit: the same line, moved.
    """
    found = tables.analysed(spec.adjusted, spec.called)
    notes, name = found.why_not(), "fewest tokens E_min"
    if not found.made:
        found, name = tables.analysed(spec.naive, spec.called), "tokens E at the runs' batch"
        notes += found.why_not()
    sheet = Sheet(height=3.9)
    panel = sheet.panel(SIZE_LABEL, name)
    losses = sorted(found.points(Q.TOKENS)["of"].unique())
    ends, fallen = [], []
    for loss, color in looks.level_colors(losses).items():
        here = found.points(Q.TOKENS, group=Group.of(loss=float(loss)))
        panel.line(here["x"], here["value"], f"loss {loss:g}", "first reached", color=color,
                   marker="o", markersize=4, linewidth=1.2)  # fmt: skip
        last = here.iloc[-1]
        ends.append((f"{loss:.3g}", last["x"], last["value"], color))
        if len(here) > 1:
            fallen.append(float(here["value"].iloc[0] / last["value"]))
    words = []
    if fallen:
        fewer = f"{min(fallen):.2g} to {max(fallen):.2g} times fewer tokens"
        words = [("from the smallest to the largest:", looks.INK), (fewer, looks.INK)]
        notes.append(f"To one loss, the largest size takes {fewer} than the smallest that gets "
                     "there.")  # fmt: skip
    looks.room(panel, len(words), above=True)
    sheet.finish()
    looks.name_ends(panel, ends)
    looks.in_corner(panel, words)
    key = [(f"at the right: {spec.loss_label}", {"marker": "o", "color": GREY, "linestyle": "-"})]
    return sheet.drawing(key if ends else (), notes)


ANALYSES = {"loss_reached": Analysis(LossReached, analyse)}
FIGURES = {
    "kaplan_excess": Figure(KaplanExcess, draw_excess),
    "kaplan_reached": Figure(KaplanReached, draw_reached),
}
