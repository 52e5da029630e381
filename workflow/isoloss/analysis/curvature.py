"""Is the frontier a straight line? Its exponent in thirds of the compute.

Hoffmann et al. (2022, arXiv:2203.15556), App. E, find smaller models at large compute than a
straight line gives: a falls from third to third.
"""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.allocation import moved
from isoloss.analysis.allocation_rows import METHOD, slope_row
from isoloss.analysis.design import design_of
from isoloss.analysis.design_noise import draw_noise
from isoloss.analysis.envelope import envelope, frontier
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import LEVEL
from isoloss.config.analyses.allocation import Curvature
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis
from isoloss.stats.intervals import bounds

THIRDS = 3
FEWEST_BUDGETS = 30
SHOWN = 90


def curvature(
    spec: Curvature, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """a in each third of the budgets where the best size has a neighbour on each side.

    Raises
    ------
    UserError
        The sweeps are no grid, have too few learning curves, or hardly any such budget.
    """
    design = design_of(runs, curves, spec.sweeps, spec.name, spec.first_step)
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
    ends = np.linspace(x[0], x[-1], THIRDS + 1)
    for third in range(THIRDS):
        part = (x >= ends[third]) & (x <= ends[third + 1])
        group = f"third={third + 1}"
        if part.sum() < FEWEST_BUDGETS // THIRDS:
            rows.append({"group": group, "kind": "parameter", "quantity": "a",
                         "verdict": "not made: too few budgets in this third"})  # fmt: skip
            continue
        value = np.polyfit(x[part], y[part], 1)
        slopes = moved(_slopes(x[part], drawn[:, part], 1), value[0])
        rows.append(slope_row("a", float(value[0]), slopes, group=group, **common))
        span = np.array([ends[third], ends[third + 1]])
        rows += _line(group, span, np.polyval(value, span), spec.count)
    bend = np.polyfit(x - x.mean(), y, 2)
    bends = moved(_slopes(x - x.mean(), drawn, 2), bend[0])
    whole = np.polyfit(x, y, 1)
    rows += _line("whole", x[[0, -1]], np.polyval(whole, x[[0, -1]]), spec.count)
    slopes = moved(_slopes(x, drawn, 1), whole[0])
    rows.append(slope_row("a", float(whole[0]), slopes, group="whole", **common))
    return [*rows, _bend(float(bend[0]), bends, common)]


def _bend(value, draws, common):
    """The quadratic coefficient of ln N* in ln C, whose sign is what is asked."""
    row = slope_row("curvature of ln N*", value, draws, group="whole", **common)
    known = row["lo"] is not None
    straight = known and row["lo"] <= 0 <= row["hi"]
    said = "the interval has zero in it: a straight line will do" if straight else (
        "zero lies outside the interval: the frontier bends")  # fmt: skip
    return row | {"verdict": "identified" if known else row["verdict"],
                  "warnings": said if known else row["warnings"]}  # fmt: skip


def _slopes(x, rows, degree):
    """The leading coefficient of a polynomial through each row, by its finite places."""
    found = np.full(len(rows), np.nan)
    for i, y in enumerate(rows):
        here = np.isfinite(y)
        if here.sum() >= FEWEST_BUDGETS // THIRDS:
            found[i] = np.polyfit(x[here], y[here], degree)[0]
    return found


def _points(x, y, drawn, count, runs):
    chosen = np.unique(np.linspace(0, len(x) - 1, SHOWN).astype(int))
    lo, hi = bounds(np.where(np.isfinite(drawn), drawn, np.nan)[:, chosen], LEVEL)
    return [
        {"group": "frontier", "kind": "point", "quantity": "n_opt", "unit": "parameters",
         "x_quantity": f"compute, {count} (FLOP)", "x": float(np.exp(x[k])),
         "value": float(np.exp(y[k])), "lo": float(np.exp(low)), "hi": float(np.exp(high)),
         "level": LEVEL, "method": METHOD, "verdict": "identified", "runs": runs}
        for k, low, high in zip(chosen, lo, hi, strict=True)
    ]  # fmt: skip


def _line(group, x, y, count):
    return [
        {"group": group, "kind": "line", "quantity": "n_opt", "unit": "parameters",
         "x_quantity": f"compute, {count} (FLOP)", "x": float(np.exp(c)), "value": float(np.exp(n))}
        for c, n in zip(x, y, strict=True)
    ]  # fmt: skip


ANALYSES = {"curvature": Analysis(Curvature, of_dicts(curvature))}
