"""The report's section on one study, read from its files; the report computes only sums."""

import collections
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from isoloss.charts.text import sentences, with_interval
from isoloss.files import read_json, read_parquet
from isoloss.fit.counted import NOTE as MISFIT_COUNTED
from isoloss.fit.misfit import LACK_OF_FIT
from isoloss.results.fits import Fitted, FittedNumber, read_fits
from isoloss.runs.select import is_finished
from isoloss.tables.schema import RUN_COLUMNS, typed
from isoloss.tasks.kernel import THEN


@dataclass(frozen=True)
class Paths:
    """Where the report and its files are.

    Attributes
    ----------
    report : Path
        The report's own path: links are relative to its folder.
    results, figures : Path
        The folders of the results and of the figures.
    missing : frozenset of Path
        Files that are missing or out of date because jobs failed.
    """

    report: Path
    results: Path
    figures: Path
    missing: frozenset[Path] = frozenset()

    def link(self, path: Path) -> str:
        """A relative link from the report to a file, with forward slashes."""
        return Path(os.path.relpath(path, self.report.parent)).as_posix()

    def study(self, study: str, name: str) -> Path:
        """The path of a study's file; for a missing file, a path where no file is."""
        path = self.results / "studies" / study / name
        return path if path not in self.missing else path.with_name(f"{name} is missing")

    def drawn(self, study: str, figure: str) -> bool:
        """Whether a figure of a study was drawn."""
        png = self.figures / study / f"{figure}.png"
        return png not in self.missing and png.exists()

    def has(self, run_id: str) -> bool:
        """Whether a run has a result."""
        row = self.results / "runs" / run_id / "row.json"
        return row not in self.missing and row.exists()


@dataclass
class Number:
    """One fitted parameter, as the report shows it."""

    parameter: str
    value: str
    interval: str
    unit: str
    theory: str
    theory_source: str
    agrees: bool | None  # whether the interval contains the theoretical value; None: no such value
    verdict: str = ""  # on this number


@dataclass
class FitShown:
    """One fit of one group of runs."""

    name: str
    group: str
    law: str
    formula: str
    verdict: str
    identified: bool
    level: str
    method: str
    n_runs: str
    warnings: list[str]
    numbers: list[Number]
    rejected: bool = False  # whether the runs reject the law
    counted: bool = False  # whether the intervals count the law's misfit
    runs: str = ""  # the runs that were fitted, separated by spaces
    anchor: str = ""  # of the list of these runs in the report

    @property
    def misfit(self) -> str:
        """What the intervals say of a law that the runs reject; "" for other laws."""
        if not self.rejected:
            return ""
        how = "count" if self.counted else "do not count"
        return f"The runs reject this law; its intervals {how} that."

    @property
    def runs_counted(self) -> str:
        """How many runs were fitted, as text."""
        return f"{self.n_runs} run{'' if self.n_runs == '1' else 's'}"

    @property
    def sources(self) -> list[tuple[str, str]]:
        """The sources of theoretical values, each with its parameters."""
        said: dict[str, list[str]] = {}
        for number in self.numbers:
            if number.theory:
                said.setdefault(number.theory_source, []).append(number.parameter)
        return [(", ".join(parameters), source) for source, parameters in said.items()]


def fits(table: pd.DataFrame | None) -> list[FitShown]:
    """Every fit of every group. A number that is not identified has an interval only."""
    return [fit_shown(found) for found in read_fits(table)]


def fit_shown(found: Fitted) -> FitShown:
    """One fit of one group; for a number that is not identified, its interval only."""
    numbers = []
    for one in found.numbers if found.describes else ():
        if one.verdict is not None and one.verdict.identified:
            numbers.append(number(one))
        elif one.verdict is not None and one.verdict.determined:
            numbers.append(replace(number(one), agrees=None))  # its law may not hold
        elif known(one.lo) and known(one.hi):
            numbers.append(replace(number(one), value="–", agrees=None))
    return FitShown(
        name=found.fit,
        group=str(found.group),
        law=found.law_name.replace("_", " "),
        formula=found.formula,
        verdict=found.verdict,
        identified=found.identified,
        level=f"{100 * found.level:.3g} %" if known(found.level) else "",
        method=found.method,
        n_runs="" if found.n_runs is None else str(found.n_runs),
        warnings=[sentences(found.warnings)] if found.warnings else [],
        numbers=numbers,
        rejected=LACK_OF_FIT in found.warnings,
        counted=MISFIT_COUNTED in found.warnings,
        runs=found.runs,
    )


def number(found: FittedNumber) -> Number:
    """A number as text, with the digits that its interval supports."""
    bounded = known(found.lo) and known(found.hi)
    ends = [end if known(end) else None for end in (found.lo, found.hi)]
    value, interval = with_interval(found.value if known(found.value) else math.nan, *ends)
    theory, agrees = "", None
    if known(found.theory):
        theory = f"{found.theory:.4g}".replace("-", "−")
        agrees = found.lo <= found.theory <= found.hi if bounded else None
    return Number(found.name, value, interval, found.unit, theory, found.theory_source, agrees,
                  found.verdict or "")  # fmt: skip


def known(value: Any) -> bool:
    """Whether a cell of a table holds a finite number."""
    return not pd.isna(value) and math.isfinite(value)


def text(value: Any) -> str:
    """A cell of a table as text; "" where it is empty."""
    return "" if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else str(value)


def table(path: Path) -> pd.DataFrame | None:
    """A Parquet table, or None if the file is not there."""
    return read_parquet(path) if path.exists() else None


def rows(paths: Paths, run_ids: Sequence[str]) -> pd.DataFrame:
    """The rows of the runs that have a result, for a report without the tables of all runs."""
    there = [run_id for run_id in run_ids if paths.has(run_id)]
    found = [read_json(paths.results / "runs" / run_id / "row.json") for run_id in there]
    return typed(found, RUN_COLUMNS)


@dataclass
class RunsShown:
    """The runs of one study: their number, their cost, and the runs with problems.

    `lost` has (run, reason) for each run that diverged or is missing. `other_code` names the runs
    that were trained by other code than the present. `other_kernel` has (run, kernel) for each run
    that another kernel trained than most runs of its kind.
    """

    count: int = 0
    done: int = 0
    core_seconds: float = 0.0
    lost: list[tuple[str, str]] = field(default_factory=list)
    other_code: list[str] = field(default_factory=list)
    other_kernel: list[tuple[str, str]] = field(default_factory=list)


def runs(
    table: pd.DataFrame | None,
    planned: Sequence[str],
    code: Mapping[str, str],
    trunks: Mapping[str, float] = MappingProxyType({}),
) -> RunsShown:
    """Facts about the runs of a study.

    Parameters
    ----------
    table : DataFrame or None
        The study's runs, as collected.
    planned : sequence of str
        The ids of the runs that the study wants.
    code : mapping
        Task -> fingerprint of the present training code.
    trunks : mapping
        Trunk that the runs continue -> its CPU time, in seconds.
    """
    if table is None:
        return RunsShown(len(planned), 0, 0.0, [(run, "not trained yet") for run in planned])
    single = table.drop_duplicates("run_id")
    lost = [
        (row["run_id"], f"diverged: {text(row['reason'])}".rstrip(": "))
        for _, row in single[~is_finished(single)].sort_values("run_id", kind="stable").iterrows()
    ]
    there = set(single["run_id"])
    lost += [(run, "missing: the job failed or has not run") for run in planned if run not in there]
    other = [] if "code" not in single.columns else [
        row["run_id"] for _, row in single.sort_values("run_id", kind="stable").iterrows()
        if text(row["code"]) and code.get(row["task"], text(row["code"])) != text(row["code"])
    ]  # fmt: skip
    cost = single["train_cpu_s"].sum() if "train_cpu_s" in single.columns else 0.0
    return RunsShown(
        count=len(there | set(planned)), done=int(is_finished(single).sum()),
        core_seconds=float(cost) + sum(trunks.values()), lost=lost, other_code=other,
        other_kernel=by_other_kernel(single),
    )  # fmt: skip


def by_other_kernel(single: pd.DataFrame) -> list[tuple[str, str]]:
    """The runs that another kernel trained than most runs of their kind, with that kernel.

    The kind of a run decides which kernel can train it: recurrent models, dropout and loops need
    PyTorch. A run that one kernel began and another went on with counts, too.

    Parameters
    ----------
    single : DataFrame
        The runs, each once.
    """
    if "kernel" not in single.columns:
        return []
    found: dict[tuple, dict[str, str]] = {}
    for row in single[single["kernel"].notna()].to_dict("records"):
        drops = text(row.get("dropout")) not in ("", "0.0")
        loops = text(row.get("n_loop")) not in ("", "1", "1.0")
        kind = (text(row.get("task")), text(row.get("model")), drops, loops)
        found.setdefault(kind, {})[row["run_id"]] = row["kernel"]
    other = []
    for kernels in found.values():
        counts = collections.Counter(sorted(kernels.values()))
        most = counts.most_common(1)[0][0]
        other += [(run, k) for run, k in kernels.items() if k != most or THEN in k]
    return sorted(other)
