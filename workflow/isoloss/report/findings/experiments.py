"""Findings of experiments: mean losses, or exponents, of runs that differ in one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts import short, with_interval
from isoloss.report.findings.base import KNOWN, OPEN, Finding, Results
from isoloss.report.study import known, text
from isoloss.results import Q, Quantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Compared:
    """An experiment: its rows, the figure that shows it, and how its deciding row is said.

    `decides` takes the rows and gives the place of the row that is said. `says` takes the row's
    numbers as text, and the row.
    """

    do: str
    quantity: Quantity
    figure: str
    label: str
    says: Callable[[str, pd.Series], str]
    kind: str = "parameter"
    decides: Callable[[pd.DataFrame], int] = lambda rows: int(np.argmax(rows["value"]))


def _last(rows: pd.DataFrame) -> int:
    return len(rows) - 1


def _size(row: pd.Series) -> str:
    """The size of a row's group: "3,456"."""
    return f"{float(str(row['group']).split(', ')[0].partition('=')[2]):,.0f}"


def _value(row: pd.Series) -> str:
    """The value of a row's group: "books" of "corpus=books"."""
    return str(row["group"]).split(", ")[0].partition("=")[2]


def _pair(row: pd.Series) -> list[str]:
    """The two values of a group that is a difference: "lstm_1", "transformer"."""
    return [half.partition("=")[2] for half in str(row["group"]).split(", ")[0].split(" - ")]


def _over(row: pd.Series) -> str:
    return str(row["warnings"]).split("; ")[0]


EXPERIMENTS = (
    Compared("head_to_head", Q.LOSS_INCREASE, "chinchilla_head_to_head",
             "Kaplan's size or ours, at one budget",
             lambda said, row: f"At {row['x']:.1e} FLOP, the size by Kaplan et al.'s rule ends "
                               f"{said} {_side(row)} ours."),
    Compared("ladder", Q.A_DIFFERENCE, "ladder_trained", "Steps from Kaplan's exponent",
             lambda said, row: f"The largest step of the ladder changes a by {said}.",
             decides=lambda rows: int(np.argmax(np.abs(rows["value"])))),
    Compared("corpora", Q.A_DIFFERENCE, "chinchilla_corpora", "The exponent on several texts",
             lambda said, row: f"Between two texts, a differs by at most {said}.",
             decides=lambda rows: int(np.argmax(np.abs(rows["value"])))),
    Compared("shape", Q.LARGEST_INCREASE, "kaplan_shape", "Shapes of one size",
             lambda said, row: f"At {_size(row)} parameters, {_over(row)}, the shape changes the "
                               f"loss by at most {said}. Kaplan et al. name 3 %."),
    Compared("schedules", Q.LARGEST_INCREASE, "kaplan_schedules", "Schedules at equal sums",
             lambda said, row: f"Schedules with a warm-up, a decay and equal sums of rates differ "
                               f"by at most {said}."),
    Compared("cosine_length", Q.LOSS_INCREASE, "chinchilla_cosine", "A cosine that is too long",
             lambda said, row: f"A cosine of {row['x']:.3g} times the run ends {said} "
                               f"{_side(row)} one that ends with it.", kind="point",
             decides=lambda rows: int(np.argmax(rows["x"]))),
    Compared("optimiser", Q.LOSS_INCREASE, "chinchilla_optimiser", "Adam or AdamW",
             lambda said, row: f"At {_size(row)} parameters, AdamW ends {said} {_side(row)} Adam.",
             decides=_last),
    Compared("epochs", Q.LOSS_INCREASE, "epochs_worth", "Repeated data",
             lambda said, row: f"{row['x']:.3g} epochs end at most {said} {_side(row)} as many "
                               "fresh tokens."),
    Compared("tuning", Q.LOSS_INCREASE, "tuned_enough", "The study's own setting",
             lambda said, row: f"The study's own setting ends at most {said} {_side(row)} the best "
                               f"of {short(row['x'])} settings."),
    Compared("families", Q.LOSS_INCREASE, "kaplan_lstm", "Another architecture",
             lambda said, row: f"At {row['x']:,.0f} parameters, {_pair(row)[0]} ends {said} "
                               f"{_side(row)} {_pair(row)[1]}.",
             decides=lambda rows: int(np.argmax(np.abs(rows["value"])))),
    Compared("size_by_position", Q.ALPHA_DIFFERENCE, "kaplan_context_sizes",
             "Size early and late in the context",
             lambda said, row: f"From {_pair(row)[1]} to {_pair(row)[0]} tokens of context, the "
                               f"exponent of the size changes by {said}."),
    Compared("transfer", Q.OFFSET_ELSEWHERE, "kaplan_transfer", "Losses on other texts",
             lambda said, row: f"On the text {_value(row)}, the loss differs from that on the "
                               f"training text by {said} nats, the most of all texts.",
             decides=lambda rows: int(np.argmax(np.abs(rows["value"])))),
)  # fmt: skip


def _side(row: pd.Series) -> str:
    return "above" if row["value"] >= 0 else "below"


def experiments(results: Results) -> list[Finding]:
    """One finding for each experiment that the study has, in the order of the list above."""
    if results.analyses is None or results.analyses.empty:
        return []
    return [found for one in EXPERIMENTS for found in _finding(one, results)]


def _finding(one: Compared, results: Results) -> list[Finding]:
    rows = results.analyses
    rows = rows[(rows["do"] == one.do) & (rows["quantity"] == str(one.quantity))]
    rows = rows[(rows["kind"] == one.kind) & rows["value"].notna()]
    if rows.empty:
        return []
    row = rows.iloc[one.decides(rows)]
    value, lo, hi = (float(row[end]) if known(row[end]) else np.nan
                     for end in ("value", "lo", "hi"))  # fmt: skip
    seen = np.isfinite(lo) and not lo <= 0 <= hi
    percent = " %" if text(row["unit"]) == "%" else ""
    # What is said to lie above or below has its size; a change of an exponent has its sign.
    sign = -1.0 if value < 0 and percent else 1.0
    ends = sorted((sign * lo, sign * hi))
    shown, interval = with_interval(sign * value, *ends)
    said = f"{shown}{percent}"
    small = f"90 % interval {interval}{percent}" if interval else "no interval: one seed each"
    sentence = one.says(said, row)
    if not seen:
        sentence += " Whether that is a difference cannot be told."
    return [Finding(
        key=one.do, study=results.name, label=one.label, headline=said, sentence=sentence,
        small=small, status=KNOWN if seen else OPEN, figure=results.figure(one.figure),
        runs=text(row["runs"]), numbers={"value": value, "lo": lo, "hi": hi},
    )]  # fmt: skip
