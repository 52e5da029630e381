"""The interactive charts of a report, ready for its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.files import write_text
from isoloss.report.interactive.allocation import COLUMNS, Allocation, allocation_rows, shown
from isoloss.report.interactive.budgets import PUBLISHED, model_table, own_budgets, published_data
from isoloss.report.interactive.formulas import embedded, rounded
from isoloss.report.interactive.joint import JointFit, by_study, joint_fits
from isoloss.report.interactive.runs import runs_chart
from isoloss.report.study import Paths, table

HERE = Path(__file__).parent
SCRIPTS = ("laws.js", "chart.js", "runs.js", "budget.js")


@dataclass(frozen=True)
class RunsShown:
    """The chart of one study's runs: its data, its table, and the figure that it stands above."""

    data: Markup
    above: str
    header: list[str]
    rows: list[list[str]]
    axes: list[tuple[str, str]]
    laws: list[tuple[int, str]]


@dataclass(frozen=True)
class BudgetShown:
    """The chart of a compute budget, its choices of a law, and the allocation table."""

    data: Markup
    choices: list[tuple[str, list[tuple[int, str]]]]
    allocation: Allocation
    picture: str  # the anchor of the figure that shows published allocations; "" without one
    header: list[str]  # of the table of published models
    models: list[list[str]]


@dataclass(frozen=True)
class Charts:
    """All interactive charts of a report; empty where no study has what they show."""

    runs: Mapping[str, RunsShown] = field(default_factory=dict)
    budget: BudgetShown | None = None
    rows: Sequence[Mapping[str, Any]] = ()  # of the allocation table, to be saved
    css: str = ""
    scripts: str = ""


NONE = Charts()


def charts(studies: Mapping[str, Mapping[str, Any]], paths: Paths) -> Charts:
    """The charts of all studies that hold laws of N and D, and of published laws.

    Parameters
    ----------
    studies : mapping
        Study -> its texts, as `isoloss.report.build.build` takes them.
    paths : Paths
    """
    found = {
        name: joint_fits(
            name, texts, *(table(paths.study(name, f"{one}.parquet")) for one in ("fits", "runs"))
        )
        for name, texts in studies.items()
    }
    every = [one for fits in found.values() for one in fits]
    published = [name for name, texts in studies.items() if texts["source"] == "published"]
    if not every and not published:
        return NONE
    allocation = allocation_rows(every)
    return Charts(
        runs={name: _runs(fits, studies[name], paths) for name, fits in found.items() if fits},
        budget=_budget(every, studies, published, allocation),
        rows=allocation,
        css=(HERE / "interactive.css").read_text(encoding="utf-8"),
        scripts="\n".join((HERE / one).read_text(encoding="utf-8") for one in SCRIPTS),
    )


def _runs(fits: list[JointFit], texts: Mapping[str, Any], paths: Paths) -> RunsShown:
    chart = runs_chart(fits)
    laws = [(place, one.label) for place, one in enumerate(chart.laws)]
    laws.sort(key=lambda law: law[0] != chart.best)
    return RunsShown(
        Markup(embedded(chart.data())), _figure_of(chart.runs["loss"], texts, paths, fits[0].study),
        *chart.table(), [("D", "data D"), ("N", "size N"), ("C", "compute C")], laws,
    )  # fmt: skip


def _figure_of(losses: pd.Series, texts: Mapping[str, Any], paths: Paths, study: str) -> str:
    """The first figure of a study that draws all these losses; else its first figure."""
    wanted = {f"{loss:.5e}" for loss in losses}
    for name in texts["figures"]:
        path = paths.figures / study / f"{name}.csv"
        if path.exists() and path not in paths.missing:
            drawn = pd.read_csv(path)
            if "y" in drawn and wanted <= {f"{y:.5e}" for y in drawn["y"]}:
                return name
    return next(iter(texts["figures"]), "")


def _budget(
    fits: list[JointFit],
    studies: Mapping[str, Mapping[str, Any]],
    published: list[str],
    allocation: list[dict[str, Any]],
) -> BudgetShown:
    own = [made.data() for one in by_study(fits) if (made := own_budgets(one)) is not None]
    models = {model["name"]: model for texts in studies.values()
              for model in texts.get("models", ())}.values()  # fmt: skip
    of_papers = [published_data(one) for one in PUBLISHED]
    laws = [*of_papers, *own]
    choices = [("published laws", [(i, one["label"]) for i, one in enumerate(of_papers)])]
    for study in dict.fromkeys(one["study"] for one in own):
        of_study = [(i, one) for i, one in enumerate(laws) if one.get("study") == study]
        mark = " (SYNTHETIC)" if of_study[0][1]["synthetic"] else ""
        named = [(i, one["label"]) for i, one in of_study]
        choices.append((f"fitted to the runs of {study}{mark}", named))
    picture = next((f"{name}-allocation" for name in published
                    if "allocation" in studies[name]["figures"]), "")  # fmt: skip
    data = {
        "k": FLOPS_PER_PARAM_TOKEN,
        "laws": laws,
        "models": [
            [one["name"], rounded(one["n_params"]), rounded(one["n_tokens"])] for one in models
        ],
    }
    return BudgetShown(
        Markup(embedded(data)), choices, shown(allocation), picture, *model_table(models)
    )


def save_allocation(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write the allocation table as CSV; its columns are there without any row too."""
    write_text(
        path, pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(index=False, float_format="%.9g")
    )
