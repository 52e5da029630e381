"""The three approaches of Hoffmann et al. (2022) on the same runs, and whether they agree."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.allocation import Allocation, moved
from isoloss.analysis.allocation_rows import METHOD, NAMES, difference, exponents, lines, places
from isoloss.analysis.design import Design, design_of
from isoloss.analysis.design_noise import Draws, draw_noise
from isoloss.analysis.envelope import envelope, first_approach
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.parametric import Surface, third_approach
from isoloss.analysis.rows import LEVEL, row
from isoloss.analysis.valleys import DrawnValley, second_approach, valleys
from isoloss.config.analyses.allocation import Approaches
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis
from isoloss.fit.isoflop import INTERIOR
from isoloss.stats.intervals import bounds

LINE_POINTS = 40
SHOWN_WINNERS = 150


def approaches(
    spec: Approaches, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """a, b, N*(C) and D*(C) by each approach, with one noise for all three, and their differences.

    An approach that the runs do not allow has one row, whose verdict says why.

    Raises
    ------
    UserError
        The sweeps are no grid of four sizes and three numbers of tokens.
    """
    design = design_of(runs, curves, spec.sweeps, spec.name, spec.first_step)
    draws = draw_noise(design, spec.draws)
    rows, found, warnings = [_noise(design, draws)], {}, {}
    for number in NAMES:
        group = f"approach={number}"
        try:
            found[number], more, warnings[number] = _make(number, spec, design, draws, group)
        except UserError as error:
            more = [_why_not(group, error)]
        rows += more
    rows += _valleys(design, draws, spec)
    log_c = design.log_compute(spec.count)
    first = min(log_c.min(), *(one.places.log_c.min() for one in found.values()), np.inf)
    span = np.linspace(first, log_c.max() + np.log(spec.beyond), LINE_POINTS)
    for number, one in found.items():
        group = f"approach={number}"
        rows += exponents(one, group, warnings=warnings[number])
        rows += lines(one, group, span, spec.count)
        rows += places(one, group, spec.count)
    return rows + agreement(found)


def agreement(found: dict[int, Allocation]) -> list[dict[str, Any]]:
    """Differences of a between approaches, with the same noise in both."""
    rows = []
    for first, other in combinations(sorted(found), 2):
        one, two = found[first], found[other]
        group, runs = f"approach={other} - approach={first}", (one.runs, two.runs)
        draws = two.drawn["a"] - one.drawn["a"]
        said = "the two agree|the two differ"
        rows.append(difference("a: difference", group, two.a - one.a, draws, runs, said))
    return rows


def _make(number, spec, design, draws, group):
    """The allocation, rows of its own, and what a reader must know."""
    if number == 1:
        found = first_approach(design, draws, spec.count, spec.name)
        return found, _winners(design, draws, spec), ""
    if number == 2:
        found, _ = second_approach(design, draws, spec.count, spec.name, spec.levels, spec.reach)
        return found, [], ""
    found, law = third_approach(design, draws, spec.count, spec.name)
    return found, law_rows(law, group, design), law.warning


def _why_not(group: str, error: UserError) -> dict[str, Any]:
    return {"group": group, "kind": "parameter", "quantity": "a",
            "verdict": f"not made: {'; '.join(error.problems)}"}  # fmt: skip


def _noise(design: Design, draws: Draws) -> dict[str, Any]:
    return {
        "group": "noise", "kind": "parameter", "quantity": "sd of ln loss", "value": draws.sd,
        "n_runs": len(design.run_ids), "runs": design.ids, "verdict": "identified",
        "method": "what a polynomial in ln N and ln D leaves",
        "warnings": f"{draws.shared:.0%} of the variance is common to the runs of a size",
    }  # fmt: skip


def _winners(design, draws, spec) -> list[dict[str, Any]]:
    """The size with the least loss at each compute, and that loss."""
    found = envelope(design, draws, spec.count, spec.name)
    chosen = np.linspace(0, len(found.log_c) - 1, SHOWN_WINNERS).astype(int)
    chosen = chosen[found.winner[chosen] >= 0]
    log_n, log_k = design.log_n[spec.count], design.log_k[spec.count]
    rows = []
    for k in chosen:
        i, c = found.winner[k], found.log_c[k]
        beside = found.log_loss[max(i - 1, 0) : i + 2, k]
        edge = len(beside) < 3 or not np.isfinite(beside).all()
        common = {
            "group": "approach=1, winner", "kind": "point", "x": float(np.exp(c)),
            "x_quantity": f"compute, {spec.count} (FLOP)",
            "verdict": "at the edge: the next size has no loss there" if edge else "identified",
            "runs": design.run_ids[design.curves[i].run],
        }  # fmt: skip
        values = {"n_opt": (log_n[i], "parameters"), "d_opt": (c - log_k[i], "tokens"),
                  "loss": (found.log_loss[i, k], "nats per token")}  # fmt: skip
        rows += [common | {"quantity": name, "value": float(np.exp(y)), "unit": unit}
                 for name, (y, unit) in values.items()]  # fmt: skip
    return rows


def _valleys(design, draws, spec) -> list[dict[str, Any]]:
    """Every valley: its runs, its minimum, or why it has none."""
    found = valleys(design, draws, spec.count, spec.levels, spec.reach)
    rows = []
    for number, one in enumerate(found, start=1):
        common = {"group": f"approach=2, valley={number}", "kind": "point",
                  "verdict": "identified" if one.valley.status == INTERIOR else one.valley.status,
                  "x_quantity": f"compute, {spec.count} (FLOP)", "x": one.valley.compute,
                  "runs": design.ids}  # fmt: skip
        rows.append(common | _minimum(one, "n_opt"))
        rows.append(common | _minimum(one, "loss"))
        rows += [common | {"quantity": "loss at n_params", "x_quantity": "n_params",
                           "x": float(n), "value": float(loss), "unit": "nats per token"}
                 for n, loss in zip(one.valley.n_params, one.valley.loss, strict=True)]  # fmt: skip
    return rows


def _minimum(one: DrawnValley, quantity: str) -> dict[str, Any]:
    valley = one.valley
    if valley.status != INTERIOR:
        return {"quantity": quantity}
    value = valley.n_opt if quantity == "n_opt" else valley.loss_opt
    drawn = np.exp(one.log_n) if quantity == "n_opt" else one.loss
    draws = np.exp(moved(np.log(drawn)[:, None], np.log(value))[:, 0])
    unit = "parameters" if quantity == "n_opt" else "nats per token"
    lo, hi = bounds(draws[np.isfinite(draws)], LEVEL)
    return {"quantity": quantity, "value": value, "lo": float(lo), "hi": float(hi),
            "level": LEVEL, "unit": unit, "method": METHOD}  # fmt: skip


def law_rows(law: Surface, group: str, design: Design) -> list[dict[str, Any]]:
    """The parameters of the fitted law."""
    names = law.fit.law.names
    natural = law.fit.law.natural(law.draws[1:])
    natural = natural[np.isfinite(natural).all(axis=1)]
    return [
        row(
            name, law.fit.values[name], natural[:, i], group=group, method=METHOD,
            unit=law.fit.params[name].unit, n_runs=len(design.run_ids), runs=design.ids,
            verdict=law.fit.verdict,
            warnings="; ".join(filter(None, (*law.fit.warnings, law.warning))),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip


ANALYSES = {"approaches": Analysis(Approaches, of_dicts(approaches))}
