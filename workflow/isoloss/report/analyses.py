"""The report's sections on a study's analyses, and the comparison with published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from isoloss.charts.text import sentences, short
from isoloss.report.study import Number, Paths, known, number, text
from isoloss.results.fits import Fitted, FittedNumber, read_fits
from isoloss.results.quantity import Kind
from isoloss.results.verdict import Status, Verdict

# What a comparison says of the runs behind a number: its name -> the column of the runs.
SPANNED = {
    "N (no embeddings)": "n_params_non_embedding",
    "D": "n_tokens",
    "C in FLOP": "compute_flops",
}


@dataclass
class NumberShown:
    """One measured number."""

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
    runs: str  # the anchor of the list of runs behind it; "" where there is none


@dataclass
class AnalysisShown:
    """One analysis, with its parameters; its points and lines are in the figures."""

    name: str
    do: str
    numbers: list[NumberShown]
    warnings: list[str]
    methods: list[str]


@dataclass
class RunSets:
    """The sets of runs behind the numbers, each listed once."""

    paths: Paths
    anchors: dict[str, str] = field(default_factory=dict)  # runs, separated by spaces -> anchor
    study: str = ""

    def anchor(self, runs: Any) -> str:
        """The anchor of a set of runs; "" for none."""
        named = text(runs)
        if not named:
            return ""
        return self.anchors.setdefault(named, f"{self.study}-runs-{len(self.anchors) + 1}")

    def shown(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """(anchor, [(run, link to what it is)]) in the order in which they were named."""
        return [
            (anchor, [(run, self._link(run)) for run in runs.split()])
            for runs, anchor in self.anchors.items()
        ]

    def _link(self, run: str) -> str:
        path = self.paths.results / "runs" / run / "about.json"
        return self.paths.link(path) if path.exists() else ""


def analyses(table: pd.DataFrame | None, sets: RunSets) -> list[AnalysisShown]:
    """Every analysis of a study, in order."""
    if table is None or table.empty:
        return []
    shown = []
    for name, rows in table.groupby("analysis", sort=False):
        numbers = rows[rows["kind"].isna() | (rows["kind"] == Kind.PARAMETER)]
        said = [text(value) for value in rows["warnings"] if text(value)]
        methods = {text(row["method"]): row["level"] for _, row in numbers.iterrows()}
        shown.append(
            AnalysisShown(
                name=str(name).replace("_", " "),
                do=text(rows.iloc[0]["do"]),
                numbers=[one(row, sets) for _, row in numbers.iterrows()],
                warnings=[sentences(one) for one in dict.fromkeys(said)],
                methods=[f"{100 * level:.3g} % intervals: {method}"
                         for method, level in methods.items() if method and known(level)],
            )
        )  # fmt: skip
    return shown


def one(row: Mapping, sets: RunSets) -> NumberShown:
    """A row of the table of analyses."""
    shown, verdict = number(FittedNumber.read(row, text(row["quantity"]))), text(row["verdict"])
    said = Verdict.read(verdict) if verdict else Verdict(Status.NOT_MEASURED)
    sure = said.identified
    at = ""
    if known(row["x"]):
        at = f"at {text(row['x_quantity']).replace('_', ' ')} = {float(row['x']):.3g}"
    return NumberShown(
        group=text(row["group"]),
        quantity=shown.parameter.replace("_", " "),
        at=at,
        value=shown.value if said.determined else "–",
        interval=shown.interval,
        unit=shown.unit,
        theory=shown.theory,
        theory_source=shown.theory_source,
        agrees=shown.agrees if sure else None,
        verdict="" if sure else verdict,
        n_runs=f"{int(row['n_runs'])}" if known(row["n_runs"]) else "",
        runs=sets.anchor(row["runs"]),
    )


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
            value, interval = (ours.value if verdict.determined else "–"), ours.interval
            anchor = sets.anchor(named)
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
