"""Losses on other texts: Kaplan et al. (2020, arXiv:2001.08361), Sec. 3.2.2 and Fig. 8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, MARKERS, Sheet
from isoloss.config.section import Draws, Name
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
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.notes import in_words
from isoloss.fit import fit_law
from isoloss.laws.published import KAPLAN
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, Verdict, X, estimated, row
from isoloss.results.verdict import not_identified, not_made
from isoloss.runs.select import finished_in
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
FEWEST = 3  # sizes of a line
LATE = 2.0  # ranges of trained models by which losses while training are drawn beyond them
METHOD = "Student's t of a least-squares line through sizes"
BY_SIZE = "Student's t of the means of sizes"
OWN = "the training text"
SOURCE = f"{KAPLAN}, Sec. 3.2.2: the offset is roughly constant, so the slope is 1"


class Transfer(Analysing):
    """Losses on other texts against that on the training text, at the end and along training.

    Runs are those of a task with `elsewhere`. The slope and the offset are of finished runs.
    """

    do: Literal["transfer"]
    name: Name = "transfer"
    draws: Draws = 400  # of the intervals of laws


class KaplanTransfer(OfLosses):
    """Kaplan et al., Fig. 8: losses on other texts, by size and by the loss of training."""

    draw: Literal["kaplan_transfer"]
    name: Name = "kaplan_08"
    title: str = "Losses on other texts (Kaplan et al. 2020, Figure 8)"
    caption: str = (
        "Left: final loss on each text against size. Right: loss on other texts against that on "
        "the held-out part of the training text: trained models as points with their line, and "
        "models late in training dotted. No model was trained on the other texts."
    )
    transfer: Annotated[Name, Does("transfer")] = "transfer"  # the analysis drawn


def analyse(spec: Transfer, inputs: Inputs) -> list[Row]:
    """Losses on each text, the line of trained models, and how far training lies off that line.

    Raises
    ------
    UserError
        As `evaluated`.
    """
    rows = evaluated(spec, inputs, spec.sweeps)
    runs = finished_in(inputs.runs, spec.sweeps, "loss")[["run_id", SIZE, "loss"]]
    runs = runs.drop_duplicates("run_id")
    made = _by_size(spec, runs.rename(columns={SIZE: "size"}), None)
    for text, of_text in rows.groupby("text", sort=True):
        group = Group.of(corpus=str(text))
        made += _by_size(spec, of_text[of_text["end"]], group)
        made += _against_own(of_text, group)
        made += _line(of_text, group)
    return made


def evaluated(spec: Analysing, inputs: Inputs, sweeps: list[str]) -> pd.DataFrame:
    """Losses on other texts of the finished runs of some sweeps, at each evaluation.

    Returns
    -------
    DataFrame
        Columns `run_id`, `step`, `text`, `loss` (there), `own` (on the training text's held-out
        part), `size`, and `end` (whether the run ended there), by size, run and step.

    Raises
    ------
    UserError
        No run measured its loss on another text, or a run does not say its size.
    """
    runs = finished_in(inputs.runs, sweeps, "loss")[["run_id", SIZE, "loss"]]
    runs = runs.drop_duplicates("run_id")
    rows = inputs.evaluations
    if rows is not None and len(rows):
        own = inputs.curves[["run_id", "step", "loss"]].rename(columns={"loss": "own"})
        rows = rows[rows["text"].notna()].merge(own, on=["run_id", "step"])
        rows = rows.merge(runs[["run_id", SIZE]], on="run_id")
    if rows is None or rows.empty:
        problem = "no run of these sweeps measured its loss on another text (task.elsewhere)"
        raise UserError(spec.name, [problem])
    unknown = int(runs[SIZE].isna().sum())
    if unknown:
        raise UserError(spec.name, [f"{unknown} of {len(runs)} runs do not say their {SIZE}"])
    last = rows.groupby("run_id")["step"].transform("max")
    rows = rows.assign(
        end=rows["step"] == last,
        size=rows[SIZE].astype(int),
        loss=rows["loss"].astype(float),
        own=rows["own"].astype(float),
    )
    return rows.sort_values(["size", "run_id", "step"], kind="stable")


def _by_size(spec: Transfer, ended: pd.DataFrame, group: Group | None) -> list[Row]:
    """The mean final loss of each size, and the exponent of a power law."""
    rows = []
    for size, cell in ended.groupby("size", sort=True):
        rows.append(row(Q.LOSS, float(cell["loss"].astype(float).mean()), kind=Kind.POINT,
                        group=group, x_quantity=X.N_NON_EMBEDDING, x=float(size),
                        unit="nats per token", n_runs=len(cell),
                        runs=" ".join(cell["run_id"])))  # fmt: skip
    try:
        if ended["size"].nunique() < FEWEST:
            found = f"{ended['size'].nunique()} sizes, a power law needs {FEWEST}"
            raise UserError(spec.name, [found])
        table = {"x": ended["size"].to_numpy(float), "loss": ended["loss"].to_numpy(float)}
        law = fit_law(table, "power_law", x="x", y="loss", draws=spec.draws, where=spec.name)
    except UserError as error:
        verdict = not_made("; ".join(error.problems))
        return [*rows, Row(quantity=Q.ALPHA, kind=Kind.PARAMETER, group=group, verdict=verdict)]
    return [*rows, estimated(Q.ALPHA, law.params["alpha"], law.level, group=group,
                             verdict=Verdict.read(law.verdict), method=law.method,
                             n_runs=len(ended), warnings="; ".join(law.warnings))]  # fmt: skip


def _against_own(rows: pd.DataFrame, group: Group) -> list[Row]:
    """Each evaluation as a point: of a trained model, or of a size while training."""
    made = [
        row(Q.LOSS_ELSEWHERE, one.loss, kind=Kind.POINT, group=group, x_quantity=X.LOSS,
            x=one.own, n_runs=1, runs=one.run_id)
        for one in rows[rows["end"]].itertuples()
    ]  # fmt: skip
    for size, of_size in rows.groupby("size", sort=True):
        while_training = Group.of(corpus=group["corpus"], n_params_non_embedding=int(size))
        for _, at in of_size.groupby("step", sort=True):
            made.append(row(Q.LOSS_ELSEWHERE, float(at["loss"].mean()), kind=Kind.POINT,
                            group=while_training, x_quantity=X.LOSS, x=float(at["own"].mean()),
                            n_runs=len(at)))  # fmt: skip
    return made


def _line(rows: pd.DataFrame, group: Group) -> list[Row]:
    """Slope and offset of trained models, and the mean distance of training from their line.

    Sizes are the units: runs of one size share most of what sets them off a line.
    """
    means = rows[rows["end"]].groupby("size", sort=True)[["own", "loss"]].mean()
    said = {"group": group, "n_runs": int(rows["run_id"].nunique()), "level": LEVEL}
    offset = (means["loss"] - means["own"]).to_numpy()
    made = [_mean(Q.OFFSET_ELSEWHERE, offset, said)]
    if len(means) < FEWEST or not np.ptp(means["own"]) > 0:
        verdict = not_made(f"{len(means)} sizes, a line needs {FEWEST}")
        return [*made, Row(quantity=Q.SLOPE_ELSEWHERE, kind=Kind.PARAMETER, group=group,
                           verdict=verdict)]  # fmt: skip
    own, loss = means["own"].to_numpy(), means["loss"].to_numpy()
    away = own - own.mean()
    slope = float(away @ loss / (away @ away))
    residual = loss - loss.mean() - slope * away
    freedom = len(own) - 2
    se = float(np.sqrt(residual @ residual / freedom / (away @ away)))
    half = student.quantile(LEVEL, freedom) * se
    made.append(Row(quantity=Q.SLOPE_ELSEWHERE, kind=Kind.PARAMETER, value=slope, se=se,
                    lo=slope - half, hi=slope + half, method=METHOD, verdict=IDENTIFIED,
                    theory=1.0, theory_source=SOURCE, **said))  # fmt: skip
    made += [
        Row(quantity=Q.LOSS_ELSEWHERE, kind=Kind.LINE, group=group, x_quantity=X.LOSS, x=float(at),
            value=float(loss.mean() + slope * (at - own.mean())), verdict=IDENTIFIED)
        for at in (own.min(), own.max())
    ]  # fmt: skip
    early = rows[~rows["end"] & rows["own"].between(own.min(), own.max())]
    apart = early["loss"] - loss.mean() - slope * (early["own"] - own.mean())
    by_size = apart.groupby(early["size"]).mean().to_numpy()
    return [*made, _mean(Q.APART_ELSEWHERE, by_size, said)]


def _mean(quantity: Q, values: np.ndarray, said: dict) -> Row:
    """The mean over sizes with its interval."""
    if len(values) < 2:
        verdict = not_identified(f"{len(values)} sizes, an interval needs two")
        value = float(values.mean()) if len(values) else None
        return Row(quantity=quantity, kind=Kind.PARAMETER, value=value, verdict=verdict,
                   **{name: x for name, x in said.items() if name != "level"})  # fmt: skip
    value, freedom = float(values.mean()), len(values) - 1
    se = float(values.std(ddof=1) / np.sqrt(len(values)))
    half = student.quantile(LEVEL, freedom) * se
    return Row(quantity=quantity, kind=Kind.PARAMETER, value=value, se=se, lo=value - half,
               hi=value + half, method=BY_SIZE, verdict=IDENTIFIED, **said)  # fmt: skip


def draw(spec: KaplanTransfer, tables: Tables) -> Drawing:
    """Left: loss on each text by size. Right: against the loss on the training text."""
    found = tables.analysed(spec.transfer, spec.called)
    sheet, notes = Sheet(2), [] if found.made else found.why_not()
    left = sheet.panel(looks.SIZE_LABEL, spec.loss_label, "By size")
    right = sheet.panel(f"loss on {OWN}", "loss on another text", "By the loss of training",
                        x_scale="linear", y_scale="linear")  # fmt: skip
    ends = found.line(Q.LOSS_ELSEWHERE, optional=True)["x"]
    late = ends.max() + LATE * np.ptp(ends) if len(ends) else np.inf
    texts = list(dict.fromkeys(one["corpus"] for one in found.groups(Q.LOSS_ELSEWHERE)))
    own = found.points(Q.LOSS)
    own = own[own["group"].isna()]
    if len(own):
        left.line(own["x"], own["value"], OWN, "final loss", color="black", marker="o",
                  markersize=4, linewidth=1.1)  # fmt: skip
    key = [(OWN, {"color": "black", "marker": "o", "linestyle": "-"})] if len(own) else []
    for place, text in enumerate(texts):
        group = Group.of(corpus=text)
        look = {"color": COLORS[place % len(COLORS)], "marker": MARKERS[(place + 1) % len(MARKERS)]}
        here = found.points(Q.LOSS, group=group)
        left.line(here["x"], here["value"], text, "final loss", markersize=4, linewidth=1.1, **look)
        for one in found.groups(Q.LOSS_ELSEWHERE):
            if one["corpus"] == text and SIZE in one:
                at = found.points(Q.LOSS_ELSEWHERE, group=one).sort_values("x", kind="stable")
                at = at[at["x"] <= late]
                right.line(at["x"], at["value"], text, "while training", color=look["color"],
                           linestyle=looks.DOTS, linewidth=0.9)  # fmt: skip
        trained = found.points(Q.LOSS_ELSEWHERE, group=group)
        right.points(trained["x"], trained["value"], text, "trained", markersize=4.5, **look)
        right.line_of(found.line(Q.LOSS_ELSEWHERE, group=group, optional=True), text, "line",
                      color=look["color"], linewidth=1.3)  # fmt: skip
        key.append((text, look | {"linestyle": "-"}))
        notes += _said(found, text, group)
    if texts:
        key.append(("while training", {"color": GREY, "linestyle": looks.DOTS}))
    return sheet.drawing(key, notes)


def _said(found: Analysed, text: str, group: Group) -> list[str]:
    """The offset and the slope on one text, and whether training leaves the line."""
    notes = []
    offset = found.number(Q.OFFSET_ELSEWHERE, group=group)
    if offset is not None:
        notes.append(f"{text}: the loss lies {in_words(offset)} nats above that on {OWN}.")
    slope = found.number(Q.SLOPE_ELSEWHERE, group=group)
    if slope is None:
        return notes + found.why_not(group=group)
    said = "so the offset is not constant"
    if slope["hi"] - slope["lo"] > 1:
        said = "so whether the offset is constant cannot be told"
    elif slope["lo"] <= 1 <= slope["hi"]:
        said = "as a constant offset has it"
    notes.append(f"{text}: a nat on {OWN} is {in_words(slope)} nats there, {said}.")
    apart = found.number(Q.APART_ELSEWHERE, group=group)
    if apart is not None and np.isfinite(apart["lo"]):
        off = not apart["lo"] <= 0 <= apart["hi"]
        where = "off the line of trained models" if off else "on the line of trained models"
        notes.append(f"{text}: while training, models lie {where}, by {in_words(apart)} nats.")
    return notes


ANALYSES = {"transfer": Analysis(Transfer, analyse)}
FIGURES = {"kaplan_transfer": Figure(KaplanTransfer, draw)}
