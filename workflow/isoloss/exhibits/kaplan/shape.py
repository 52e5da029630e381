"""Shape at a fixed size: Kaplan et al. (2020, arXiv:2001.08361), Sec. 3.1 and Fig. 5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import GREY, REFERENCE, Panel, Sheet, look_of, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.training.replicates import (
    UNKNOWN,
    Scatter,
    alike,
    in_percent,
    increase,
)
from isoloss.laws.published import KAPLAN
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, X
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
SAME_SIZE = 1.1  # shapes whose N differ by less are of one size
PAPER = 3.0  # per cent
SOURCE = f"{KAPLAN}, Sec. 3.1: 6 layers of width 4,288 within 3 % of 48 layers of width 1,600"
# A ratio's name in a study -> its axis, and the columns of the runs that it is made from.
RATIOS = {
    "aspect": (X.ASPECT, "width", "n_layer"),
    "feed_forward": (X.FEED_FORWARD, "d_ff", "width"),
    "head": (X.HEAD, "width", "n_head"),
}
TITLES = {"aspect": "Width and depth", "feed_forward": "Feed-forward layer", "head": "Heads"}
SHAPE = ("width", "n_layer", "d_ff", "n_head")

Factor = Annotated[float, Field(gt=1, allow_inf_nan=False)]


class Shape(Analysing):
    """The loss of several shapes of one size, over that of the best of them.

    A shape that was trained at several learning rates counts at its best one.
    """

    do: Literal["shape"]
    name: Name = "shape"
    ratio: Literal["aspect", "feed_forward", "head"] = "aspect"  # what differs between the shapes
    factor: Factor = 40.0  # widest range of the ratio over which the largest increase is given


class KaplanShape(Drawn):
    """Kaplan et al., Fig. 5: loss increase against three ratios of a shape, at fixed sizes."""

    draw: Literal["kaplan_shape"]
    name: Name = "kaplan_05"
    title: str = "Shape at a fixed size (Kaplan et al. 2020, Figure 5)"
    caption: str = (
        "Loss of models of one size and different shapes, over the best of them. Bars: 90 % "
        "intervals of the difference, by the scatter over seeds. The best of several has luck, so "
        "small increases come out too large. Dashed: the largest that Kaplan et al. name, 3 %."
    )
    aspect: Annotated[Name | None, Does("shape")] = "aspect"  # an analysis of d_model / n_layer
    feed_forward: Annotated[Name | None, Does("shape")] = None  # one of d_ff / d_model
    head: Annotated[Name | None, Does("shape")] = None  # one of d_model / n_head


def analyse(spec: Shape, inputs: Inputs) -> list[Row]:
    """The increase of each shape as a point, the largest of each size, and the scatter over seeds.

    Raises
    ------
    UserError
        No size has two shapes with different ratios, or the runs do not say their shape.
    """
    axis, above, below = RATIOS[spec.ratio]
    runs = finished_in(inputs.runs, spec.sweeps, "loss")
    unknown = runs[[*SHAPE, SIZE]].isna().any(axis=1)
    if unknown.any():
        raise UserError(spec.name, [f"{unknown.sum()} of {len(runs)} runs do not say their shape"])
    runs = runs.sort_values([SIZE, "run_id"], kind="stable")
    runs = runs.assign(
        log_loss=np.log(runs["loss"].astype(float)),
        ratio=runs[above].astype(float) / runs[below].astype(float),
        size=alike(runs[SIZE].to_numpy(float), SAME_SIZE),
    )
    settings = [group["log_loss"].to_numpy() for _, group in runs.groupby([*SHAPE, "peak_lr"])]
    scatter = Scatter.of(settings, inputs.first("seed_noise"))
    rows = [] if scatter is None else [scatter.row(runs["run_id"])]
    for size, group in runs.groupby("size", sort=True):
        best = [_at_best_rate(shape) for _, shape in group.groupby(list(SHAPE), sort=True)]
        if len({shape["ratio"].iloc[0] for shape, _ in best}) > 1:
            rows += _of_size(spec, size, best, scatter)
    if not any(row.quantity is Q.LARGEST_INCREASE for row in rows):
        raise UserError(spec.name, [f"no size has two shapes with different {axis}"])
    return rows


def _at_best_rate(shape: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs of a shape at the rate with the least mean; its name, if that was the last tried."""
    means = shape.groupby("peak_lr")["log_loss"].mean()
    rate = means.idxmin()
    edge = len(means) > 1 and rate in (means.index.min(), means.index.max())
    name = f"{shape['width'].iloc[0]} x {shape['n_layer'].iloc[0]}" if edge else ""
    return shape[shape["peak_lr"] == rate], name


def _of_size(spec: Shape, size: float, best: list, scatter: Scatter | None) -> list[Row]:
    axis = RATIOS[spec.ratio][0]
    group = Group.of(n_params_non_embedding=round(size))
    shapes = sorted((shape for shape, _ in best), key=lambda shape: shape["ratio"].iloc[0])
    ratio = np.array([shape["ratio"].iloc[0] for shape in shapes])
    losses = [shape["log_loss"].to_numpy() for shape in shapes]
    lowest = int(np.argmin([np.mean(values) for values in losses]))
    at = [
        increase(Q.LOSS_INCREASE, losses[i], losses[lowest], None if i == lowest else scatter,
                 kind=Kind.POINT, group=group, x_quantity=axis, x=float(ratio[i]),
                 n_runs=len(shape), runs=" ".join(shape["run_id"]))
        for i, shape in enumerate(shapes)
    ]  # fmt: skip
    inside, span = _widest(ratio, spec.factor)
    worst = max(inside, key=lambda i: at[i].value)
    low = min(inside, key=lambda i: np.mean(losses[i]))
    said = [f"over a factor of {span:.3g} in {axis}"]
    edges = ", ".join(name for _, name in best if name)
    said += [f"the best rate is the last one tried at d_model x n_layer {edges}"] * bool(edges)
    said += [UNKNOWN] * (scatter is None)
    runs = [run_id for i in inside for run_id in shapes[i]["run_id"]]
    return [*at, increase(
        Q.LARGEST_INCREASE, losses[worst], losses[low], scatter, group=group, x_quantity=axis,
        x=float(ratio[worst]), n_runs=len(runs), runs=" ".join(runs), warnings="; ".join(said),
        verdict=IDENTIFIED, theory=PAPER, theory_source=SOURCE,
    )]  # fmt: skip


def _widest(ratio: np.ndarray, factor: float) -> tuple[list[int], float]:
    """The shapes of the widest range of the ratio within a factor, and how wide it is."""
    ranges = []
    for first in range(len(ratio)):
        inside = [i for i in range(first, len(ratio)) if ratio[i] <= 1.001 * factor * ratio[first]]
        ranges.append((float(ratio[inside[-1]] / ratio[first]), inside))
    width, inside = max(ranges, key=lambda one: one[0])
    return inside, width


def draw(spec: KaplanShape, tables: Tables) -> Drawing:
    """Loss increase against each ratio that was analysed, one panel each."""
    asked = {"aspect": spec.aspect, "feed_forward": spec.feed_forward, "head": spec.head}
    found = {ratio: tables.analysed(name, spec.called) for ratio, name in asked.items() if name}
    sheet = Sheet(max(1, len(found)))
    sizes = sorted({
        size for one in found.values() for size in one.points(Q.LOSS_INCREASE)["of"]
    })  # fmt: skip
    looks = {size: look_of(i) for i, size in enumerate(sizes)}
    notes: list[str] = []
    for ratio, rows in found.items():
        axis = RATIOS[ratio][0]
        panel = sheet.panel(str(axis), "loss increase (%)", TITLES[ratio], y_scale="linear")
        _panel(panel, rows, looks)
        notes += _said(rows, str(axis))
    key = [(f"N = {short(size)}", look) for size, look in looks.items()]
    key.append(("3 %: the paper's largest", REFERENCE))
    return sheet.drawing(key, dict.fromkeys(notes))


def _panel(panel: Panel, rows: Analysed, looks: dict[float, dict]) -> None:
    points = rows.points(Q.LOSS_INCREASE)
    for size, look in looks.items():
        here = points[points["of"] == size]
        name = f"N = {short(size)}"
        panel.line(here["x"], here["value"], name, "shapes", color=look["color"], linewidth=0.9)
        panel.intervals_of(here, name, "loss increase", **look)
    if len(points):
        panel.level(PAPER, "the paper's largest")
        panel.axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
        panel.record.add(panel=panel.name, series=["the best shape"], what="level",
                         x_quantity=panel.x, x=[np.nan], y_quantity=panel.y, y=[0.0])  # fmt: skip


def _said(rows: Analysed, axis: str) -> list[str]:
    """The largest increase of each size, whether it is the paper's, and the scatter."""
    if not rows.made:
        return rows.why_not()
    notes = []
    for _, one in rows.parameters(Q.LARGEST_INCREASE).iterrows():
        span, *more = str(one["warnings"]).split("; ")
        notes.append(f"N = {short(one['of'])}, {span}: the loss rises by at most "
                     f"{in_percent(one)}. {_beside_paper(one)}")  # fmt: skip
        notes += [f"{text[0].upper()}{text[1:]}." for text in more]
    noise = rows.number(Q.RELATIVE_SD, optional=True)
    if noise is not None:
        notes.append(f"{axis}: the loss scatters over seeds by {100 * noise['value']:.2g} %.")
    return list(dict.fromkeys(notes))


def _beside_paper(one: pd.Series) -> str:
    if not np.isfinite(one["lo"]):
        return "Without seeds this cannot be compared with the paper's 3 %."
    if one["hi"] <= one["theory"]:
        return "This is within the paper's 3 %."
    if one["lo"] > one["theory"]:
        return "This is more than the paper's 3 %."
    return "Whether this is more than the paper's 3 % cannot be told."


ANALYSES = {"shape": Analysis(Shape, analyse)}
FIGURES = {"kaplan_shape": Figure(KaplanShape, draw)}
