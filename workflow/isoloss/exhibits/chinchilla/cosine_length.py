"""A cosine longer than the run: Hoffmann et al. (2022, arXiv:2203.15556), App. B and Fig. A1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Panel, Sheet, look_of, ordered_colors, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.training.replicates import UNKNOWN, Scatter, in_percent, paired
from isoloss.results import Analysed, Group, Kind, Q, Row, X, row
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
SETTING = (SIZE, "batch_size", "peak_lr")  # of runs whose cosines are compared
HARMLESS = 1.25  # their longest cosine that does not clearly hurt
SOURCE = "Hoffmann et al. (2022), arXiv:2203.15556, App. B: beyond 25 % a longer cosine hurts"
FALLING = ("cosine", "linear")


class CosineLength(Analysing):
    """Loss at one step of runs whose cosine ends there, and of runs whose cosine goes on.

    A run that ends at a step, and the same step of a longer run, differ in nothing but the length
    of the schedule. So runs of several lengths give all ratios.
    """

    do: Literal["cosine_length"]
    name: Name = "cosine_length"


class ChinchillaCosine(Drawn):
    """Fig. A1: learning rates of cosines longer than the run, and what they cost."""

    draw: Literal["chinchilla_cosine"]
    name: Name = "chinchilla_a1"
    title: str = "Cosines longer than the run (Hoffmann et al. 2022, Figure A1)"
    caption: str = (
        "Left: the learning rate until the run ends, by the length of its cosine. Right: the loss "
        "there over that of a cosine that ends with the run. Bars: 90 % intervals of differences "
        "between runs with one seed. Dashed: 1.25, beyond which Hoffmann et al. see harm."
    )
    length: Annotated[Name, Does("cosine_length")] = "cosine_length"  # the analysis drawn


def analyse(spec: CosineLength, inputs: Inputs) -> list[Row]:
    """The loss increase at each ratio of the cosine's length to the run's, by size.

    Raises
    ------
    UserError
        No run of a falling rate ends at a step at which a longer one was evaluated.
    """
    runs = finished_in(inputs.runs, spec.sweeps, "loss")
    runs = runs[runs["schedule"].isin(FALLING)].sort_values([SIZE, "run_id"], kind="stable")
    curves = inputs.curves[inputs.curves["run_id"].isin(runs["run_id"])]
    at = {(one.run_id, int(one.step)): float(one.loss) for one in curves.itertuples()}
    found: dict[float, dict[float, list]] = {}  # size -> ratio -> [(difference, the two runs)]
    for setting, group in runs.groupby(list(SETTING), sort=True):
        # The shortest run of a setting is the one that others go on from.
        steps = int(group["steps"].min())
        ends = group[group["steps"] == steps].set_index("seed")
        for run in group[group["steps"] > steps].itertuples():
            if run.seed not in ends.index or (run.run_id, steps) not in at:
                continue
            whole = ends.loc[run.seed]
            difference = np.log(at[run.run_id, steps]) - np.log(float(whole["loss"]))
            pair = difference, [run.run_id, whole["run_id"]]
            found.setdefault(setting[0], {}).setdefault(run.steps / steps, []).append(pair)
    if not found:
        what = "a run must end at a step at which a longer run of its seed was evaluated"
        raise UserError(spec.name, [what])
    everything = [np.array([one for one, _ in pairs])
                  for by_ratio in found.values() for pairs in by_ratio.values()]  # fmt: skip
    scatter = Scatter.of(everything)
    rows = [
        _increase(size, ratio, pairs, scatter)
        for size, by_ratio in found.items()
        for ratio, pairs in sorted(by_ratio.items())
    ]
    return rows + _rates(runs, inputs.curves)


def _increase(size: float, ratio: float, pairs: list, scatter: Scatter | None) -> Row:
    differences = np.array([one for one, _ in pairs])
    ids = list(dict.fromkeys(run_id for _, both in pairs for run_id in both))
    return paired(
        Q.LOSS_INCREASE, differences, scatter, kind=Kind.POINT, n_runs=len(ids),
        group=Group.of(n_params_non_embedding=round(size)), x_quantity=X.COSINE_LENGTH,
        x=float(ratio), runs=" ".join(ids), warnings=UNKNOWN if scatter is None else "",
        theory_source=SOURCE,
    )  # fmt: skip


def _rates(runs: pd.DataFrame, curves: pd.DataFrame) -> list[Row]:
    """The rate until the shortest run ends, of one run of each length, of the smallest size."""
    first = runs[runs[SIZE] == runs[SIZE].min()]
    steps = int(first["steps"].min())
    rows = []
    for length, group in first.groupby("steps", sort=True):
        run = group.iloc[0]["run_id"]
        curve = curves[(curves["run_id"] == run) & (curves["step"] <= steps)]
        rows += [
            row(Q.RATE, float(one.lr), kind=Kind.LINE, x_quantity=X.SHARE_OF_RUN,
                x=float(one.step) / steps, group=Group.of(steps=int(length)), n_runs=1, runs=run)
            for one in curve.sort_values("step", kind="stable").itertuples()
        ]  # fmt: skip
    return rows


def draw(spec: ChinchillaCosine, tables: Tables) -> Drawing:
    """Left: the learning rates. Right: loss increase against the cosine's length."""
    found = tables.analysed(spec.length, spec.called)
    sheet = Sheet(2)
    left = sheet.panel("share of the run", "learning rate", "Schedules", x_scale="linear",
                       y_scale="linear")  # fmt: skip
    right = sheet.panel("steps of the cosine over those of the run", "loss increase (%)",
                        "Price of a longer cosine", y_scale="linear")  # fmt: skip
    rates, increases = found.line(Q.RATE), found.points(Q.LOSS_INCREASE)
    lengths = sorted(rates["of"].unique())
    ratios = [length / lengths[0] for length in lengths]
    for length, ratio, color in zip(lengths, ratios, ordered_colors(len(ratios)), strict=True):
        here = rates[rates["of"] == length]
        left.line(here["x"], here["value"], f"cosine of {ratio:.3g} times the run",
                  "learning rate", color=color, marker=".")  # fmt: skip
    left.axes.set_ylim(bottom=0)
    key = []
    for i, (size, here) in enumerate(increases.groupby("of")):
        name, look = f"N = {short(size)}", look_of(i)
        right.line([1.0, *here["x"]], [0.0, *here["value"]], name, "mean", color=look["color"],
                   linewidth=0.9)  # fmt: skip
        right.intervals_of(here, name, "loss increase", **look)
        key.append((name, look))
    if len(increases):
        _marks(right)
    sheet.key_of_values(ratios, ordered_colors(len(ratios)), "cosine over run",
                        lambda ratio: f"{ratio:.3g}", [left])  # fmt: skip
    return sheet.drawing(key, [*found.why_not(), *_said(found, increases)])


def _marks(panel: Panel) -> None:
    look = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 0}
    panel.axes.axvline(HARMLESS, **look)
    panel.axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
    for name, x, y in (("1.25", HARMLESS, np.nan), ("a cosine of the run's length", np.nan, 0.0)):
        panel.record.add(panel=panel.name, series=[name], what="level", x_quantity=panel.x, x=[x],
                         y_quantity=panel.y, y=[y])  # fmt: skip


def _said(found: Analysed, increases: pd.DataFrame) -> list[str]:
    """What a longer cosine costs at each size, and whether that agrees with the paper."""
    notes = []
    for size, here in increases.groupby("of"):
        said = [f"{one['x']:.3g} times: {in_percent(one)}" for _, one in here.iterrows()]
        notes.append(f"N = {short(size)}: {'; '.join(said)}. {_beside_paper(here)}")
    notes += [f"{text[0].upper()}{text[1:]}."
              for text in dict.fromkeys(increases["warnings"].dropna()) if text]  # fmt: skip
    return notes


def _beside_paper(here: pd.DataFrame) -> str:
    """Whether cosines that are more than 25 % too long hurt, and shorter ones do not."""
    if here["lo"].isna().any():
        return "Without several seeds this cannot be compared with the paper."
    long, short_ones = here[here["x"] > HARMLESS + 1e-6], here[here["x"] <= HARMLESS + 1e-6]
    hurts = [f"{x:.3g}" for x in long["x"][long["lo"] > 0]]
    open_ = [f"{x:.3g}" for x in long["x"][(long["lo"] <= 0) & (long["hi"] >= 0)]]
    early = [f"{x:.3g}" for x in short_ones["x"][short_ones["lo"] > 0]]
    better = [f"{x:.3g}" for x in here["x"][here["hi"] < 0]]
    said = []
    if better:
        said.append(f"At {', '.join(better)} the longer cosine is better, unlike in the paper.")
    if hurts:
        said.append(f"Harm is seen at {', '.join(hurts)}, as in the paper.")
    if open_:
        said.append(f"At {', '.join(open_)} it cannot be told whether a longer cosine hurts.")
    if early:
        said.append(f"Harm is seen at {', '.join(early)} too, where the paper sees little.")
    return " ".join(said)


ANALYSES = {"cosine_length": Analysis(CosineLength, analyse)}
FIGURES = {"chinchilla_cosine": Figure(ChinchillaCosine, draw)}
