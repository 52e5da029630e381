"""Figures of one fit of a user's table: loss, residuals and influence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts.panel import REFERENCE, Panel, Record, finish
from isoloss.charts.save import save
from isoloss.charts.style import (
    COLORS,
    GREY,
    MARKERS,
    legend_below,
    new_figure,
    ordered_colors,
    styled,
)
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.fit.influence import TELLING, leave_one_out, residuals
from isoloss.fit.plot import LABELS, MARK, N_POINTS, draw_law, lines
from isoloss.fit.result import FitResult
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = LABELS | {"compute": "compute 6 N D (FLOP)"}
LAW = {"linestyle": "-"}
Drawn = tuple["Figure", Record, list[str]]  # the last are warnings


def draw_fit(
    result: FitResult, folder: Path, labels: Mapping[str, str] = MappingProxyType({})
) -> list[Path]:
    """Write loss, residuals and influence as PDF, PNG, CSV and JSON; return their paths.

    `labels` gives the axis label of a variable whose name is not plain enough.
    """
    labels = NAMES | dict(labels)
    paths = []
    for name, title, caption, draw in (
        ("loss", "Losses and the fitted law", LOSS, loss_figure),
        ("residuals", "What the law leaves unexplained", RESIDUALS, residual_figure),
        ("influence", "What each run does to the fit", INFLUENCE, influence_figure),
    ):
        with styled():
            figure, record, notes = draw(result, labels)
        texts = {"title": title, "caption": caption, "notes": notes, "tabulate": False}
        paths += save(folder / name, figure, record.table(), texts)
    return paths


LOSS = (
    "Points are rows of the table. Lines are the fitted law with its interval, which holds the "
    "law and not single runs; it is not drawn where the data do not determine the law."
)
RESIDUALS = (
    "ln of the measured loss over the fitted one, for every row. A trend means that the law is not "
    "of the right form; a spread that grows to one side means that rows there deserve less weight."
)
INFLUENCE = (
    "How far each parameter moves, in its standard errors, when one run is left out and the law is "
    "fitted again. Dashed: two standard errors. Runs hide behind each other: those that move a "
    "parameter together are in fit.json."
)


def loss_figure(result: FitResult, labels: Mapping[str, str]) -> Drawn:
    """The loss against each variable, and against compute where N and D give it."""
    frame, record, notes = _rows(result), Record(), []
    axes_of = list(_axes(result, frame))
    figure, axes = new_figure(columns=len(axes_of), width=3.4 * len(axes_of) + 0.6, height=3.8)
    panels, key = [], []
    values = {name: frame[name].to_numpy(float) for name in result.law.variables}
    for place, name in zip(axes[0], axes_of, strict=True):
        panel = Panel(place, record, labels.get(name, name), "loss", name=_letter(panels))
        panels.append(panel)
        marker = MARKERS[len(panels) - 1]
        if name not in result.law.variables:
            if _compute(panel, result, frame, {"color": COLORS[0], "marker": marker}):
                key.append(("compute-optimal", {"color": "black", "linestyle": "-"}))
            continue
        drawn = list(lines(result, name, values))
        colors = ordered_colors(len(drawn)) if len(drawn) > 1 else [COLORS[0]]
        for line, color in zip(drawn, colors, strict=True):
            series = f"rows near {line.label}" if line.label else "rows"
            rows = frame[line.rows]
            panel.points(rows[name], rows["loss"], series, "row", color=color, marker=marker,
                         **MARK)  # fmt: skip
            if result.verdict.determined:
                draw_law(panel, result, name, line, values[name], color, LAW)
            if line.label:
                key.append((line.label, {"color": color, "marker": marker, "linestyle": "-"}))
    if not result.identified:
        undrawn = "" if result.verdict.determined else "; no law is drawn"
        notes.append(f"{result.verdict}{undrawn}.")
    finish(panels)
    legend_below(figure, key)
    return figure, record, [*notes, result.law.formula]


def residual_figure(result: FitResult, labels: Mapping[str, str]) -> Drawn:
    """The residual of ln L against each variable, and compute."""
    frame, record = _rows(result), Record()
    axes_of = list(_axes(result, frame))
    figure, axes = new_figure(columns=len(axes_of), width=3.2 * len(axes_of) + 0.6, height=3.2)
    panels = []
    for place, name in zip(axes[0], axes_of, strict=True):
        panel = Panel(place, record, labels.get(name, name), "ln(loss / fitted)",
                      name=_letter(panels), y_scale="linear")  # fmt: skip
        panel.points(frame[name], frame["residual"], "residual", "row", color=COLORS[0], **MARK)
        panel.level(0.0, "fitted")
        panels.append(panel)
    finish(panels)
    spread = root_mean_square(frame["residual"])
    return figure, record, [f"Root mean square of the residuals: {spread:.2g}."]


def influence_figure(result: FitResult, _: Mapping[str, str]) -> Drawn:
    """One panel per parameter: its shift without each run; the largest shift is numbered."""
    frame, record = leave_one_out(result), Record()
    names = [n for n in result.law.names if frame[f"{n}_shift"].notna().any()]
    columns = min(3, max(1, len(names)))
    rows = -(-max(1, len(names)) // columns)
    figure, axes = new_figure(columns, rows, width=3.2 * columns, height=2.5 * rows + 0.3)
    panels = []
    for i, place in enumerate(axes.ravel()):
        if i >= len(names):
            place.set_visible(False)
            continue
        shift = frame[f"{names[i]}_shift"]
        panel = Panel(place, record, "first row of the run left out", "shift / standard error",
                      name=names[i], x_scale="linear", y_scale="linear")  # fmt: skip
        panel.points(frame["left_out"], shift, names[i], "run", color=COLORS[0], **MARK)
        for bound in (-TELLING, TELLING):
            panel.level(bound, "two standard errors", **REFERENCE)
        for row in shift.abs().nlargest(1).index:
            panel.write(str(frame["left_out"][row]), frame["left_out"][row], shift[row], color=GREY)
        panels.append(panel)
    finish(panels)
    notes = [] if names else ["There are no draws to measure shifts by."]
    return figure, record, notes


def _rows(result):
    frame = residuals(result)
    if {"n_params", "n_tokens"} <= set(frame.columns) and "compute" not in frame.columns:
        frame["compute"] = FLOPS_PER_PARAM_TOKEN * frame["n_params"] * frame["n_tokens"]
    return frame


def _axes(result, frame) -> Iterator[str]:
    yield from result.law.variables
    if "compute" in frame.columns and "compute" not in result.law.variables:
        yield "compute"


def _compute(panel, result, frame, look) -> bool:
    """Draw losses against compute, and the least loss that the law allows; whether it has one."""
    panel.points(frame["compute"], frame["loss"], "rows", "row", **look, **MARK)
    if not (result.verdict.determined and result.law.allocates):
        return False
    x = np.geomspace(frame["compute"].min(), frame["compute"].max(), N_POINTS)
    best = result.optimum(x)
    panel.band(x, best["loss"], best["loss_lo"], best["loss_hi"], "compute-optimal", "interval",
               color="black")  # fmt: skip
    panel.line(x, best["loss"], "compute-optimal", "fitted law", color="black")
    return True


def _letter(panels):
    return "abcdefgh"[len(panels)]
