"""Two sizes at one budget: Hoffmann et al. (2022, arXiv:2203.15556), App. D.4 and Fig. A4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, look_of, short
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PF_DAY
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
from isoloss.exhibits.training.replicates import UNKNOWN, Scatter, above, increase, scatter_said
from isoloss.laws.published import KAPLAN, kaplan_allocation
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, X, row
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
EQUAL = 1.02  # budgets that differ by less are equal
RULE = {1.0: "C = C_min", 2.0: "C = 2 C_min"}  # C over C_min -> how the rule is read
SOURCE = (
    "Hoffmann et al. (2022), arXiv:2203.15556, Fig. A4: at 1e21 FLOP their size ends below "
    "Kaplan et al.'s"
)


class HeadToHead(Analysing):
    """The size that Kaplan et al.'s rule asks for against ours, trained with equal FLOPs."""

    do: Literal["head_to_head"]
    name: Name = "head_to_head"
    kaplan: list[Name]  # sweeps of the size by Kaplan et al.'s rule
    ours: list[Name]  # sweeps of the size that this project finds best

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.kaplan, *self.ours]


class ChinchillaHeadToHead(OfLosses):
    """Fig. A4: learning curves of two sizes by compute, and their losses at one budget."""

    draw: Literal["chinchilla_head_to_head"]
    name: Name = "chinchilla_a4"
    title: str = "Two sizes at one budget (Hoffmann et al. 2022, Figure A4)"
    caption: str = (
        "Held-out loss against compute of the size by Kaplan et al.'s rule and of ours, trained to "
        "one budget with several seeds. The rule is carried far below the paper's budgets. Rates "
        "have not decayed before the last point, so that earlier points are no final losses."
    )
    rivals: Annotated[Name, Does("head_to_head")] = "head_to_head"  # the analysis drawn


def analyse(spec: HeadToHead, inputs: Inputs) -> list[Row]:
    """The loss of Kaplan et al.'s size over that of ours, the sizes, and the learning curves.

    Raises
    ------
    UserError
        A side has no finished run or several sizes, or the budgets are not equal.
    """
    sides = {name: finished_in(inputs.runs, sweeps, "loss").sort_values("run_id", kind="stable")
             for name, sweeps in (("kaplan", spec.kaplan), ("ours", spec.ours))}  # fmt: skip
    problems = [f"{name}: one size with finished runs is needed, found {runs[SIZE].nunique()}"
                for name, runs in sides.items() if runs[SIZE].nunique() != 1]  # fmt: skip
    if problems:
        raise UserError(spec.name, problems)
    budgets = {name: float(runs["compute_flops"].mean()) for name, runs in sides.items()}
    low, high = sorted(budgets.values())
    if high > EQUAL * low:
        said = ", ".join(f"{name} {value:.3g} FLOP" for name, value in budgets.items())
        raise UserError(spec.name, [f"the budgets are not equal: {said}"])
    log_loss = {name: np.log(runs["loss"].to_numpy(float)) for name, runs in sides.items()}
    scatter = Scatter.of(log_loss.values(), inputs.first("seed_noise"))
    every = [run_id for runs in sides.values() for run_id in runs["run_id"]]
    rows = [increase(
        Q.LOSS_INCREASE, log_loss["kaplan"], log_loss["ours"], scatter, n_runs=len(every),
        runs=" ".join(every), warnings=UNKNOWN if scatter is None else "", theory_source=SOURCE,
        x_quantity=X.COMPUTE_FLOPS, x=high,
    )]  # fmt: skip
    if scatter is not None:
        rows.append(scatter.row(every))
    for name, runs in sides.items():
        rows += _side(name, runs, inputs.curves)
    for over, label in RULE.items():
        size = float(kaplan_allocation(high, over)[0])
        rows.append(Row(quantity=Q.SIZE_BY_RULE, kind=Kind.PARAMETER, value=size, warnings=label,
                        unit="parameters", verdict=IDENTIFIED, theory_source=KAPLAN,
                        x_quantity=X.COMPUTE_FLOPS, x=high / over,
                        group=Group.of(compute=high / over / FLOPS_PER_PF_DAY)))  # fmt: skip
    return rows


def _side(name: str, runs: pd.DataFrame, curves: pd.DataFrame) -> list[Row]:
    """The size of a side, its final losses, and its learning curves."""
    group = Group.of(sweep=name)
    size, ids = float(runs[SIZE].iloc[0]), " ".join(runs["run_id"])
    rows = [row(Q.N_OPT, size, group=group, unit="parameters", n_runs=len(runs), runs=ids)]
    rows += [
        row(Q.LOSS, float(run.loss), kind=Kind.POINT, group=group, unit="nats per token",
            x_quantity=X.COMPUTE_FLOPS, x=float(run.compute_flops), n_runs=1, runs=run.run_id)
        for run in runs.itertuples()
    ]  # fmt: skip
    here = curves[curves["run_id"].isin(runs["run_id"]) & curves["loss"].notna()]
    means = here.groupby("step", sort=True)[["compute_flops", "loss"]].mean()
    return rows + [
        row(Q.LOSS, float(one.loss), kind=Kind.LINE, group=group, unit="nats per token",
            x_quantity=X.COMPUTE_FLOPS, x=float(one.compute_flops), n_runs=len(runs), runs=ids)
        for one in means.itertuples()
    ]  # fmt: skip


def draw(spec: ChinchillaHeadToHead, tables: Tables) -> Drawing:
    """Loss against compute, a line for each side, with the final losses of all seeds."""
    found = tables.analysed(spec.rivals, spec.called)
    sheet = Sheet()
    panel = sheet.panel("compute C (FLOP, exact count)", spec.loss_label)
    key = []
    for i, (side, words) in enumerate((("kaplan", "Kaplan et al.'s rule"), ("ours", "ours"))):
        group, look = Group.of(sweep=side), look_of(i)
        size = found.number(Q.N_OPT, group=group)
        if size is None:
            continue
        name = f"N = {short(size['value'])}, {words}"
        line, ends = found.line(Q.LOSS, group=group), found.points(Q.LOSS, group=group)
        panel.line(line["x"], line["value"], name, "mean of the seeds", color=look["color"])
        panel.points(ends["x"], ends["value"], name, "final loss", **look)
        key.append((name, look | {"linestyle": "-"}))
    budget = found.number(Q.LOSS_INCREASE) if found.made else None
    if budget is not None:
        panel.axes.axvline(budget["x"], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
        sheet.record.add(panel=panel.name, series=["the budget"], what="level", x=[budget["x"]],
                         y=[np.nan], x_quantity=panel.x, y_quantity=panel.y)  # fmt: skip
    return sheet.drawing(key, _said(found) if found.made else found.why_not())


def _said(found: Analysed) -> list[str]:
    """Which size ends lower, by how much, and what the rule asks for."""
    one = found.number(Q.LOSS_INCREASE)
    notes = [f"The size by Kaplan et al.'s rule ends {above(one)} ours. {_verdict(one)}"]
    for _, rule in found.parameters(Q.SIZE_BY_RULE).iterrows():
        size = short(float(f"{rule['value']:.2g}"))
        notes.append(f"Kaplan et al.'s rule asks for {size} parameters, if {rule['warnings']}.")
    return notes + scatter_said(found)


def _verdict(one: pd.Series) -> str:
    if not np.isfinite(one["lo"]):
        return "Without several seeds it cannot be told which is better."
    if one["lo"] > 0:
        return "Ours is better, as Hoffmann et al.'s was."
    if one["hi"] < 0:
        return "Kaplan et al.'s is better, unlike in Hoffmann et al."
    return "It cannot be told which is better."


ANALYSES = {"head_to_head": Analysis(HeadToHead, analyse)}
FIGURES = {"chinchilla_head_to_head": Figure(ChinchillaHeadToHead, draw)}
