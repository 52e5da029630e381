"""Compute-optimal size, data and loss for budgets, each with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.api.laws import laws
from isoloss.api.shown import Rows, Shown
from isoloss.errors import UserError
from isoloss.fit.questions import Answer
from isoloss.fit.result import FitResult, plain
from isoloss.fit.settings import AVERAGE_OF_LAWS
from isoloss.fit.text import number, ranges
from isoloss.forecast.average import Averaged
from isoloss.forecast.drift import Drift, forecast
from isoloss.laws.base import no_optimum

if TYPE_CHECKING:
    import pandas as pd

LABELS = {"n_params": "N*", "n_tokens": "D*", "tokens_per_param": "D*/N*", "loss": "loss"}


@dataclass(frozen=True, repr=False, eq=False)
class Optimal(Shown):
    """The compute optimum of budgets.

    Attributes
    ----------
    table : pandas.DataFrame, shape (budget, column)
        `compute` (FLOP), then `n_params` (parameters), `n_tokens` (tokens), `tokens_per_param` and
        `loss`, and the best settings of a law that has some, each with `_lo` and `_hi`;
        `loss_of_run_lo` and `loss_of_run_hi` hold the noise of one run and drift too. NaN where
        there is no optimum or no interval.
    by_law : pandas.DataFrame or None
        A row for each budget and law of an average: `compute`, `law`, `weight` and what it says.
    answers : tuple of isoloss.fit.questions.Answer
        What is known: the exponent a, N* and the loss, each with a verdict and a sentence.
    fits : FitResult or Averaged
        The law, or the laws that are averaged.
    flops_per_param_token : float
        K of C = K N D.
    warnings, notes : tuple of str
    """

    table: pd.DataFrame
    by_law: pd.DataFrame | None
    answers: tuple[Answer, ...]
    fits: FitResult | Averaged
    flops_per_param_token: float
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    drift: Drift | None = None

    @property
    def level(self) -> float:
        """How often an interval is to hold the truth."""
        return self.fits.level

    def to_dict(self) -> dict[str, Any]:
        """The answer as `isoloss optimal --json` prints it."""
        content = {"approach": 3, "compute": f"{self.flops_per_param_token:g} N D",
                   "level": self.level}  # fmt: skip
        if isinstance(self.fits, Averaged):
            content |= {"law": AVERAGE_OF_LAWS, **self.fits.to_dict()}
        else:
            content |= {"fit": self.fits.to_dict()}
        content["optimal"] = self.table.to_dict("records")
        if self.by_law is not None:
            content["by_law"] = self.by_law.to_dict("records")
        content["answers"] = [asdict(answer) for answer in self.answers]
        if self.drift is not None:
            content["drift"] = self.drift.to_dict()
        return plain(content | {"warnings": self.warnings, "notes": self.notes})

    def parts(self) -> Iterator[str | Rows]:
        """Tables and lines, as `isoloss optimal` prints them."""
        yield from self._of_average() if isinstance(self.fits, Averaged) else self._of_law()

    def _head(self):
        return f"{100 * self.level:g} % from"

    def _of_law(self):
        rows = [["C (FLOP)", "", "value", self._head(), "to"]]
        labels = LABELS | {name: f"{name}*" for name in self.fits.law.settings}
        for record in plain(self.table.to_dict("records")):
            for name, label in labels.items():
                compute = number(record["compute"]) if name == "n_params" else ""
                ends = (number(record[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
                rows.append([compute, label, *ends])
            ends = (number(record[f"loss_of_run{end}"]) for end in ("_lo", "_hi"))
            rows.append(["", "loss of a run", number(record["loss"]), *ends])
        yield rows
        drift, fit = self.drift, self.fits
        yield (
            "loss of a run: its noise counted, and drift from the law beyond the runs, "
            f"{100 * drift.per_log_compute:.2g} % for each factor e of compute ({drift.source})"
        )
        yield (f"C = {self.flops_per_param_token:g} N D; {fit.n_rows} rows; verdict: {fit.verdict}")
        for answer in self.answers:
            if " at " in answer.question:
                yield f"answer: {answer.sentence}"
        yield from self._said(fit)

    def _of_average(self):
        average = self.fits
        rows = [["C (FLOP)", "", "average", self._head(), "to", *average.laws]]
        by_law = plain(self.by_law.to_dict("records"))
        said = {(one["compute"], one["law"]): one for one in by_law}
        for record in plain(self.table.to_dict("records")):
            of_laws = [said.get((record["compute"], law)) for law in average.laws]
            for name, label in LABELS.items():
                compute = number(record["compute"]) if name == "n_params" else ""
                ends = (number(record[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
                each = ("-" if one is None else number(one[name]) for one in of_laws)
                rows.append([compute, label, *ends, *each])
            ends = (number(record[f"loss_of_run{end}"]) for end in ("_lo", "_hi"))
            nothing = [""] * len(average.laws)
            rows.append(["", "loss of a run", number(record["loss"]), *ends, *nothing])
            weights = ("-" if one is None else f"{one['weight']:.2f}" for one in of_laws)
            rows.append(["", "weight", "", "", "", *weights])
        yield rows
        yield (
            "loss of a run: the noise of one run, the disagreement of the laws, and their drift "
            "beyond the runs"
        )
        yield from laws(average)
        result = average.members[0].result
        yield f"C = {self.flops_per_param_token:g} N D; {result.n_rows} rows"
        yield from (f"answer: {answer.sentence}" for answer in self.answers)
        yield from self._said(result)

    def _said(self, result):
        yield ranges(result.problem.log_x)
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"assumed: {text}" for text in self.notes)


def of_law(
    result: FitResult,
    compute: Sequence[float],
    flops_per_param_token: float,
    given: Mapping[str, float],
    notes: Sequence[str] = (),
) -> Optimal:
    """The optimum of budgets by one law.

    Parameters
    ----------
    compute : sequence of float
        Budgets in FLOP.
    given : mapping
        Values of the law's variables beside N and D, such as n_unique_tokens.
    notes : sequence of str
        What was assumed of the table's compute.

    Raises
    ------
    UserError
        The law has no optimum at any budget.
    """
    k = flops_per_param_token
    found = result.optimum(compute, k, **given)
    there = found["n_params"].notna().to_numpy()
    without = [no_optimum(result.law, c) for c in found["compute"][~there]]
    if not there.any():
        raise UserError("optimum", without)
    at = {name: np.log(found[name].to_numpy()[there]) for name in result.law.variables}
    said = forecast(result, at, at_optimum=True)
    for end, values in (("lo", said.lo), ("hi", said.hi)):
        found[f"loss_of_run_{end}"] = np.nan
        found.loc[there, f"loss_of_run_{end}"] = values
    return Optimal(found, None, tuple(result.answers(compute, k)), result, k,
                   (*without, *result.warnings), (*result.notes, *notes), said.drift)  # fmt: skip


def of_average(
    averaged: Averaged,
    compute: Sequence[float],
    flops_per_param_token: float,
    given: Mapping[str, float],
) -> Optimal:
    """The optimum of budgets by the weighted average of laws; arguments and errors as `of_law`."""
    k = flops_per_param_token
    found, by_law = averaged.optimum(compute, k, **given)
    without = [
        f"no law has an optimum at {budget:g} FLOP"
        for budget in found["compute"][found["n_params"].isna()]
    ]
    answers = tuple(averaged.answers(compute, k, **given))
    return Optimal(found, by_law, answers, averaged, k, (*without, *averaged.warnings),
                   averaged.notes)  # fmt: skip
