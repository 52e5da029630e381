"""The allocation table: C to N*, D*, D / N and loss, by published laws and by those fitted here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.charts.text import power_of_ten, science, short
from isoloss.laws import CHINCHILLA
from isoloss.laws import published as P
from isoloss.report.interactive.budgets import PUBLISHED, QUANTITIES, own_budgets, said
from isoloss.report.interactive.joint import JointFit, by_study
from isoloss.results.verdict import Verdict
from isoloss.stats.intervals import LEVEL

DECADES = range(18, 26)  # of FLOP, of the published rows
ASKED = (1.0, 10.0, 100.0)  # budgets of our own laws, over the compute of the largest run
COLUMNS = (
    "law", "study", "fit", "n_counted", "compute_flops", "over_largest_run",
    *(name + end for name in QUANTITIES for end in ("", "_lo", "_hi")),
    "loss_unit", "level", "verdict", "loss_verdict",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A published allocation as text; the loss is "" where the paper gives none."""

    n_params: str
    n_tokens: str
    tokens_per_param: str
    loss: str


@dataclass(frozen=True)
class OwnRow:
    """A budget of a law fitted here, with a word on what is not known.

    `cells` has a pair for each of `QUANTITIES`: the value and its interval, or the interval and ""
    where many values fit.
    """

    study: str
    law: str
    compute: str
    over_largest_run: str
    cells: list[tuple[str, str]]
    doubt: str


@dataclass(frozen=True)
class Allocation:
    """The table as the report shows it.

    Attributes
    ----------
    rules : list of str
        Published laws, a column each.
    rows : list of (str, list of Cell)
        A budget, and a cell of each published law.
    apart : str
        By what factor the published laws differ in N* at the largest budget.
    own, others : list of OwnRow
        Of the law of each study that misses its runs least, and of its other laws.
    """

    rules: list[str]
    rows: list[tuple[str, list[Cell]]]
    apart: str
    own: list[OwnRow]
    others: list[OwnRow]


def rules(compute: np.ndarray) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Published allocations: label, and `QUANTITIES`; a loss that no paper gives is NaN."""
    for one in PUBLISHED[:2]:
        yield one.label, CHINCHILLA.optimum(one.params, compute)
    yield "Hoffmann 2022, 20 tokens per parameter", _of(*P.chinchilla_allocation(compute), None)
    for ratio, reading in ((2.0, "C = 2 C_min"), (1.0, "C = C_min")):
        loss = P.kaplan_loss(compute_min_flops=compute / ratio)
        allocated = P.kaplan_allocation(compute, ratio)
        yield f"Kaplan 2020, Table 6, {reading}", _of(*allocated, loss)


def _of(n_params, n_tokens, loss) -> dict[str, np.ndarray]:
    return {
        "n_params": n_params, "n_tokens": n_tokens, "tokens_per_param": n_tokens / n_params,
        "loss": np.full(np.shape(n_params), np.nan) if loss is None else loss,
    }  # fmt: skip


def allocation_rows(fits: Sequence[JointFit]) -> list[dict[str, Any]]:
    """A row for each rule and budget: published ones from 1e18 to 1e25 FLOP, and our own.

    Our own laws are asked at the compute of their largest run, and at 10 and 100 times that. The
    law that misses the runs of a study least comes first.
    """
    found = []
    budgets = np.array([float(f"1e{decade}") for decade in DECADES])
    for label, at in rules(budgets):
        for place, compute in enumerate(budgets):
            row = {"law": label, "compute_flops": float(compute), "loss_unit": "nats per token"}
            found.append(row | {name: float(at[name][place]) for name in QUANTITIES})
    for one in by_study(fits):
        own = own_budgets(one, ASKED)
        for place, factor in enumerate(ASKED if own else ()):
            row = {
                "law": one.label, "study": one.study, "fit": one.fitted.fit,
                "n_counted": one.count, "compute_flops": float(own.compute[place]),
                "over_largest_run": factor,
            }  # fmt: skip
            for name in QUANTITIES:
                ends = {"": own.at, "_lo": own.lo, "_hi": own.hi}
                row |= {name + end: float(values[name][place]) for end, values in ends.items()}
            row |= {
                "loss_unit": one.unit, "level": LEVEL,
                "verdict": str(own.verdicts["n_params"][place]),
                "loss_verdict": str(own.verdicts["loss"][place]),
            }  # fmt: skip
            found.append(row)
    return found


def shown(rows: Sequence[Mapping[str, Any]]) -> Allocation:
    """The table's rows as text."""
    published = [row for row in rows if "study" not in row]
    ours = [row for row in rows if "study" in row]
    first: dict[str, Any] = {}
    for row in ours:
        first.setdefault(row["study"], (row["fit"], row["law"]))
    is_first = [first[row["study"]] == (row["fit"], row["law"]) for row in ours]
    own = [_own(row) for row in ours]
    largest = [row["n_params"] for row in published
               if row["compute_flops"] == float(f"1e{DECADES[-1]}")]  # fmt: skip
    factor = short(float(f"{max(largest) / min(largest):.1e}"))
    return Allocation(
        rules=list(dict.fromkeys(row["law"] for row in published)),
        rows=[
            (power_of_ten(decade),
             [_cell(row) for row in published if row["compute_flops"] == float(f"1e{decade}")])
            for decade in DECADES
        ],
        apart=f"At {power_of_ten(DECADES[-1])} FLOP they differ by a factor of {factor} in N*.",
        own=[row for row, chosen in zip(own, is_first, strict=True) if chosen],
        others=[row for row, chosen in zip(own, is_first, strict=True) if not chosen],
    )  # fmt: skip


def _cell(row: Mapping[str, Any]) -> Cell:
    loss = row["loss"]
    return Cell(short(row["n_params"]), short(row["n_tokens"]), _ratio(row["tokens_per_param"]),
                f"{loss:.3f}" if math.isfinite(loss) else "")  # fmt: skip


def _own(row: Mapping[str, Any]) -> OwnRow:
    size, loss = (Verdict.read(row[name]) for name in ("verdict", "loss_verdict"))
    parts = {"N* and D*": said(size), "loss": said(loss)}
    if parts["loss"] == parts["N* and D*"]:
        parts = {"N*, D* and loss": parts["loss"]}
    cells = [
        _range(row, name, text, (loss if name == "loss" else size).identified)
        for name, text in zip(QUANTITIES, (short, short, _ratio, "{:.3f}".format), strict=True)
    ]
    return OwnRow(
        row["study"], row["law"], science(row["compute_flops"]),
        f"{row['over_largest_run']:g}", cells,
        "; ".join(f"{what}: {text}" for what, text in parts.items() if text),
    )  # fmt: skip


def _ratio(value: float) -> str:
    """Tokens per parameter, to three digits."""
    return short(float(f"{value:.2e}"))


def _range(row: Mapping[str, Any], name: str, text, known: bool) -> tuple[str, str]:
    """A value and its interval; the interval alone where the value is not known."""
    value, lo, hi = (row[name + end] for end in ("", "_lo", "_hi"))
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return "no interval", ""
    ends = f"{text(lo)} to {text(hi)}"
    return (text(value), ends) if known else (ends, "")
