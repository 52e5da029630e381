"""Figures of one fit of a user's table: the law through its losses, residuals, influence."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

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
from isoloss.charts.text import short
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.exhibits.base import Drawing, Drawn
from isoloss.fit.influence import TELLING, leave_one_out, residuals
from isoloss.fit.result import FitResult
from isoloss.stats.spread import root_mean_square

N_POINTS = 80
LEVELS = (0.05, 0.5, 0.95)  # quantiles of the other variable at which a law of two is drawn
NAMES = {
    "n_params": "parameters N",
    "n_tokens": "tokens D",
    "n_unique_tokens": "unique tokens U",
    "n_steps": "steps S",
    "compute": "compute 6 N D (FLOP)",
}
MARK = {"markersize": 4, "alpha": 0.75, "markeredgewidth": 0}


def draw_fit(
    result: FitResult, folder: Path, labels: Mapping[str, str] = MappingProxyType({})
) -> list[Path]:
    """Write loss, residuals and influence as PDF, PNG, CSV and JSON; give their paths.

    `labels` says what a variable of the law is called on axes, where that is not plain.
    """
    labels = NAMES | dict(labels)
    paths = []
    for name, title, caption, drawn in (
        ("loss", "Losses and the fitted law", LOSS, loss_figure),
        ("residuals", "What the law leaves unexplained", RESIDUALS, residual_figure),
        ("influence", "What each run does to the fit", INFLUENCE, influence_figure),
    ):
        spec = Drawn(name=name, title=title, caption=caption)
        with styled():
            drawing = drawn(result, labels)
        paths += save(spec, drawing, folder / name)
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


def loss_figure(result: FitResult, labels: Mapping[str, str]) -> Drawing:
    """The loss against each variable, and against compute where N and D give it."""
    frame, record, notes = _rows(result), Record(), []
    axes_of = list(_axes(result, frame))
    figure, axes = new_figure(columns=len(axes_of), width=3.4 * len(axes_of) + 0.6, height=3.8)
    panels, key = [], []
    for place, name in zip(axes[0], axes_of, strict=True):
        panel = Panel(place, record, labels.get(name, name), "loss", name=_letter(panels))
        panels.append(panel)
        levels, marker = _levels(result, frame, name), MARKERS[len(panels) - 1]
        nearest = _nearest(frame, levels)
        for i, (label, at) in enumerate(levels):
            color = _colors(len(levels))[i]
            rows = frame[nearest == i]
            panel.points(rows[name], rows["loss"], f"rows near {label}" if label else "rows",
                         "row", color=color, marker=marker, **MARK)  # fmt: skip
            if result.identified:
                _line(panel, result, frame, name, at, label or "law", color)
            if label:
                key.append((label, {"color": color, "marker": marker, "linestyle": "-"}))
        if name == "compute" and result.identified:
            _frontier(panel, result, frame)
            key.append(("compute-optimal", {"color": "black", "linestyle": "-"}))
    if not result.identified:
        notes.append(f"{result.verdict}; no law is drawn.")
    finish(figure, panels)
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=[*notes, result.law.formula])


def residual_figure(result: FitResult, labels: Mapping[str, str]) -> Drawing:
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
    finish(figure, panels)
    spread = root_mean_square(frame["residual"])
    note = f"Root mean square of the residuals: {spread:.2g}."
    return Drawing(figure=figure, table=record.table(), notes=[note])


def influence_figure(result: FitResult, _: Mapping[str, str]) -> Drawing:
    """A panel for each parameter: its shift without each run; the largest is numbered."""
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
    finish(figure, panels)
    notes = [] if names else ["There are no draws to measure shifts by."]
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _rows(result):
    frame = residuals(result)
    if {"n_params", "n_tokens"} <= set(frame.columns) and "compute" not in frame.columns:
        frame["compute"] = FLOPS_PER_PARAM_TOKEN * frame["n_params"] * frame["n_tokens"]
    return frame


def _axes(result, frame) -> Iterator[str]:
    yield from result.law.variables
    if "compute" in frame.columns and "compute" not in result.law.variables:
        yield "compute"


def _levels(result, frame, name) -> list[tuple[str, dict[str, float]]]:
    """Label and values of the other variables at which the law is drawn against `name`."""
    others = [v for v in result.law.variables if v != name]
    middle = {v: float(np.exp(np.median(np.log(frame[v])))) for v in others}
    if name == "compute" or len(others) != 1:
        return [("", middle)]
    values = np.exp(np.quantile(np.log(frame[others[0]]), LEVELS))
    symbol = NAMES.get(others[0], others[0]).split()[-1]
    return [(f"{symbol} = {short(value)}", {others[0]: float(value)}) for value in values]


def _nearest(frame, levels):
    """Which level each row is nearest to, in logarithms."""
    if len(levels) == 1:
        return np.zeros(len(frame), int)
    (other,) = levels[0][1]
    logs = np.log([at[other] for _, at in levels])
    return np.abs(np.log(frame[other].to_numpy())[:, None] - logs).argmin(axis=1)


def _line(panel, result, frame, name, at, label, color):
    if name == "compute" and name not in result.law.variables:
        return
    x = np.geomspace(frame[name].min(), frame[name].max(), N_POINTS)
    curve = result.predict({name: x} | {v: np.full(N_POINTS, value) for v, value in at.items()})
    panel.band(x, curve["loss"], curve["lo"], curve["hi"], label, "interval", color=color)
    panel.line(x, curve["loss"], label, "fitted law", color=color)


def _frontier(panel, result, frame):
    if not hasattr(result.law, "optimum"):
        return
    x = np.geomspace(frame["compute"].min(), frame["compute"].max(), N_POINTS)
    best = result.optimum(x)
    panel.band(x, best["loss"], best["loss_lo"], best["loss_hi"], "compute-optimal", "interval",
               color="black")  # fmt: skip
    panel.line(x, best["loss"], "compute-optimal", "fitted law", color="black")


def _colors(count):
    return ordered_colors(count) if count > 1 else [COLORS[0]]


def _letter(panels):
    return "abcdefgh"[len(panels)]
