"""Compute-optimal sizes: places on the frontier, the power laws through them, and their rows.

Every approach of Hoffmann et al. (2022) ends here: with ln N* and ln D* at some ln C, measured and
in each draw, and with two lines through them.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.design import COUNTS
from isoloss.results import IDENTIFIED, Group, Kind, Q, Row, points, row
from isoloss.results.verdict import (
    OFTEN,
    Verdict,
    exponent_verdict,
    not_identified,
    not_made,
)
from isoloss.stats.intervals import LEVEL, bounds
from isoloss.stats.line import through_rows

FEWEST = 3  # places that a line is drawn through
METHOD = "new noise for every run, correlated within a size as the residuals are"
NAMES = {1: "envelope of learning curves", 2: "isoFLOP valleys", 3: "parametric law"}
UNITS = {Q.N_OPT: "parameters", Q.D_OPT: "tokens"}


@dataclass(frozen=True)
class Places:
    """Optima at budgets; NaN in a draw where there is none. Row 0 of the draws has no noise.

    Attributes
    ----------
    log_c, log_n, log_d : ndarray, shape (place,)
    drawn_c, drawn_n, drawn_d : ndarray, shape (1 + draw, place)
    """

    log_c: np.ndarray
    log_n: np.ndarray
    log_d: np.ndarray
    drawn_c: np.ndarray
    drawn_n: np.ndarray
    drawn_d: np.ndarray


@dataclass(frozen=True)
class Allocation:
    """N* = N_0 (C / C_0)**a and D* = D_0 (C / C_0)**b, with the draws of all four.

    Attributes
    ----------
    approach : int
    log_c0 : float
        Mean ln C of the places.
    a, b, log_n0, log_d0 : float
    drawn : dict of str to ndarray, shape (draw,)
        By the same names, moved so that what has no noise gives the values measured.
    places : Places
    n_runs : int
    runs : str
    method : str
        How the draws were made.
    paired_a : ndarray, shape (draw,), optional
        a with the same noise as other approaches have, where `drawn` has another.
    verdicts : dict of str to Verdict
        Those on a and b, where a fitted law has them; else they are judged by `slope_verdict`.
    """

    approach: int
    log_c0: float
    a: float
    b: float
    log_n0: float
    log_d0: float
    drawn: dict[str, np.ndarray]
    places: Places
    n_runs: int
    runs: str
    method: str = METHOD
    paired_a: np.ndarray | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def paired(self) -> np.ndarray:
        """The draws of a that differences between approaches are made of, shape (draw,)."""
        return self.drawn["a"] if self.paired_a is None else self.paired_a

    def log_n(self, log_c) -> tuple[np.ndarray, np.ndarray]:
        """ln N* at budgets, and its draws, shape (draw, budget)."""
        return self._line("log_n0", "a", log_c)

    def log_d(self, log_c) -> tuple[np.ndarray, np.ndarray]:
        """ln D* at budgets, and its draws, shape (draw, budget)."""
        return self._line("log_d0", "b", log_c)

    def _line(self, level, slope, log_c):
        away = np.atleast_1d(log_c) - self.log_c0
        at, along = self.drawn[level][:, None], self.drawn[slope][:, None]
        return getattr(self, level) + getattr(self, slope) * away, at + along * away


def through(
    approach: int, places: Places, runs: str, where: str, *, steep: bool = False
) -> Allocation:
    """The lines through places.

    Parameters
    ----------
    steep : bool
        ln C is what scatters, and ln N is exact: the line is that of ln C on ln N, turned round.

    Raises
    ------
    UserError
        There are fewer than three places.
    """
    if len(places.log_c) < FEWEST:
        found = f"{len(places.log_c)} place" + ("" if len(places.log_c) == 1 else "s")
        raise UserError(where, [f"three places of the frontier are needed, found {found}"])
    log_c0 = float(places.log_c.mean())
    single = [x[None] for x in (places.log_c, places.log_n, places.log_d)]
    drawn_c = np.broadcast_to(places.drawn_c, places.drawn_n.shape)
    one = {name: float(value[0]) for name, value in _lines(log_c0, *single, steep).items()}
    drawn = _lines(log_c0, drawn_c, places.drawn_n, places.drawn_d, steep)
    many = {name: moved(values, one[name]) for name, values in drawn.items()}
    return Allocation(
        approach=approach, log_c0=log_c0, drawn=many, places=places, runs=runs,
        n_runs=len(runs.split()), **one,
    )  # fmt: skip


def moved(drawn: np.ndarray, value) -> np.ndarray:
    """Draws without row 0, moved along the first axis so that row 0 would be at `value`.

    Where row 0 is nothing, their median stands for it.
    """
    with np.errstate(all="ignore"):
        rest = drawn[1:]
        here = np.isfinite(rest).any(axis=0)
        middle = np.nanmedian(np.where(here, rest, 0.0), axis=0)
        return rest + value - np.where(np.isfinite(drawn[0]), drawn[0], middle)


def _lines(log_c0, log_c, log_n, log_d, steep) -> dict[str, np.ndarray]:
    """Slopes and levels for each row; NaN where a row has fewer than three places."""
    if not steep:
        a, log_n0 = through_rows(log_c, log_n, log_c0, FEWEST)
        b, log_d0 = through_rows(log_c, log_d, log_c0, FEWEST)
        return {"a": a, "b": b, "log_n0": log_n0, "log_d0": log_d0}
    turned, level = through_rows(log_n, log_c, 0.0, FEWEST)
    slope, share = through_rows(log_n, log_d, 0.0, FEWEST)
    with np.errstate(all="ignore"):
        log_n0 = (log_c0 - level) / turned
        return {"a": 1 / turned, "b": slope / turned, "log_n0": log_n0,
                "log_d0": share + slope * log_n0}  # fmt: skip


def slope_row(
    quantity: Q,
    value: float,
    draws: np.ndarray,
    verdict: Verdict | None = None,
    warnings: str = "",
    **also: Any,
) -> Row:
    """An exponent with its interval; `slope_verdict` judges it where no law has."""
    good = draws[np.isfinite(draws)]
    verdict = slope_verdict(value, draws) if verdict is None else verdict
    return row(quantity, value, good, verdict=verdict, warnings=warnings, **also)


def slope_verdict(value: float, draws: np.ndarray) -> Verdict:
    """The verdict on an exponent; not identified where more than 5 % of the draws gave none.

    The intervals of the other draws then hold less than they say: of planted curves, 72 to 96 %
    in place of 90 %, and 92 to 98 % in designs where no draw is lost.
    """
    good = draws[np.isfinite(draws)]
    lost = float(np.mean(~np.isfinite(draws))) if len(draws) else 0.0
    if lost > OFTEN:
        few = f"{lost:.0%} of the draws have fewer than three places for a line"
        return not_identified(few)
    return exponent_verdict(value, good)


def difference(group: Group, one: Allocation, other: Allocation, same: str, different: str) -> Row:
    """By how much the a of one allocation is larger than that of another under the same noise.

    Parameters
    ----------
    same, different : str
        What is said of the two where the interval holds zero, and where it does not.
    """
    draws = one.paired - other.paired
    good = draws[np.isfinite(draws)]
    lo, hi = bounds(good, LEVEL) if len(good) else (-np.inf, np.inf)
    runs = list(dict.fromkeys(f"{other.runs} {one.runs}".split()))
    return row(
        Q.A_DIFFERENCE, one.a - other.a, good, group=group, method=METHOD, n_runs=len(runs),
        runs=" ".join(runs),
        warnings=f"{same}: the interval holds 0" if lo <= 0 <= hi
        else f"{different}: the interval lies off 0",
    )  # fmt: skip


def exponents(found: Allocation, group: Group, **also: Any) -> list[Row]:
    """a and b."""
    common = {"group": group, "method": found.method, "n_runs": found.n_runs, "runs": found.runs}
    common |= also
    return [
        slope_row(Q.A_OPT, found.a, found.drawn["a"], found.verdicts.get("a"), **common),
        slope_row(Q.B_OPT, found.b, found.drawn["b"], found.verdicts.get("b"), **common),
    ]


def no_exponent(group: Group, error: UserError, **also: Any) -> Row:
    """The row of an exponent that the runs do not allow."""
    return Row(quantity=Q.A_OPT, kind=Kind.PARAMETER, group=group,
               verdict=not_made("; ".join(error.problems)), **also)  # fmt: skip


def lines(found: Allocation, group: Group, log_c: np.ndarray, count: str) -> list[Row]:
    """N* and D* over a range of compute, with their band."""
    made = []
    for quantity, (value, draws) in (
        (Q.N_OPT, found.log_n(log_c)), (Q.D_OPT, found.log_d(log_c))
    ):  # fmt: skip
        lo, hi = bounds(draws[np.isfinite(draws).all(axis=1)], LEVEL)
        made += [
            Row(group=group, kind=Kind.LINE, quantity=quantity, unit=UNITS[quantity],
                x_quantity=COUNTS[count].axis, x=float(np.exp(c)), value=float(np.exp(middle)),
                lo=_exp(low), hi=_exp(high), level=LEVEL, method=found.method, n_runs=found.n_runs)
            for c, middle, low, high in zip(log_c, value, lo, hi, strict=True)
        ]  # fmt: skip
    return made


def places(found: Allocation, group: Group, count: str) -> list[Row]:
    """Where the line of an approach goes through."""
    at = found.places
    common = {"group": group, "verdict": IDENTIFIED, "runs": found.runs}
    return [
        one
        for quantity, values in ((Q.N_OPT, at.log_n), (Q.D_OPT, at.log_d))
        for one in points(quantity, COUNTS[count].axis, np.exp(at.log_c), np.exp(values),
                          unit=UNITS[quantity], **common)
    ]  # fmt: skip


def _exp(value) -> float | None:
    return float(np.exp(value)) if np.isfinite(value) else None
