"""Rows of the table of analyses about compute-optimal allocation."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from isoloss.analysis.allocation import Allocation
from isoloss.analysis.rows import LEVEL, exponent_verdict, row
from isoloss.results.verdict import OFTEN
from isoloss.stats.intervals import bounds

METHOD = "new noise for every run, shared by runs of one size as far as theirs is"
NAMES = {1: "envelope of learning curves", 2: "isoFLOP valleys", 3: "parametric law"}


def slope_row(quantity: str, value: float, draws: np.ndarray, **also: Any) -> dict[str, Any]:
    """An exponent with its interval; its verdict counts the draws that gave none."""
    good = draws[np.isfinite(draws)]
    verdict = exponent_verdict(value, good)
    lost = 1 - len(good) / max(len(draws), 1)
    also = dict(also)
    warnings = [also.pop("warnings", "")]
    if lost > OFTEN:
        warnings += [f"{lost:.0%} of the draws have fewer than three places to draw a line through"]
    if lost > 0.5:
        verdict = f"not identified: {warnings[-1]}"
    said = "; ".join(filter(None, warnings))
    return row(quantity, value, good, verdict=verdict, warnings=said, **also)


def difference(
    what: str, group: str, value: float, draws: np.ndarray, runs: Iterable[str], same: str
) -> dict[str, Any]:
    """A difference of two exponents under the same noise, and whether it may be zero.

    Parameters
    ----------
    same : str
        What is said of the two where the interval has zero in it, and what of them otherwise,
        separated by a bar.
    """
    good = draws[np.isfinite(draws)]
    lo, hi = bounds(good, LEVEL) if len(good) else (-np.inf, np.inf)
    inside, outside = same.split("|")
    runs = list(dict.fromkeys(" ".join(runs).split()))
    return row(
        what, value, good, group=group, method=METHOD, n_runs=len(runs), runs=" ".join(runs),
        warnings=f"{inside}: the interval has zero in it" if lo <= 0 <= hi
        else f"{outside}: zero lies outside the interval",
    )  # fmt: skip


def exponents(found: Allocation, group: str, **also: Any) -> list[dict[str, Any]]:
    """a and b."""
    common = {"group": group, "method": METHOD, "n_runs": found.n_runs, "runs": found.runs} | also
    return [
        slope_row("a", found.a, found.drawn["a"], **common),
        slope_row("b", found.b, found.drawn["b"], **common),
    ]


def lines(found: Allocation, group: str, log_c: np.ndarray, count: str) -> list[dict[str, Any]]:
    """N* and D* over a range of compute, with their band."""
    made = []
    for quantity, unit, (value, draws) in (
        ("n_opt", "parameters", found.log_n(log_c)),
        ("d_opt", "tokens", found.log_d(log_c)),
    ):
        lo, hi = bounds(draws[np.isfinite(draws).all(axis=1)], LEVEL)
        made += [
            {
                "group": group, "kind": "line", "quantity": quantity, "unit": unit,
                "x_quantity": f"compute, {count} (FLOP)", "x": float(np.exp(c)),
                "value": float(np.exp(middle)), "lo": _exp(low), "hi": _exp(high),
                "level": LEVEL, "method": METHOD, "n_runs": found.n_runs,
            }
            for c, middle, low, high in zip(log_c, value, lo, hi, strict=True)
        ]  # fmt: skip
    return made


def places(found: Allocation, group: str, count: str) -> list[dict[str, Any]]:
    """Where the line of an approach goes through."""
    at = found.places
    return [
        {
            "group": group, "kind": "point", "quantity": quantity, "unit": unit,
            "x_quantity": f"compute, {count} (FLOP)", "x": float(np.exp(c)),
            "value": float(np.exp(y)), "verdict": "identified", "runs": found.runs,
        }
        for quantity, unit, values in (
            ("n_opt", "parameters", at.log_n), ("d_opt", "tokens", at.log_d)
        )
        for c, y in zip(at.log_c, values, strict=True)
    ]  # fmt: skip


def _exp(value) -> float | None:
    return float(np.exp(value)) if np.isfinite(value) else None
