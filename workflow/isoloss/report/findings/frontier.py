"""Finding of a study of other studies' runs: the lowest loss that more compute bought."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from isoloss.charts import with_interval
from isoloss.report.findings.base import KNOWN, Finding, Results
from isoloss.report.findings.words import capital, count

LABEL = "The lowest loss for a budget"


def frontier(
    results: Results, titles: Mapping[str, str], units: Mapping[str, str], lead: str
) -> list[Finding]:
    """How far the lowest loss falls over the budgets, in one study.

    Parameters
    ----------
    titles, units : mapping
        Study -> its title, and the unit of its losses.
    lead : str
        The study that is told of; if it has no run here, the one whose budgets span the most.
    """
    runs = results.runs
    if runs is None or runs.empty or "compute_flops" not in runs.columns:
        return []
    runs = runs[(runs["status"] == "done") & runs["loss"].notna() & (runs["compute_flops"] > 0)]
    if runs.empty:
        return []
    spans = runs.groupby("sweep", sort=True)["compute_flops"].agg(
        lambda c: np.log(c.max() / c.min())
    )
    study = lead if lead in spans.index else str(spans.idxmax())
    of = runs[runs["sweep"] == study].drop_duplicates("run_id")
    of = of.sort_values(["compute_flops", "loss", "run_id"], kind="stable")
    lowest = of["loss"].cummin()
    on = of[of["loss"] < lowest.shift(fill_value=np.inf)]
    first, last = on.iloc[0], on.iloc[-1]
    low, high = (with_interval(row["loss"])[0] for row in (last, first))
    ratio = float(last["compute_flops"] / first["compute_flops"])
    unit = f" {units[study]}" if units.get(study) else ""
    return [Finding(
        key="frontier", study=results.name, label=LABEL, headline=f"{high} to {low}", status=KNOWN,
        sentence=f"With {_round(ratio)} times the compute, the lowest loss of the study "
                 f"“{titles.get(study, study)}” falls from {high} to {low}{unit}.",
        detail=capital(f"{count(len(on), 'run')} of {len(of):,} lie on that frontier."),
        figure=results.figure("frontier"), runs=" ".join(on["run_id"]),
        numbers={"first": float(first["loss"]), "last": float(last["loss"]), "times": ratio},
    )]  # fmt: skip


def _round(ratio: float) -> str:
    """A factor with two digits: 317 is 320."""
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.2g}"
