"""Mean losses that are compared, with the scatter of ln L over seeds as their noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isoloss.charts import with_interval
from isoloss.results import Analysed, Kind, Q, Quantity, Row, Verdict
from isoloss.results.verdict import IDENTIFIED
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

METHOD = "Student's t of the scatter over seeds"
PAIRED = "Student's t of the differences of runs with one seed"
UNKNOWN = "the runs have one seed each, so the scatter over seeds is not known"


@dataclass(frozen=True)
class Scatter:
    """The standard deviation of ln L over seeds, common to all settings.

    Attributes
    ----------
    sd : float
    freedom : int or None
        Degrees of freedom of `sd`; None where another analysis measured it.
    """

    sd: float
    freedom: int | None = None

    @classmethod
    def of(cls, groups: Iterable[np.ndarray], before: Analysed | None = None) -> Scatter | None:
        """From ln losses of settings, each about its own mean.

        Parameters
        ----------
        groups : iterable of ndarray, shape (seed,)
        before : Analysed, optional
            A `seed_noise` of the study, used where no setting has two seeds.

        Returns
        -------
        Scatter or None
            None where the scatter is not known.
        """
        several = [group for group in groups if len(group) > 1]
        if several:
            freedom = sum(len(group) - 1 for group in several)
            squares = sum(float(np.sum((group - group.mean()) ** 2)) for group in several)
            return cls(float(np.sqrt(squares / freedom)), freedom)
        found = None if before is None else before.number(Q.RELATIVE_SD)
        if found is None or not Verdict.read(found["verdict"]).identified:
            return None
        return cls(float(found["value"]))

    def half_width(self, *counts: int) -> float:
        """Half of the 90 % interval of a difference of means of so many runs."""
        error = self.sd * np.sqrt(sum(1 / count for count in counts))
        return float(student.quantile(LEVEL, self.freedom) * error)

    def row(self, run_ids: Iterable[str], **also: Any) -> Row:
        """The row of this number; the interval takes ln L for normal."""
        ends = {}
        if self.freedom is not None:
            from scipy.stats import chi2

            tails = chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], self.freedom)
            lo, hi = (self.sd * np.sqrt(self.freedom / tails)).tolist()
            ends = {"lo": lo, "hi": hi, "level": LEVEL, "method": "chi-squared"}
        run_ids = list(run_ids)
        return Row(quantity=Q.RELATIVE_SD, kind=Kind.PARAMETER, value=self.sd, n_runs=len(run_ids),
                   runs=" ".join(run_ids), verdict=IDENTIFIED, **ends | also)  # fmt: skip


def alike(values: np.ndarray, factor: float) -> np.ndarray:
    """The median of the values that each is alike with, shape (value,).

    Neighbours whose ratio is below `factor` are alike.
    """
    order = np.argsort(values, kind="stable")
    apart = np.diff(np.log(values[order]), prepend=np.log(values[order[:1]])) > np.log(factor)
    place = np.empty(len(values), int)
    place[order] = np.cumsum(apart)
    return np.array([np.median(values[place == i]) for i in place])


def percent(log_ratio: float) -> float:
    """A difference of ln L as a change of L in per cent."""
    return 100 * float(np.expm1(log_ratio))


def increase(
    quantity: Quantity, one: np.ndarray, other: np.ndarray, scatter: Scatter | None, **also: Any
) -> Row:
    """By how many per cent the mean of `one` lies above that of `other`; both are ln losses."""
    difference = float(np.mean(one) - np.mean(other))
    ends = {}
    if scatter is not None:
        half = scatter.half_width(len(one), len(other))
        ends = {"lo": percent(difference - half), "hi": percent(difference + half),
                "level": LEVEL, "method": METHOD}  # fmt: skip
    return Row(**{"quantity": quantity, "kind": Kind.PARAMETER, "value": percent(difference),
                  "unit": "%", "verdict": IDENTIFIED} | ends | also)  # fmt: skip


def paired(
    quantity: Quantity, differences: np.ndarray, scatter: Scatter | None, **also: Any
) -> Row:
    """The mean of differences of ln L, each of two runs with one seed, in per cent.

    `scatter` is that of such differences.
    """
    zero = np.zeros(1)
    made = increase(quantity, differences, zero, None, **also)
    if scatter is None:
        return made
    middle, half = float(np.mean(differences)), scatter.half_width(len(differences))
    return replace(made, lo=percent(middle - half), hi=percent(middle + half), level=LEVEL,
                   method=PAIRED)  # fmt: skip


def scatter_said(found: Analysed) -> list[str]:
    """The scatter over seeds, where an analysis knows it, as a note."""
    noise = found.number(Q.RELATIVE_SD, optional=True)
    return [] if noise is None else [
        f"The loss scatters over seeds by {100 * noise['value']:.2g} %."
    ]  # fmt: skip


def above(row: Any) -> str:
    """A change in per cent as a place: "1.2 % (90 %: 0.4 to 2.0 %) above", or below."""
    if row["value"] >= 0:
        return f"{in_percent(row)} above"
    turned = {"value": -row["value"], "lo": -row["hi"], "hi": -row["lo"]}
    return f"{in_percent(turned)} below"


def in_percent(row: Any) -> str:
    """The value of a row in per cent, with its interval: "1.2 % (90 %: 0.4 to 2.0 %)"."""
    value, ends = with_interval(row["value"], row["lo"], row["hi"])
    return f"{value} %" + (f" (90 %: {ends} %)" if ends else "")
