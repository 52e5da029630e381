"""What the report says of a study's analyses, and of what others found: read from the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from isoloss.report.study import Paths, known, listed, number, text

IDENTIFIED = "identified"


@dataclass
class NumberShown:
    """One measured number."""

    group: str
    quantity: str
    at: str  # where it holds, if it depends on something
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
    """The sets of runs that numbers are made from, each listed once."""

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
        numbers = rows[rows["kind"].isna() | (rows["kind"] == "parameter")]
        said = [part for value in rows["warnings"] for part in listed(value)]
        methods = {text(row["method"]): row["level"] for _, row in numbers.iterrows()}
        shown.append(
            AnalysisShown(
                name=str(name).replace("_", " "),
                do=text(rows.iloc[0]["do"]),
                numbers=[one(row, sets) for _, row in numbers.iterrows()],
                warnings=list(dict.fromkeys(said)),
                methods=[f"{100 * level:.3g} % intervals: {method}"
                         for method, level in methods.items() if method and known(level)],
            )
        )  # fmt: skip
    return shown


def one(row: Mapping, sets: RunSets) -> NumberShown:
    """A row of the table of analyses."""
    shown, verdict = number({**row, "parameter": text(row["quantity"])}), text(row["verdict"])
    at = ""
    if known(row["x"]):
        at = f"at {text(row['x_quantity']).replace('_', ' ')} = {float(row['x']):.3g}"
    return NumberShown(
        group=text(row["group"]),
        quantity=shown.parameter.replace("_", " "),
        at=at,
        value=shown.value if verdict == IDENTIFIED else "–",
        interval=shown.interval,
        unit=shown.unit,
        theory=shown.theory,
        theory_source=shown.theory_source,
        agrees=shown.agrees if verdict == IDENTIFIED else None,
        verdict="" if verdict == IDENTIFIED else verdict,
        n_runs=f"{int(row['n_runs'])}" if known(row["n_runs"]) else "",
        runs=sets.anchor(row["runs"]),
    )


@dataclass
class ComparedShown:
    """A row of the table of what was said, measured and found elsewhere."""

    quantity: str
    kaplan: str
    chinchilla: str
    elsewhere: str
    scale: str
    value: str
    interval: str
    verdict: str
    runs: str


def compared(
    rows: Sequence[Mapping[str, Any]],
    fits: pd.DataFrame | None,
    made: pd.DataFrame | None,
    sets: RunSets,
) -> list[ComparedShown]:
    """The table of comparison, with this study's number in each row."""
    shown = []
    for row in rows:
        found = _find(row, fits, "fit", "parameter")
        if found is None:
            found = _find(row, made, "analysis", "quantity")
        value = interval = runs = ""
        verdict = "not measured"
        if found is not None:
            ours = number({**found, "parameter": row["parameter"]})
            verdict = text(found["verdict"])
            sure = verdict == IDENTIFIED
            value, interval = (ours.value if sure else "–"), ours.interval
            verdict = "" if sure else verdict
            runs = sets.anchor(found["runs"])
        said = {key: row[key] for key in ("quantity", "kaplan", "chinchilla", "elsewhere", "scale")}
        shown.append(
            ComparedShown(**said, value=value, interval=interval, verdict=verdict, runs=runs)
        )
    return shown


def _find(row: Mapping, table: pd.DataFrame | None, name: str, quantity: str) -> Mapping | None:
    if table is None or table.empty:
        return None
    chosen = table[(table[name] == row["of"]) & (table[quantity] == row["parameter"])]
    if row["group"]:
        chosen = chosen[chosen["group"] == row["group"]]
    if not len(chosen):  # what was not made has a row that says why
        chosen = table[(table[name] == row["of"]) & table[quantity].isna()]
    return dict(chosen.iloc[0]) if len(chosen) else None
