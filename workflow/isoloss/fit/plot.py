"""The figure of `FitResult.plot`: losses with the law and its interval, and the residuals.

`FitResult` is not imported here, because its module imports this one.
"""

import functools
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.errors import UserError, nearest

N_POINTS = 80
MOST_LINES = 6  # the most values of another variable with a line each
SHARES = (0.05, 0.275, 0.5, 0.725, 0.95)  # its quantiles with a line each, where it has more values
DPI = 100  # in a notebook
HEIGHTS = (2.3, 1)  # relative heights of losses and residuals
SAME = 0.01  # values less than 1 % apart are one
MARK = {"markersize": 4.2, "alpha": 0.8, "markeredgewidth": 0}
LABELS = {
    "n_params": "parameters N",
    "n_tokens": "training tokens D",
    "n_unique_tokens": "unique tokens U",
    "n_steps": "steps S",
    "compute_pf_days": "compute C (PF-days)",
    "compute_min_pf_days": "least compute C_min (PF-days)",
    "loss_reached": "loss reached",
    "loss": "loss",
}
MEASURED = {"kaplan_b_crit": "critical batch (tokens)"}  # laws whose y is no loss
SYMBOLS = {"n_params": "N", "n_tokens": "D", "n_unique_tokens": "U", "n_steps": "S"}


@dataclass(frozen=True)
class Line:
    """The law along one variable, and the rows that the line represents.

    Attributes
    ----------
    label : str
        The value of the other variable as text; "" if there is none.
    at : dict of str to float
        Values of the other variables.
    rows : ndarray of bool, shape (row,)
    exact : bool
        Whether the rows have that value, or are only nearest to it.
    """

    label: str
    at: dict[str, float]
    rows: np.ndarray
    exact: bool = True


def overview(result: Any, against: str | None, labels: Mapping[str, str]):
    """The figure of `FitResult.plot`: a column for each variable, or for one of them."""
    from isoloss.charts.panel import Panel, Record, finish
    from isoloss.charts.style import COLORS, new_figure, ordered_colors, styled

    names = _variables(result, against)
    labels = LABELS | {"loss": MEASURED.get(result.law.name, "loss")} | dict(labels)
    values = {name: np.exp(x) for name, x in result.problem.log_x.items()}
    loss = np.exp(result.problem.log_loss)
    residual = 100 * -result.problem.law.log_loss(result.theta[None], result.problem.log_x)[0]
    residual = residual + 100 * result.problem.log_loss
    look = {"linestyle": "-" if result.identified else (0, (5, 2))}
    panels = []
    with styled():
        width = max(5.2, 4.3 * len(names))
        figure, axes = new_figure(columns=len(names), rows=2, width=width, height=6.0)
        axes[0, 0].get_gridspec().set_height_ratios(HEIGHTS)
        for upper, lower in axes.T:
            upper.sharex(lower)
        for (upper, lower), name in zip(axes.T, names, strict=True):
            x = values[name]
            losses = Panel(upper, Record(), "", labels["loss"])
            rest = Panel(lower, Record(), labels.get(name, name), "residual (%)", y_scale="linear")
            rest.level(0.0, "fitted")
            there = list(lines(result, name, values))
            colors = ordered_colors(len(there)) if len(there) > 1 else [COLORS[0]]
            for line, color in zip(there, colors, strict=True):
                losses.points(x[line.rows], loss[line.rows], "rows", "row", color=color, **MARK)
                rest.points(x[line.rows], residual[line.rows], "rows", "row", color=color, **MARK)
                draw_law(losses, result, name, line, x, color, look)
            if len(there) > 1:
                _key(upper, there, colors)
            panels += [losses, rest]
        finish(panels)
        for upper in axes[0]:
            upper.tick_params(labelbottom=False)
        figure.suptitle(_title(result, width), fontsize=10, x=0.01, ha="left")
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure) -> bytes:
    """The figure for a notebook, which shows none by itself where pyplot was never imported."""
    from isoloss.charts.style import styled

    file = io.BytesIO()
    with styled():
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return file.getvalue()


def _variables(result, against) -> Sequence[str]:
    names = result.law.variables
    if against is None:
        return names
    if against not in names:
        found = f"{result.law.name} has no variable {against!r}{nearest(against, names)}"
        raise UserError("against", [f"{found} (variables: {', '.join(names)})"])
    return (against,)


def lines(result, name, values) -> Iterator[Line]:
    """The lines to draw: each has one value of the first other variable, the rest their median."""
    others = [other for other in result.law.variables if other != name]
    n_rows = len(values[name])
    if not others:
        yield Line("", {}, np.ones(n_rows, bool))
        return
    first, *more = others
    middle = {other: float(np.exp(np.median(np.log(values[other])))) for other in more}
    log_x = result.problem.log_x[first]
    levels = _levels(log_x)
    nearest_level = np.abs(log_x[:, None] - levels).argmin(axis=1)
    for i, level in enumerate(levels):
        rows = nearest_level == i
        if rows.any():
            from isoloss.charts.text import short

            value = float(np.exp(level))
            label = f"{SYMBOLS.get(first, first)} = {short(value)}"
            exact = not more and bool(np.ptp(log_x[rows]) <= SAME)
            yield Line(label, {first: value, **middle}, rows, exact)


def _levels(log_x):
    """ln of the values with a line: all of them where they are few, else quantiles."""
    ordered = np.sort(log_x)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > SAME) + 1)
    if len(groups) <= MOST_LINES:
        return np.array([np.median(group) for group in groups])
    return np.unique(np.quantile(log_x, SHARES))


def draw_law(panel, result, name, line, x, color, look):
    """Draw the law over the range of its rows, with the interval where the table determines one."""
    low, high = x[line.rows].min(), x[line.rows].max()
    if not low < high:
        low, high = x.min(), x.max()
    points = np.geomspace(low, high, N_POINTS)
    at = {other: np.full(N_POINTS, value) for other, value in line.at.items()}
    curve = result.predict({name: points, **at})
    if np.isfinite(curve["lo"]).any():
        panel.band(points, curve["loss"], curve["lo"], curve["hi"], line.label, "interval",
                   color=color)  # fmt: skip
    panel.line(points, curve["loss"], line.label, "fitted law", color=color, **look)


def _key(axes, drawn, colors):
    """Draw the legend above the panel, where it hides no row."""
    from matplotlib.lines import Line2D

    from isoloss.charts.text import short

    handles = [Line2D([], [], color=color, marker="o", markersize=4.2) for color in colors]
    others = list(drawn[0].at.items())[1:]  # the same in all lines
    held = ", ".join(f"{SYMBOLS.get(name, name)} = {short(value)}" for name, value in others)
    said = f"law at {held} and; rows near" if held else "law at; rows near"
    axes.legend(
        handles,
        [line.label for line in drawn],
        title=None if all(line.exact for line in drawn) else said,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.01),
        ncols=3,
        fontsize=8,
        title_fontsize=8,
        columnspacing=1.0,
        handlelength=1.5,
    )


def _title(result, width):
    """Law and verdict, over as many lines as fit the width in inches."""
    import textwrap

    said = textwrap.wrap(f"{result.law.name}: {result.verdict}", int(11.5 * width), max_lines=4)
    drawn = len(result.draws) > 0
    band = f"band: {100 * result.level:g} % interval of the law, where there is one"
    return "\n".join([*said, *([band] if drawn else [])])
