"""What a finding is, and the results of one study from which findings are computed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isoloss.errors import UserError
from isoloss.files import read_json
from isoloss.report.study import Paths, known, rows, table, text
from isoloss.results import Analysed
from isoloss.results.fits import Fitted, read_fits

if TYPE_CHECKING:
    import pandas as pd

# What a finding amounts to, in the words of its mark on the page.
HELD, FAILED, AFTERWARDS = "held", "missed", "after the run"
OPEN, MISSING = "not known", "missing"
KNOWN, IF_THE_LAW_HOLDS, SYNTHETIC = "known", "if the law holds", "synthetic"
REJECTED = "lack of fit"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding of a study: what a reader sees of it, and what it rests on.

    Attributes
    ----------
    key, study : str
        The kind of finding, and the study's name.
    label : str
        What was asked, in a few words.
    headline : str
        The numbers, in big type.
    sentence : str
        What was found. It stands by itself.
    small : str
        Interval and unit, in a small line.
    detail : str
        What else there is to know, in the order of its weight; the page folds it.
    status : str
        One of the words above: whether the runs say it.
    figure : str
        The study's figure that shows it; "" for none.
    runs : str
        The runs behind it, separated by spaces.
    numbers : mapping
        Name -> the number in the sentence, as the tables hold it.
    """

    key: str
    study: str
    label: str
    headline: str
    sentence: str
    small: str = ""
    detail: str = ""
    status: str = KNOWN
    figure: str = ""
    runs: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def doubtful(self) -> bool:
        """Whether the finding is that something failed, is missing or cannot be told."""
        return self.status in (FAILED, MISSING, OPEN, REJECTED)

    def data(self) -> dict[str, Any]:
        """The finding for JSON."""
        texts = ("key", "study", "label", "status", "headline", "sentence", "small", "detail")
        said = {name: getattr(self, name) for name in texts} | {"figure": self.figure}
        numbers = {name: float(x) for name, x in self.numbers.items() if known(x)}
        return said | {"runs": self.runs.split(), "numbers": numbers}


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of one study, as far as they are there.

    Attributes
    ----------
    name : str
    texts : mapping
        The study's texts, as the report is given them.
    runs : DataFrame or None
        Columns as `isoloss.tables.schema.RUN_COLUMNS`.
    fits : list of Fitted
        With columns of the runs as their laws' variables.
    analyses, prediction : DataFrame or None
        Columns as docs/data.md lists them.
    planned : sequence of str
        The runs that the study wants.
    records : list of dict
        The records of all predictions.
    drawn : tuple of str
        The figures that were drawn.
    """

    name: str
    texts: Mapping[str, Any]
    runs: pd.DataFrame | None = None
    fits: list[Fitted] = field(default_factory=list)
    analyses: pd.DataFrame | None = None
    prediction: pd.DataFrame | None = None
    planned: Sequence[str] = ()
    records: Sequence[Mapping[str, Any]] = ()
    drawn: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The source of the runs, as the study's file says."""
        return str(self.texts["source"])

    @property
    def synthetic(self) -> bool:
        """Whether the losses were drawn from a formula."""
        return self.source == "planted"

    @property
    def unit(self) -> str:
        """The unit of the losses."""
        return str(self.texts.get("loss_unit", ""))

    def variables(self, fit: Fitted) -> Mapping[str, str]:
        """Variable of a fit's law, or "loss" -> column of the runs."""
        return self.texts.get("variables", {}).get(fit.fit, {})

    def analysed(self, do: str) -> Analysed | None:
        """The first analysis of a kind; None where the study has none."""
        if self.analyses is None or self.analyses.empty:
            return None
        of_kind = self.analyses[self.analyses["do"] == do]
        if of_kind.empty:
            return None
        name = of_kind["analysis"].iloc[0]
        return Analysed(of_kind[of_kind["analysis"] == name], name)

    def figure(self, *kinds: str) -> str:
        """The first figure of these kinds, in their order, that was drawn; "" for none."""
        draws = self.texts.get("draws", {})
        found = [name for kind in kinds for name in self.drawn if draws.get(name) == kind]
        return found[0] if found else ""

    def done(self) -> pd.DataFrame | None:
        """The finished runs, each once."""
        if self.runs is None or self.runs.empty:
            return None
        return self.runs[self.runs["status"] == "done"].drop_duplicates("run_id")

    def lost(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Run -> why it has no loss, of those that have none."""
        done = self.done()
        there = set() if done is None else set(done["run_id"])
        reasons = {}
        if self.runs is not None and len(self.runs):
            reasons = dict(zip(self.runs["run_id"], self.runs["status"], strict=True))
        return {
            run: "it diverged" if reasons.get(run) == "diverged" else "it has not been trained"
            for run in run_ids
            if run not in there
        }


def read(study: str, texts: Mapping[str, Any], paths: Paths, planned: Sequence[str]) -> Results:
    """The results of a study, from its files."""
    runs = table(paths.study(study, "runs.parquet"))
    if runs is None and planned and paths.missing:
        runs = rows(paths, planned)
    variables = texts.get("variables", {})
    fits = read_fits(table(paths.study(study, "fits.parquet")))
    analyses = table(paths.study(study, "analyses.parquet")) if texts.get("analyses") else None
    return Results(
        name=study,
        texts=texts,
        runs=runs,
        fits=[_placed(fit, variables.get(fit.fit, {})) for fit in fits],
        analyses=analyses,
        prediction=table(paths.study(study, "prediction.parquet")),
        planned=planned,
        records=_records(paths),
        drawn=tuple(name for name in texts["figures"] if paths.drawn(study, name)),
    )


def _placed(fit: Fitted, variables: Mapping[str, str]) -> Fitted:
    """A fit whose law has columns of the runs as its variables; of no known law, as it is."""
    try:
        return fit.of_columns(variables)
    except UserError:
        return fit


def _records(paths: Paths) -> list[Mapping[str, Any]]:
    """The records of predictions; a damaged one is the business of the job that writes them."""
    found = []
    for path in sorted((paths.results / "predictions").glob("*.json")):
        with contextlib.suppress(UserError):
            found.append(read_json(path))
    return [record for record in found if isinstance(record, dict)]


def reason(verdict: Any) -> str:
    """Why a number is not known, as its verdict says; the verdict itself where it gives none."""
    return getattr(verdict, "reason", "") or text(verdict)
