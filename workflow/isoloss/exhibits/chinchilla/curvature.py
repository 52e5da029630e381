"""Is the frontier a straight line? Its exponent in thirds of the compute.

Hoffmann et al. (2022, arXiv:2203.15556), App. E, find smaller models at large compute than a
straight line gives: a falls from third to third.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, Sheet
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.chinchilla.allocation import METHOD, UNITS, moved, slope_row
from isoloss.exhibits.chinchilla.by_envelope import envelope, frontier
from isoloss.exhibits.chinchilla.design import COUNTS, Counting, OfCurves
from isoloss.exhibits.chinchilla.looks import (
    DASHED,
    compute_label,
    count_of,
    size_label,
)
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.exhibits.notes import in_words, told
from isoloss.results import IDENTIFIED, Group, Kind, Label, Q, Row, points
from isoloss.results.verdict import not_made
from isoloss.stats.intervals import LEVEL, bounds

THIRDS = {1: "first", 2: "second", 3: "last"}
FEWEST_BUDGETS = 30
SHOWN = 90


class Curvature(OfCurves):
    """The exponent of N*(C) in thirds of the compute: is the frontier a straight line?"""

    do: Literal["curvature"]
    name: Name = "curvature"
    count: Counting = "embeddings"  # how N and C are counted


class ChinchillaCurvature(Drawn):
    """Fig. A5: the frontier, and lines through thirds of it."""

    draw: Literal["chinchilla_curvature"]
    name: Name = "chinchilla_a5"
    title: str = "Slope of the frontier in thirds (Hoffmann et al. 2022, Figure A5)"
    caption: str = (
        "The best size along the learning curves with its 90 % band, and a line through each "
        "third of the budgets. Hoffmann et al. find slopes that fall from third to third. A "
        "third with few changes of the best size shows only a strong bend."
    )
    curvature: Annotated[Name, Does("curvature")] = "curvature"  # the analysis drawn


def analyse(spec: Curvature, inputs: Inputs) -> list[Row]:
    """a in each third of the budgets where the best size has a neighbour on each side.

    Raises
    ------
    UserError
        The sweeps are no grid, have too few learning curves, or hardly any such budget.
    """
    design = spec.design(inputs, [spec.count])
    draws = draw_noise(design, spec.draws)
    found = envelope(design, draws, spec.count, spec.name)
    log_n, drawn = frontier(found, design.log_n[spec.count])
    here = np.isfinite(log_n)
    if here.sum() < FEWEST_BUDGETS:
        raise UserError(
            spec.name, ["at hardly any compute the best size has a neighbour on each side"]
        )
    x, y, drawn = found.log_c[here], log_n[here], drawn[:, here]
    common = {"n_runs": len(design.curve_ids.split()), "runs": design.curve_ids, "method": METHOD}
    rows = _points(x, y, moved(drawn, y), spec.count, design.curve_ids)
    ends = np.linspace(x[0], x[-1], len(THIRDS) + 1)
    for third in THIRDS:
        span = ends[third - 1 : third + 1]
        part = (x >= span[0]) & (x <= span[1])
        group = Group.of(third=third)
        if part.sum() < FEWEST_BUDGETS // len(THIRDS):
            rows.append(Row(group=group, kind=Kind.PARAMETER, quantity=Q.A_OPT,
                            verdict=not_made("too few budgets in this third")))  # fmt: skip
            continue
        value = np.polyfit(x[part], y[part], 1)
        slopes = moved(_slopes(x[part], drawn[:, part], 1), value[0])
        rows.append(slope_row(Q.A_OPT, float(value[0]), slopes, group=group, **common))
        rows += _line(group, span, np.polyval(value, span), spec.count)
    whole = Group.of(Label.WHOLE)
    bend = np.polyfit(x - x.mean(), y, 2)
    bends = moved(_slopes(x - x.mean(), drawn, 2), bend[0])
    value = np.polyfit(x, y, 1)
    rows += _line(whole, x[[0, -1]], np.polyval(value, x[[0, -1]]), spec.count)
    slopes = moved(_slopes(x, drawn, 1), value[0])
    rows.append(slope_row(Q.A_OPT, float(value[0]), slopes, group=whole, **common))
    return [*rows, _bend(float(bend[0]), bends, common | {"group": whole})]


def _bend(value: float, draws: np.ndarray, common: dict) -> Row:
    """The quadratic coefficient of ln N* in ln C, whose sign is what is asked."""
    found = slope_row(Q.CURVATURE, value, draws, **common)
    if found.lo is None:
        return found
    straight = found.lo <= 0 <= found.hi
    said = "no bend is seen: the interval holds 0" if straight else (
        "the frontier bends: the interval lies off 0")  # fmt: skip
    return replace(found, verdict=IDENTIFIED, warnings=said)


def _slopes(x, rows, degree):
    """The leading coefficient of a polynomial through each row, by its finite places."""
    found = np.full(len(rows), np.nan)
    for i, y in enumerate(rows):
        here = np.isfinite(y)
        if here.sum() >= FEWEST_BUDGETS // len(THIRDS):
            found[i] = np.polyfit(x[here], y[here], degree)[0]
    return found


def _points(x, y, drawn, count, runs) -> list[Row]:
    chosen = np.unique(np.linspace(0, len(x) - 1, SHOWN).astype(int))
    lo, hi = bounds(np.where(np.isfinite(drawn), drawn, np.nan)[:, chosen], LEVEL)
    return [
        Row(group=Group.of(Label.FRONTIER), kind=Kind.POINT, quantity=Q.N_OPT,
            unit=UNITS[Q.N_OPT], x_quantity=COUNTS[count].axis, x=float(np.exp(x[k])),
            value=float(np.exp(y[k])), lo=float(np.exp(low)), hi=float(np.exp(high)),
            level=LEVEL, method=METHOD, verdict=IDENTIFIED, runs=runs)
        for k, low, high in zip(chosen, lo, hi, strict=True)
    ]  # fmt: skip


def _line(group, x, y, count) -> list[Row]:
    return points(Q.N_OPT, COUNTS[count].axis, np.exp(x), np.exp(y), kind=Kind.LINE, group=group,
                  unit=UNITS[Q.N_OPT])  # fmt: skip


def draw(spec: ChinchillaCurvature, tables: Tables) -> Drawing:
    """N*(C) along the envelope of learning curves, and straight lines through thirds of it."""
    found = tables.analysed(spec.curvature, spec.called)
    count = count_of(found)
    sheet = Sheet(height=3.9)
    panel = sheet.panel(compute_label(count), size_label(count))
    at, key, notes = found.points(Q.N_OPT, group=Group.of(Label.FRONTIER)), [], []
    if len(at):
        panel.band(at["x"], at["value"], at["lo"], at["hi"], "frontier", "90 % band", color=GREY)
        panel.line(at["x"], at["value"], "best size", "frontier", color="black", linewidth=1.0,
                   zorder=5)  # fmt: skip
        key.append(("best size along learning curves", {"color": "black", "linestyle": "-"}))
        ends = np.array([at["x"].min(), at["x"].max()])
        panel.axes.set(ylim=(at["value"].min() / 1.8, at["value"].max() * 1.8))
        for third, name in THIRDS.items():
            group = Group.of(third=third)
            line = found.line(Q.N_OPT, group=group)
            if line.empty:
                continue
            slope, level = np.polyfit(np.log(line["x"]), np.log(line["value"]), 1)
            color, label = COLORS[third - 1], f"line through the {name} third"
            panel.line(ends, np.exp(level + slope * np.log(ends)), label, "line, prolonged",
                       color=color, linestyle=DASHED, linewidth=1.1)  # fmt: skip
            panel.line(line["x"], line["value"], label, "line", color=color, linewidth=2.2)
            key.append((label, {"color": color, "linestyle": "-"}))
            notes += told(found, Q.A_OPT, f"Exponent a of the {name} third", group=group)
    for _, one in found.parameters(Q.CURVATURE).iterrows():
        why = f"; {one['warnings']}" if np.isfinite(one["lo"]) else ""
        notes.append(f"Quadratic coefficient of ln N* in ln C: {in_words(one)}{why}.")
    return sheet.drawing(key, notes + found.why_not())


ANALYSES = {"curvature": Analysis(Curvature, analyse)}
FIGURES = {"chinchilla_curvature": Figure(ChinchillaCurvature, draw)}
