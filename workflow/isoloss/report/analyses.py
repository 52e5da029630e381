"""The report's sections on a study's analyses, and the comparison with published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from isoloss.charts.text import sentences, short
from isoloss.report import markup, names
from isoloss.report.run_sets import RunSets
from isoloss.report.study import Number, known, number, text
from isoloss.results.fits import Fitted, FittedNumber, read_fits
from isoloss.results.quantity import Kind
from isoloss.results.verdict import Status, Verdict

MISFIT_COUNTED = "the interval counts its misfit"  # as warnings of analyses say it


# What a comparison says of the runs behind a number: its name -> the column of the runs.
SPANNED = {
    "N (no embeddings)": "n_params_non_embedding",
    "D": "n_tokens",
    "C in FLOP": "compute_flops",
}


@dataclass
class NumberShown:
    """One measured number.

    `span` is the number of rows, from this one on, that share its verdict; 0 where an earlier row
    has shown it.
    """

    group: str
    quantity: str
    at: str  # the place where it holds, if it depends on something
    value: str
    interval: str
    unit: str
    theory: str
    theory_source: str
    agrees: bool | None
    verdict: str  # "" where the data determine the number
    n_runs: str
    misfit: bool  # whether the interval counts the misfit of its law
    runs: str  # the anchor of the list of runs behind it; "" where there is none
    span: int = 1

    @property
    def measured(self) -> tuple[str, ...]:
        """What is the same in two rows that show the same number."""
        return self.group, self.quantity, self.at, self.value, self.interval, self.runs


@dataclass
class AnalysisShown:
    """One analysis, with its parameters; its points and lines are in the figures.

    `about` says what it does. `same_as` names the earlier analysis that has all of its numbers.
    """

    name: str
    anchor: str
    about: str
    numbers: list[NumberShown]
    warnings: list[str]
    methods: list[str]
    same_as: str = ""


def analyses(
    table: pd.DataFrame | None, sets: RunSets, about: Mapping[str, str] = MappingProxyType({})
) -> list[AnalysisShown]:
    """Every analysis of a study that has a number, in order.

    `about` has what each analysis does, by its name.
    """
    if table is None or table.empty:
        return []
    shown: list[AnalysisShown] = []
    for name, rows in table.groupby("analysis", sort=False):
        kept = rows[rows["kind"].isna() | (rows["kind"] == Kind.PARAMETER)]
        if kept.empty:
            continue
        anchor = f"{sets.study}-analysis-{name}"
        numbers = [one(row, sets, anchor) for _, row in kept.iterrows()]
        said = [text(value) for value in rows["warnings"] if text(value)]
        methods = {text(row["method"]): row["level"] for _, row in kept.iterrows()}
        measured = {row.measured for row in numbers}
        same = [old.name for old in shown if measured <= {row.measured for row in old.numbers}]
        shown.append(
            AnalysisShown(
                name=str(name).replace("_", " "),
                anchor=anchor,
                about=about.get(str(name), ""),
                numbers=share_verdicts(numbers),
                warnings=[sentences(one) for one in dict.fromkeys(said)],
                methods=[f"{100 * level:.3g} % intervals: {method}"
                         for method, level in methods.items() if method and known(level)],
                same_as=same[0] if same else "",
            )
        )  # fmt: skip
    return shown


def share_verdicts(numbers: list[NumberShown]) -> list[NumberShown]:
    """The numbers, of which neighbours that show the same verdict show it once."""
    first = None
    for row in numbers:
        shared = first is not None and bool(row.verdict)
        if shared and markup.verdict(row.verdict, True) == markup.verdict(first.verdict, True):
            first.span, row.span = first.span + 1, 0
        else:
            first = row
    return numbers


def one(row: Mapping, sets: RunSets, place: str) -> NumberShown:
    """A row of the table of analyses; `place` is the anchor of the table that shows it."""
    shown, judged = number(FittedNumber.read(row, text(row["quantity"]))), text(row["verdict"])
    said = Verdict.read(judged) if judged else Verdict(Status.NOT_MEASURED)
    sure = said.identified
    quantity = names.quantity(shown.parameter)
    return NumberShown(
        group=names.group(text(row["group"])),
        quantity=quantity,
        at=names.place(text(row["x_quantity"]), float(row["x"])) if known(row["x"]) else "",
        value=value_beside(shown, said),
        interval=shown.interval,
        unit=shown.unit,
        theory=shown.theory,
        theory_source=shown.theory_source,
        agrees=shown.agrees if sure else None,
        verdict="" if sure else judged,
        n_runs=f"{int(row['n_runs']):,}" if known(row["n_runs"]) else "",
        misfit=bool(shown.interval) and MISFIT_COUNTED in text(row["warnings"]),
        runs=sets.anchor(row["runs"], [quantity], place),
    )


def value_beside(shown: Number, verdict: Verdict) -> str:
    """The value; a dash where many values fit equally well and an interval says which.

    A number without an interval was measured, so that its verdict can only stand beside it.
    """
    return shown.value if verdict.determined or not shown.interval else "–"


@dataclass
class ComparedShown:
    """A row of the comparison of published numbers with this study's."""

    quantity: str
    kaplan: str
    chinchilla: str
    elsewhere: str
    over: list[str]  # the runs that were fitted, and what their analysis says of the range
    value: str
    interval: str
    verdict: str
    runs: str

    @property
    def measured(self) -> str:
        """The value with its interval; the interval alone where no value is shown."""
        if self.value == "–" or not self.interval:
            return self.interval or self.value
        return f"{self.value} ({self.interval})"


def compared(
    rows: Sequence[Mapping[str, Any]],
    fits: pd.DataFrame | None,
    made: pd.DataFrame | None,
    sets: RunSets,
    runs: pd.DataFrame | None = None,
) -> list[ComparedShown]:
    """The comparison with published numbers, with this study's number in each row.

    `runs` is the study's table of runs, for the range that a number is of.
    """
    shown, laws = [], read_fits(fits)
    for row in rows:
        value = interval = anchor = ""
        over = [row["scale"]] if row["scale"] else []
        verdict = Verdict(Status.NOT_MEASURED)
        found = _of_fits(row, laws) or _of_analyses(row, made)
        if found is not None:
            ours, verdict, named, warnings = found
            value, interval = value_beside(ours, verdict), ours.interval
            anchor = sets.anchor(named, [names.quantity(ours.parameter)], f"{sets.study}-compared")
            over = [*spans(runs, named), *map(sentences, warnings), *over]
        said = {key: row[key] for key in ("quantity", "kaplan", "chinchilla", "elsewhere")}
        told = "" if verdict.identified else verdict
        shown.append(ComparedShown(**said, over=over, value=value, interval=interval,
                                   verdict=told, runs=anchor))  # fmt: skip
    return shown


def spans(runs: pd.DataFrame | None, named: str) -> list[str]:
    """How many runs there are, and their sizes and data from the least to the most."""
    if runs is None or not named:
        return []
    chosen = runs[runs["run_id"].isin(named.split())].drop_duplicates("run_id")
    parts = [f"{len(chosen)} run{'' if len(chosen) == 1 else 's'}"] if len(chosen) else []
    for name, column in SPANNED.items():
        values = chosen[column].dropna() if column in chosen.columns else []
        if len(values):
            ends = dict.fromkeys(short(float(end)) for end in (values.min(), values.max()))
            parts.append(f"{name} {' to '.join(ends)}")
    return [", ".join(parts)] if parts else []


Found = tuple[Number, Verdict, str, list[str]]  # a number, its verdict, its runs, its warnings


def _of_fits(row: Mapping[str, Any], laws: Sequence[Fitted]) -> Found | None:
    """The number of a fit that a row names; if there is no fit, the reason."""
    fits = [law for law in laws if law.fit == row["of"]]
    for law in fits:
        if row["group"] in ("", str(law.group)) and (there := law.number(row["parameter"])):
            return number(there), there.verdict or law.verdict, law.runs, []
    unmade = next((law for law in fits if not law.numbers), None)
    if unmade is None:
        return None
    return number(FittedNumber.read({}, row["parameter"])), unmade.verdict, unmade.runs, []


def _of_analyses(row: Mapping[str, Any], made: pd.DataFrame | None) -> Found | None:
    """The number of an analysis that a row names; if there is no analysis, the reason."""
    if made is None or made.empty:
        return None
    rows = made[made["analysis"] == row["of"]]
    chosen = rows[rows["quantity"] == row["parameter"]]
    if row["group"]:
        chosen = chosen[chosen["group"] == row["group"]]
    if not len(chosen):  # the row of an analysis that was not made has the reason
        chosen = rows[rows["quantity"].isna()]
    if not len(chosen):
        return None
    first = dict(chosen.iloc[0])
    ours = number(FittedNumber.read(first, row["parameter"]))
    warnings = [said] if (said := text(first["warnings"])) else []
    return ours, Verdict.read(first["verdict"]), text(first["runs"]), warnings
