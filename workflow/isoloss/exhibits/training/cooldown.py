"""Cooldowns of a shared trunk against independent runs (Haegele et al. 2024, arXiv:2405.18392)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, Panel, Sheet, short, with_interval
from isoloss.config.section import Name, PositiveInt
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
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Quantity, Row, Status, Verdict, X
from isoloss.runs.curves import near_highest_rate
from isoloss.runs.select import chosen, finished_in, is_finished
from isoloss.stats import student
from isoloss.stats.interpolation import log_log
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
SETTING = ("width", "n_layer", "n_tokens")
# Runs that agree in these, and differ in their length, go on from one trunk.
LINE = ("target", "width", "n_layer", "context", "batch_size", "dropout", "peak_lr", "seed")
NO_TRUNK = Verdict(Status.NOT_MEASURED, "no run of these sweeps goes on from a trunk")
COOLED = {"color": COLORS[0], "marker": "o"}
ALONE = {"color": COLORS[1], "marker": "s"}
DIFFERENCE = {"color": "black", "marker": "D"}


class CooldownCheck(Analysing):
    """Runs that cool a shared trunk down against independent ones, and what the trunks saved.

    `sweeps` are those whose FLOPs are counted.
    """

    do: Literal["cooldown_check"]
    name: Name = "cooldown"
    cooled: list[Name]  # sweeps whose runs end in a cooldown
    independent: list[Name]  # sweeps of the same sizes and tokens, whose runs share nothing

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.cooled, *self.independent]


class CooldownChecked(OfLosses):
    """Cooled runs against independent ones, and what a trunk with its cooldowns looks like."""

    draw: Literal["cooldown_checked"]
    name: Name = "cooldown"
    title: str = "Cooldowns of a trunk against independent runs"
    caption: str = (
        "Final losses of runs that cool down a shared trunk and of independent runs, around the "
        "mean of the independent ones. Diamonds are differences of the means, with 90 % "
        "intervals. Last: one size's trunk, and its cooldowns, drawn straight from the last "
        "evaluation before them."
    )
    check: Annotated[Name, Does("cooldown_check")] = "cooldown"  # a cooldown_check
    check_label: str = "Against independent runs"  # of its panel
    also: Annotated[Name | None, Does("cooldown_check")] = None  # another, in a panel of its own
    also_label: str = "Against another schedule"  # of that panel
    sweeps: list[Name]  # whose trunk is drawn
    independent: list[Name]  # whose runs are drawn beside it
    width: PositiveInt | None = None  # of the right panel; null: the largest that was compared

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.independent]


def analyse(spec: CooldownCheck, inputs: Inputs) -> list[Row]:
    """Mean loss of cooled runs minus that of independent ones, at each size and length.

    The interval is Welch's, over the seeds. All sizes together, it is that of ln L. Then the share
    of the FLOPs of independent runs at the same grid that was really trained.

    Raises
    ------
    UserError
        No size and length has two seeds both of cooled and of independent runs.
    """
    runs = inputs.runs
    cooled, alone = finished_in(runs, spec.cooled), finished_in(runs, spec.independent)
    alone = alone[~alone["run_id"].isin(cooled["run_id"])]
    others = dict(tuple(alone.groupby(list(SETTING))))
    rows, pairs, ids = [], [], []
    for setting, group in cooled.groupby(list(SETTING), sort=True):
        other = others.get(setting)
        if other is None or min(len(group), len(other)) < 2:
            continue
        pair = [frame["loss"].to_numpy("float64") for frame in (group, other)]
        run_ids = [*group["run_id"], *other["run_id"]]
        named = Group.of(**dict(zip(SETTING, setting, strict=True)))
        rows.append(_row(Q.COOLED_MINUS, [pair], run_ids, group=named, unit="nats per token",
                         x_quantity=X.N_NON_EMBEDDING, x=float(group[SIZE].iloc[0])))  # fmt: skip
        pairs.append([np.log(losses) for losses in pair])
        ids += run_ids
        rows += _losses(Q.COOLED_LOSS, group, named) + _losses(Q.INDEPENDENT_LOSS, other, named)
    if not rows:
        what = "no size and length has two seeds both of cooled and of independent runs"
        raise UserError(spec.name, [what])
    return [*rows, _row(Q.COOLED_RATIO, pairs, ids), *_saved(finished_in(runs, spec.sweeps))]


def _losses(quantity: Quantity, runs: pd.DataFrame, named: Group) -> list[Row]:
    return [
        Row(quantity=quantity, kind=Kind.POINT, group=named, x_quantity=X.SEED, x=float(seed),
            value=float(loss), unit="nats per token", n_runs=1, verdict=IDENTIFIED, runs=run_id)
        for seed, loss, run_id in zip(runs["seed"], runs["loss"], runs["run_id"], strict=True)
    ]  # fmt: skip


def _row(quantity: Quantity, pairs: list[list[np.ndarray]], run_ids: list[str], **columns) -> Row:
    """The mean over pairs of groups of the difference of their means, with Welch's interval."""
    value = float(np.mean([first.mean() - second.mean() for first, second in pairs]))
    parts = [(np.var(x, ddof=1) / len(x) / len(pairs) ** 2, len(x) - 1) for p in pairs for x in p]
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / degrees for part, degrees in parts)
    se = float(np.sqrt(variance))
    degrees = variance**2 / spread if spread else 1.0
    half = student.quantile(LEVEL, degrees) * se
    return Row(
        quantity=quantity,
        kind=Kind.PARAMETER,
        value=value,
        lo=value - half,
        hi=value + half,
        se=se,
        level=LEVEL,
        method="Welch",
        n_runs=len(run_ids),
        verdict=IDENTIFIED,
        theory=0.0,
        theory_source="Haegele et al. (2024), arXiv:2405.18392",
        runs=" ".join(run_ids),
        **columns,
    )


def _saved(grid: pd.DataFrame) -> list[Row]:
    """FLOPs that were trained, each trunk once, over those of runs that share nothing."""
    shared = grid["trunk_flops"].astype("Float64").fillna(0.0).astype(float)
    if not len(grid) or not shared.any():
        return [Row(quantity=Q.TRAINED_SHARE, kind=Kind.PARAMETER, verdict=NO_TRUNK)]
    keys = [grid[name].astype(str) for name in LINE if name in grid]
    trunks = float(shared.groupby(keys).max().sum())
    independent = float(grid["compute_flops"].astype(float).sum())
    trained = independent - float(shared.sum()) + trunks
    common = {"kind": Kind.PARAMETER, "n_runs": len(grid), "verdict": IDENTIFIED,
              "method": "counted", "runs": " ".join(grid["run_id"])}  # fmt: skip
    return [
        Row(quantity=Q.TRAINED_FLOPS, value=trained, unit="FLOP", **common),
        Row(quantity=Q.INDEPENDENT_FLOPS, value=independent, unit="FLOP", **common),
        Row(quantity=Q.TRAINED_SHARE, value=trained / independent, **common),
    ]


def draw(spec: CooldownChecked, tables: Tables) -> Drawing:
    """Cooled and independent runs, about the mean of the latter; then one size's curves."""
    checks = [(spec.check, spec.check_label)] + ([(spec.also, spec.also_label)] * bool(spec.also))
    sheet, notes = Sheet(len(checks) + 1), []
    for check, label in checks:
        rows = tables.analysed(check, spec.called)
        notes += rows.why_not()
        panel = sheet.panel("size of the runs", "over their mean - 1 (%)", label,
                            x_scale="linear", y_scale="linear")  # fmt: skip
        names = _compared(panel, rows)
        panel.level(0.0, "mean of independent runs", linestyle="-", linewidth=0.8)
        panel.axes.set_xticks(range(len(names)), names)
        panel.axes.set_xlim(-0.6, max(1, len(names)) - 0.4)
        panel.axes.grid(False, axis="x")
        ratio = rows.parameter(Q.COOLED_RATIO)
        if ratio is not None:
            value, interval = with_interval(*(100 * ratio[end] for end in ("value", "lo", "hi")))
            notes.append(f"{label}, all sizes: cooled runs differ by {value} % "
                         f"(90 % interval {interval} %).")  # fmt: skip
    rows = tables.analysed(spec.check, spec.called)
    _trunk(spec, tables, rows, sheet)
    key = [
        ("cooled from a trunk", COOLED),
        ("independent", ALONE),
        ("difference of the means, 90 %", DIFFERENCE),
        ("trunk, constant rate", {"color": GREY, "linestyle": "-"}),
    ]  # fmt: skip
    share = rows.parameter(Q.TRAINED_SHARE)
    if share is not None and np.isfinite(share["value"]):
        notes.append(f"The {share['n_runs']:.0f} runs of the grid trained {share['value']:.0%} of "
                     "the FLOPs that independent runs would.")  # fmt: skip
    return sheet.drawing(key, notes)


def _compared(panel: Panel, rows: Analysed) -> list[str]:
    """A column for each size and length, and one for all; their names."""
    names = []
    for place, one in enumerate(rows.all(Q.COOLED_MINUS).itertuples()):
        group = rows.group_of(one)
        mean = rows.all(Q.INDEPENDENT_LOSS, group=group)["value"].mean()
        name = f"N = {short(one.x)}"
        names.append(name)
        for quantity, look, aside in ((Q.COOLED_LOSS, COOLED, -16),
                                      (Q.INDEPENDENT_LOSS, ALONE, 16)):  # fmt: skip
            losses = rows.all(quantity, group=group)["value"]
            panel.points(np.full(len(losses), place), 100 * (losses / mean - 1), name,
                         str(quantity), aside=aside, alpha=0.8, **look)  # fmt: skip
        ends = [100 * np.array([end]) / mean for end in (one.value, one.lo, one.hi)]
        panel.intervals([place], *ends, name, "difference of the means", **DIFFERENCE)
    together = rows.parameter(Q.COOLED_RATIO)
    if together is not None:
        ends = [100 * np.array([together[end]]) for end in ("value", "lo", "hi")]
        panel.intervals([len(names)], *ends, "all", "difference of the means", **DIFFERENCE)
        names.append("all")
    return names


def _trunk(spec: CooldownChecked, tables: Tables, rows: Analysed, sheet: Sheet):
    """The curves of one width: its trunk, the cooldowns from it, and independent runs."""
    widths = rows.points(Q.COOLED_LOSS)["of"]
    width = spec.width or (int(widths.max()) if len(widths) else 0)
    panel = sheet.panel("tokens trained on", spec.loss_label, f"Width {width}")
    by_run = dict(tuple(tables.curves.groupby("run_id")))
    runs = chosen(tables.runs, spec.sweeps)
    runs = runs[(runs["width"] == width) & is_finished(runs)].drop_duplicates("run_id")
    trunk = None
    for run in runs.sort_values("n_tokens", ascending=False, kind="stable").itertuples():
        curve = by_run.get(run.run_id)
        if curve is None:
            continue
        if trunk is None:  # the longest run's: the others' are its beginning
            trunk = near_highest_rate(curve)
            panel.line(trunk["n_tokens"], trunk["loss"], "trunk", "constant rate", color=GREY)
        begun = run.n_tokens * run.trunk_flops / run.compute_flops
        if np.isfinite(begun) and len(trunk):
            begun = min(begun, float(trunk["n_tokens"].max()))  # where it was last measured
            left_at = log_log(begun, trunk["n_tokens"], trunk["loss"])
            panel.line([begun, run.n_tokens], [left_at, run.loss], run.run_id, "cooldown",
                       color=COLORS[0], linewidth=1.1)  # fmt: skip
        panel.points([run.n_tokens], [run.loss], run.run_id, "final", **COOLED)
    alone = chosen(tables.runs, spec.independent)
    alone = alone[(alone["width"] == width) & is_finished(alone)].drop_duplicates("run_id")
    for run in alone.itertuples():
        curve = by_run.get(run.run_id)
        if curve is None:
            continue
        curve = curve[curve["loss"] < curve["loss"].iloc[0]].sort_values("step", kind="stable")
        panel.line(curve["n_tokens"], curve["loss"], run.run_id, "independent", color=COLORS[1],
                   linewidth=0.8, alpha=0.8)  # fmt: skip
        panel.points([run.n_tokens], [run.loss], run.run_id, "final", **ALONE)


ANALYSES = {"cooldown_check": Analysis(CooldownCheck, analyse)}
FIGURES = {"cooldown_checked": Figure(CooldownChecked, draw)}
