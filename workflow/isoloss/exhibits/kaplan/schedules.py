"""Schedules of the learning rate: Kaplan et al. (2020, arXiv:2001.08361), App. D.6 and Fig. 22."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, MARKERS, Sheet, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import (
    Analysing,
    Analysis,
    Does,
    Drawing,
    Figure,
    Inputs,
    OfLosses,
    Tables,
)
from isoloss.exhibits.training.replicates import (
    UNKNOWN,
    Scatter,
    alike,
    in_percent,
    increase,
    scatter_said,
)
from isoloss.laws.published import KAPLAN
from isoloss.results import Analysed, Group, Kind, Q, Row, X, row
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SAME_SUM = 1.05  # schedules whose sums differ by less are compared
DECAYED = 0.2  # of the peak rate: a run that ends below it has decayed
# Their losses of one size scatter by 0.05 nats about 3.7, so two of them may be 0.1 apart.
PAPER = 100 * 0.1 / 3.7
SOURCE = f"{KAPLAN}, App. D.6: losses of one size are within 0.05 of their middle, 3.7 nats"
HOLLOW = {"markerfacecolor": "white"}
LINES = (*COLORS, GREY, "#8c564b", "#7f3f9f")  # of the schedules; beyond them colours repeat
APART = 2.5  # points of print between schedules of one sum


class Schedules(Analysing):
    """Final losses of several schedules against the sum of their learning rates.

    Each sweep is a schedule. Its runs differ in the peak rate and in the seed.
    """

    do: Literal["schedules"]
    name: Name = "schedules"


class KaplanSchedules(OfLosses):
    """Kaplan et al., Fig. 22: schedules, and the final loss against their summed rate."""

    draw: Literal["kaplan_schedules"]
    name: Name = "kaplan_22"
    title: str = "Schedules at equal summed rates (Kaplan et al. 2020, Figure 22)"
    caption: str = (
        "Left: the learning rate of each schedule, at one summed rate. Right: the mean final loss "
        "against the sum, with 90 % intervals by the scatter over seeds. Hollow: schedules that "
        "lack a warm-up or a final decay."
    )
    schedules: Annotated[Name, Does("schedules")] = "schedules"  # the analysis drawn


def analyse(spec: Schedules, inputs: Inputs) -> list[Row]:
    """The mean loss of each schedule at each sum, and by how much the worst exceeds the best.

    That excess is given twice for each sum: of the schedules with a warm-up and a final decay, of
    which Kaplan et al. speak, and of all others over the best of these.

    Raises
    ------
    UserError
        No sum of rates was reached by two schedules with a warm-up and a final decay.
    """
    runs = finished_in(inputs.runs, spec.sweeps, "loss")
    runs = runs[runs["lr_sum"].notna()].sort_values(["lr_sum", "run_id"], kind="stable")
    if runs.empty:
        raise UserError(spec.name, ["no run of these sweeps says the sum of its learning rates"])
    ends = inputs.curves.sort_values("step", kind="stable").groupby("run_id")["lr"].last()
    runs = runs.assign(
        log_loss=np.log(runs["loss"].astype(float)),
        at=alike(runs["lr_sum"].to_numpy(float), SAME_SUM),
        complete=(runs["warmup_steps"].astype(float) > 0)
        & (runs["run_id"].map(ends) <= DECAYED * runs["peak_lr"]),
    )
    cells = [group["log_loss"].to_numpy() for _, group in runs.groupby(["sweep", "at"])]
    scatter = Scatter.of(cells, inputs.first("seed_noise"))
    rows = [] if scatter is None else [scatter.row(runs["run_id"])]
    found = 0
    for at, level in runs.groupby("at", sort=True):
        rows += _losses(level, float(at), scatter)
        worst = _worst(level, float(at), scatter)
        found += len(worst)
        rows += worst
    if not found:
        what = "two schedules with a warm-up, a final decay and equal summed rates are needed"
        raise UserError(spec.name, [what])
    return rows + _rates(runs, inputs.curves)


def _losses(level: pd.DataFrame, at: float, scatter: Scatter | None) -> list[Row]:
    """The mean loss of each schedule at one sum; what is incomplete has a warning."""
    rows = []
    for sweep, group in level.groupby("sweep", sort=True):
        middle = float(group["log_loss"].mean())
        half = np.nan if scatter is None else scatter.half_width(len(group))
        said = "" if group["complete"].all() else "no warm-up, or no final decay"
        ends = {} if scatter is None else {
            "lo": float(np.exp(middle - half)), "hi": float(np.exp(middle + half)), "level": 0.9,
        }  # fmt: skip
        rows.append(row(Q.LOSS, float(np.exp(middle)), kind=Kind.POINT,
                        group=Group.of(sweep=str(sweep)), unit="nats per token",
                        x_quantity=X.LR_SUM, x=at, n_runs=len(group), warnings=said,
                        runs=" ".join(group["run_id"]), **ends))  # fmt: skip
    return rows


def _worst(level: pd.DataFrame, at: float, scatter: Scatter | None) -> list[Row]:
    """The increase of the worst schedule over the best complete one: complete ones, others."""
    complete, others = level[level["complete"]], level[~level["complete"]]
    means = complete.groupby("sweep")["log_loss"].mean()
    if len(means) < 2:
        return []
    best = complete[complete["sweep"] == means.idxmin()]
    rows = []
    for what, some, theory in ((Q.LARGEST_INCREASE, complete, PAPER),
                               (Q.LOSS_INCREASE, others, None)):  # fmt: skip
        if some.empty:
            continue
        sweep = some.groupby("sweep")["log_loss"].mean().idxmax()
        worst = some[some["sweep"] == sweep]
        said = [f"of {some['sweep'].nunique()} schedules, the worst is {sweep}"]
        said += [UNKNOWN] * (scatter is None)
        rows.append(increase(
            what, worst["log_loss"].to_numpy(), best["log_loss"].to_numpy(), scatter,
            group=Group.of(lr_sum=float(f"{at:.4g}")), x_quantity=X.LR_SUM, x=at,
            n_runs=len(worst) + len(best), runs=" ".join([*worst["run_id"], *best["run_id"]]),
            warnings="; ".join(said), theory=theory, theory_source=theory and SOURCE,
        ))  # fmt: skip
    return rows


def _rates(runs: pd.DataFrame, curves: pd.DataFrame) -> list[Row]:
    """The learning rate along one run of each schedule, at the sum that most schedules have."""
    common = runs.groupby("at")["sweep"].nunique().idxmax()
    rows = []
    for sweep, group in runs[runs["at"] == common].groupby("sweep", sort=True):
        one = group.iloc[0]
        curve = curves[curves["run_id"] == one["run_id"]].sort_values("step", kind="stable")
        rows += [
            row(Q.RATE, float(point.lr), kind=Kind.LINE, group=Group.of(sweep=str(sweep)),
                x_quantity=X.SHARE_OF_RUN, x=float(point.step) / float(one["steps"]), n_runs=1,
                runs=one["run_id"])
            for point in curve.itertuples()
        ]  # fmt: skip
    return rows


def draw(spec: KaplanSchedules, tables: Tables) -> Drawing:
    """Left: the schedules. Right: final loss against the summed rate."""
    found = tables.analysed(spec.schedules, spec.called)
    notes = found.why_not()
    sheet = Sheet(2)
    left = sheet.panel("share of the run", "learning rate", "Schedules", x_scale="linear",
                       y_scale="linear")  # fmt: skip
    right = sheet.panel("sum of the learning rates", spec.loss_label, "Final loss")
    losses, rates = found.points(Q.LOSS), found.line(Q.RATE)
    key, groups = [], found.groups(Q.LOSS)
    for i, group in enumerate(groups):
        label = str(group["sweep"]).replace("_", " ")
        look = {"color": LINES[i % len(LINES)], "marker": MARKERS[i % len(MARKERS)]}
        rate, loss = (rows[rows["group"] == str(group)] for rows in (rates, losses))
        left.line(rate["x"], rate["value"], label, "learning rate", color=look["color"])
        hollow = HOLLOW if loss["warnings"].astype(str).str.len().gt(0).any() else {}
        aside = APART * (i - (len(groups) - 1) / 2)
        right.intervals_of(loss, label, "final loss", aside=aside, **look | hollow)
        key.append((label, look | hollow | {"linestyle": "-"}))
    left.axes.set_ylim(bottom=0)
    if found.made:
        notes += _said(found)
    return sheet.drawing(key, notes)


def _said(found: Analysed) -> list[str]:
    """The excess of the worst schedule at each sum, and what warm-up and decay are worth."""
    notes, others = [], found.parameters(Q.LOSS_INCREASE, optional=True)
    for _, one in found.parameters(Q.LARGEST_INCREASE).iterrows():
        notes.append(f"Sum {_sum(one)}: schedules with warm-up and decay lie up to "
                     f"{in_percent(one)} above the best. {_beside_paper(one)}")  # fmt: skip
        for _, other in others[others["x"] == one["x"]].iterrows():
            notes.append(f"Sum {_sum(one)}: of the others, {_worst_name(other)} lies highest, "
                         f"{in_percent(other)} above that best.")  # fmt: skip
    return notes + (scatter_said(found) or [f"{UNKNOWN[0].upper()}{UNKNOWN[1:]}."])


def _sum(row: pd.Series) -> str:
    return short(float(f"{row['x']:.2g}"))


def _worst_name(row: pd.Series) -> str:
    """The schedule that a row of an excess is about."""
    return str(row["warnings"]).split("; ")[0].rpartition(" ")[2].replace("_", " ")


def _beside_paper(one: pd.Series) -> str:
    if not np.isfinite(one["lo"]):
        return "Without seeds this cannot be compared with the paper."
    paper = f"{one['theory']:.2g} %"
    if one["hi"] <= one["theory"]:
        return f"The paper's own runs are up to {paper} apart: this is no more."
    if one["lo"] > one["theory"]:
        return f"The paper's own runs are up to {paper} apart: this is more."
    return f"Whether that is more than the paper's {paper} cannot be told."


ANALYSES = {"schedules": Analysis(Schedules, analyse)}
FIGURES = {"kaplan_schedules": Figure(KaplanSchedules, draw)}
