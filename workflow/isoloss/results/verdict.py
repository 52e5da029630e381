"""Verdicts: whether a table determines a number, and if not, the reason.

A verdict is text in the tables and in the report: its status, then a colon and the reason. Only
this module writes that text and reads it back.
"""

from typing import Self

import numpy as np

from isoloss.results.quantity import Explained
from isoloss.stats.intervals import LEVEL, bounds

WIDE = 0.7  # widest interval of an identified exponent or floor, in units of its value
RATIO = 10.0  # largest ratio of the ends of an identified scale's interval
FEW = "there are too few draws for an interval"
OFTEN = 0.05  # largest share of the draws on a bound, or without a value
MOST_SAID = 1000.0  # misfit over noise; beyond it the noise is that of rounding


class Status(Explained):
    """The status at the start of a verdict."""

    IDENTIFIED = "identified", "The table determines the number."
    IF_THE_LAW_HOLDS = (
        "identified only if the law holds",
        "The table determines the number if the law holds; its runs reject the law, or allow a "
        "wider law that says otherwise.",
    )
    NOT_IDENTIFIED = (
        "not identified",
        "Many values fit equally well; the reason says which, or what is missing.",
    )
    NOT_A_POWER_LAW = "not a power law", "The local exponent changes along the runs."
    NOT_FITTED = "not fitted", "The law could not be fitted to the table."
    NOT_MADE = "not made", "The runs do not allow the analysis, or this part of it."
    NOT_MEASURED = "not measured", "The run has no result."
    AT_THE_EDGE = "at the edge", "The next size has no loss at this compute."
    EDGE = "edge", "The minimum of a valley lies beyond the runs that it goes through."
    NO_MINIMUM = "no minimum", "A valley through the runs opens downwards."
    TOO_FEW_RUNS = "too few runs", "A valley needs more runs than there are at this budget."


class Verdict(str):
    """A verdict as the tables hold it: "identified", or a status, a colon and the reason."""

    status: Status
    reason: str

    def __new__(cls, status: Status, reason: str = "") -> Self:
        made = super().__new__(cls, f"{status}: {reason}" if reason else str(status))
        made.status, made.reason = Status(status), reason
        return made

    @classmethod
    def read(cls, text: str) -> Self:
        """The verdict that a table holds.

        Raises
        ------
        ValueError
            The text begins with no known status.
        """
        status, colon, reason = str(text).partition(": ")
        return cls(Status(status), reason) if colon else cls(Status(status))

    @property
    def identified(self) -> bool:
        """Whether the table determines the number."""
        return self.status is Status.IDENTIFIED

    @property
    def determined(self) -> bool:
        """Whether the table determines the number, be it only if the law holds."""
        return self.status in (Status.IDENTIFIED, Status.IF_THE_LAW_HOLDS)

    def __reduce__(self):
        return (type(self), (self.status, self.reason))


IDENTIFIED = Verdict(Status.IDENTIFIED)


def verdict_columns(verdict: Verdict) -> dict[str, str]:
    """A verdict as columns of a table."""
    return {"verdict": str(verdict), "status": str(verdict.status)}


def not_identified(reason: str) -> Verdict:
    """The verdict on a number that the table does not determine."""
    return Verdict(Status.NOT_IDENTIFIED, reason)


def only_if(miss: float, noise: float) -> Verdict:
    """The verdict on a number that the runs determine, by a law that they reject.

    `miss` and `noise` are standard deviations of ln L: of all residuals, and of their noise.
    """
    return Verdict(Status.IF_THE_LAW_HOLDS, f"it {missed(miss, noise)}")


def missed(miss: float, noise: float) -> str:
    """How far a law misses its runs, in standard deviations of their noise.

    The share of the loss is not said: a figure gives it of its own points, as a plain root mean
    square, where this test cuts outliers.

    >>> missed(0.010, 0.0045), missed(0.01, 1e-9)
    ('misses the runs by 2.2 times their noise', 'misses the runs by far more than their noise')
    """
    if miss > MOST_SAID * noise:
        return "misses the runs by far more than their noise"
    return f"misses the runs by {miss / noise:.1f} times their noise"


def not_made(reason: str) -> Verdict:
    """The verdict on an analysis, or a part of one, that the runs do not allow."""
    return Verdict(Status.NOT_MADE, reason)


def scale_verdict(draws: np.ndarray, lost: np.ndarray | None = None, *, name: str = "") -> Verdict:
    """The verdict on a positive scale, by the criteria of `fit.identify`.

    `lost` marks invalid draws, besides those that are not finite. `name` names the scale in the
    reason, if the verdict is about another value.
    """
    draws, share = _kept(draws, lost)
    if not len(draws):
        return not_identified("there is no interval")
    if share > OFTEN:
        return not_identified(f"{share:.0%} of the draws lie far outside what was tried")
    lo, hi = bounds(draws, LEVEL)
    if not np.isfinite(hi):
        return not_identified(FEW)
    if hi > RATIO * lo:
        return not_identified(f"{name} may be anything from {lo:.2g} to {hi:.2g}".strip())
    return IDENTIFIED


def exponent_verdict(value: float, draws: np.ndarray) -> Verdict:
    """The verdict on an exponent, by the criteria of `fit.identify`."""
    draws, share = _kept(draws, None)
    if not len(draws):
        return not_identified("there is no interval")
    if share > OFTEN:
        return not_identified(f"{share:.0%} of the draws have no value")
    lo, hi = bounds(draws, LEVEL)
    if not np.isfinite(hi):
        return not_identified(FEW)
    if hi - lo > WIDE * abs(value):
        return not_identified(f"may be anything from {lo:.2g} to {hi:.2g}")
    return IDENTIFIED


def _kept(draws, lost: np.ndarray | None) -> tuple[np.ndarray, float]:
    """The finite draws, and the share of all that are lost or not finite."""
    draws = np.asarray(draws, float)
    gone = ~np.isfinite(draws) if lost is None else lost | ~np.isfinite(draws)
    return draws[np.isfinite(draws)], float(np.mean(gone)) if len(gone) else 0.0
