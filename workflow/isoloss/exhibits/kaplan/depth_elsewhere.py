"""Depth and losses on other texts: Kaplan et al. (2020, arXiv:2001.08361), Appendix D.8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import COLORS, GREY, MARKERS, Sheet
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
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.transfer import OWN, evaluated
from isoloss.exhibits.notes import in_words
from isoloss.exhibits.training.replicates import alike
from isoloss.laws.published import KAPLAN
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, X, row
from isoloss.results.verdict import not_made
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
SAME_SIZE = 1.1  # models whose N differ by less are of one size
FEWEST = 3  # sizes of a line, and depths
METHOD = "Student's t of least squares through the means of depths"
SOURCE = f"{KAPLAN}, Appendix D.8: no dependence on depth beyond that of the loss in training"


class DepthElsewhere(Analysing):
    """What depth does to the loss on other texts, at one size and at equal loss in training.

    The line of models of several sizes says which loss on another text goes with a loss on the
    training text. The rest of a model is its distance from that line.
    """

    do: Literal["depth_elsewhere"]
    name: Name = "depth_elsewhere"
    line: Annotated[list[Name], Field(min_length=1)]  # sweeps of models of several sizes


class KaplanDepthElsewhere(OfLosses):
    """Kaplan et al., Fig. 24: losses on several texts against depth, at one size."""

    draw: Literal["kaplan_depth_elsewhere"]
    name: Name = "kaplan_24"
    title: str = "Depth and losses on other texts (Kaplan et al. 2020, Figure 24)"
    caption: str = (
        "Models of one size and several depths. Left: final loss on each text. Right: distance of "
        "the loss on another text from what models of other sizes have there at equal loss on the "
        "training text. Points are runs; lines go through the means of depths."
    )
    rest_label: str = "rest (nats per token)"  # of the panel on the right
    depths: Annotated[Name, Does("depth_elsewhere")] = "depth_elsewhere"  # the analysis drawn


def analyse(spec: DepthElsewhere, inputs: Inputs) -> list[Row]:
    """Losses by depth, the rest beside the line of sizes, and its change for a doubling of depth.

    Raises
    ------
    UserError
        No run measured its loss on another text, the runs are of several sizes, or they have fewer
        than three depths.
    """
    sizes = evaluated(spec, inputs, spec.line)
    deep = evaluated(spec, inputs, spec.sweeps)
    depths = inputs.runs.drop_duplicates("run_id").set_index("run_id")["n_layer"]
    deep = deep.assign(n_layer=deep["run_id"].map(depths).astype(float))
    deep = deep[deep["end"]].sort_values(["n_layer", "run_id"], kind="stable")
    found = sorted(deep["size"].unique())
    if len(set(alike(np.array(found, float), SAME_SIZE))) > 1:
        raise UserError(spec.name, [f"the models differ in size: N is {found[0]} to {found[-1]}"])
    if deep["n_layer"].nunique() < FEWEST:
        problem = f"{deep['n_layer'].nunique()} depths, a line needs {FEWEST}"
        raise UserError(spec.name, [problem])
    made = _losses(deep.drop_duplicates("run_id"), "own", None)
    for text, rows in deep.groupby("text", sort=True):
        group = Group.of(corpus=str(text))
        made += _losses(rows, "loss", group)
        made += _rest(rows, sizes[sizes["end"] & (sizes["text"] == text)], group)
    return made


def _losses(rows: pd.DataFrame, column: str, group: Group | None) -> list[Row]:
    return [
        row(Q.LOSS, float(cell[column].mean()), kind=Kind.POINT, group=group, x_quantity=X.N_LAYER,
            x=float(depth), unit="nats per token", n_runs=len(cell), runs=" ".join(cell["run_id"]))
        for depth, cell in rows.groupby("n_layer", sort=True)
    ]  # fmt: skip


def _rest(deep: pd.DataFrame, sizes: pd.DataFrame, group: Group) -> list[Row]:
    """The distance of each run from the line of sizes, and its slope in log2 of the depth."""
    means = sizes.groupby("size", sort=True)[["own", "loss"]].mean()
    said = {"group": group, "n_runs": int(deep["run_id"].nunique())}
    if len(means) < FEWEST or not np.ptp(means["own"]) > 0:
        verdict = not_made(f"{len(means)} sizes, a line needs {FEWEST}")
        return [Row(quantity=Q.DEPTH_ELSEWHERE, kind=Kind.PARAMETER, verdict=verdict, **said)]
    slope, at_zero = (
        np.polynomial.Polynomial.fit(means["own"], means["loss"], 1).convert().coef[::-1]
    )
    rest = (deep["loss"] - at_zero - slope * deep["own"]).to_numpy()
    made = [
        row(Q.REST_ELSEWHERE, float(value), kind=Kind.POINT, group=group, x_quantity=X.N_LAYER,
            x=float(depth), n_runs=1, runs=run_id)
        for value, depth, run_id in zip(rest, deep["n_layer"], deep["run_id"], strict=True)
    ]  # fmt: skip
    by_depth = deep.assign(rest=rest).groupby("n_layer", sort=True)["rest"].mean()
    doublings = np.log2(by_depth.index.to_numpy(float))
    away, values = doublings - doublings.mean(), by_depth.to_numpy()
    change, freedom = float(away @ values / (away @ away)), len(values) - 2
    left = values - values.mean() - change * away
    se = float(np.sqrt(left @ left / freedom / (away @ away)))
    half = student.quantile(LEVEL, freedom) * se
    made.append(Row(quantity=Q.DEPTH_ELSEWHERE, kind=Kind.PARAMETER, value=change, se=se,
                    lo=change - half, hi=change + half, level=LEVEL, method=METHOD,
                    verdict=IDENTIFIED, theory=0.0, theory_source=SOURCE, **said))  # fmt: skip
    return made + [
        Row(quantity=Q.REST_ELSEWHERE, kind=Kind.LINE, group=group, x_quantity=X.N_LAYER,
            x=float(2**at), value=float(values.mean() + change * (at - doublings.mean())),
            verdict=IDENTIFIED)
        for at in (doublings.min(), doublings.max())
    ]  # fmt: skip


def draw(spec: KaplanDepthElsewhere, tables: Tables) -> Drawing:
    """Left: loss on each text by depth. Right: what the loss in training leaves of it."""
    found = tables.analysed(spec.depths, spec.called)
    sheet, notes = Sheet(2), [] if found.made else found.why_not()
    left = sheet.panel("layers", spec.loss_label, "Loss by depth")
    right = sheet.panel("layers", spec.rest_label, "At equal loss in training",
                        y_scale="linear")  # fmt: skip
    own = found.points(Q.LOSS)
    own = own[own["group"].isna()]
    key = []
    if len(own):
        black = {"color": "black", "marker": "o"}
        left.line(own["x"], own["value"], OWN, "final loss", markersize=4, linewidth=1.1, **black)
        right.level(0.0, "as models of other sizes", color=GREY, linestyle=looks.DASH)
        key.append((OWN, black | {"linestyle": "-"}))
    texts = list(dict.fromkeys(one["corpus"] for one in found.groups(Q.REST_ELSEWHERE)))
    for place, text in enumerate(texts):
        group = Group.of(corpus=text)
        look = {"color": COLORS[place % len(COLORS)], "marker": MARKERS[(place + 1) % len(MARKERS)]}
        here = found.points(Q.LOSS, group=group)
        left.line(here["x"], here["value"], text, "final loss", markersize=4, linewidth=1.1, **look)
        rest = found.points(Q.REST_ELSEWHERE, group=group)
        right.points(rest["x"], rest["value"], text, "rest of a run", markersize=4, **look)
        right.line_of(found.line(Q.REST_ELSEWHERE, group=group), text, "line", linewidth=1.2,
                      color=look["color"])  # fmt: skip
        key.append((text, look | {"linestyle": "-"}))
        notes += _said(found, text, group)
    return sheet.drawing(key, notes)


def _said(found: Analysed, text: str, group: Group) -> list[str]:
    change = found.number(Q.DEPTH_ELSEWHERE, group=group)
    if change is None:
        return found.why_not(group=group)
    said = "so depth does something that the loss in training does not say"
    if change["lo"] <= 0 <= change["hi"]:
        said = "so no effect of depth is seen beyond the loss in training"
    return [f"{text}: a doubling of depth changes the rest by {in_words(change)} nats, {said}."]


ANALYSES = {"depth_elsewhere": Analysis(DepthElsewhere, analyse)}
FIGURES = {"kaplan_depth_elsewhere": Figure(KaplanDepthElsewhere, draw)}
