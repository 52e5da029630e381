"""Finding of the study of published laws: how far apart their prescriptions are."""

from __future__ import annotations

from isoloss.charts import short
from isoloss.charts.text import power_of_ten
from isoloss.laws import published as laws
from isoloss.report.findings.base import Finding, Results
from isoloss.report.findings.words import times

BUDGET_LOG10 = 24  # of FLOP: the order of the largest models that the papers compare


def published(results: Results) -> list[Finding]:
    """The best size of one budget by both published rules."""
    budget = 10.0**BUDGET_LOG10
    kaplan, hoffmann = (float(rule(budget)[0]) for rule in
                        (laws.kaplan_allocation, laws.chinchilla_allocation))  # fmt: skip
    return [
        Finding(
            key="published", study=results.name, label="Two published rules, one budget",
            headline=f"{short(kaplan)} or {short(hoffmann)}",
            sentence=f"For {power_of_ten(BUDGET_LOG10)} FLOP Kaplan et al.'s rule asks for "
                     f"{short(kaplan)} parameters, {times(kaplan / hoffmann)} times as many as 20 "
                     f"tokens per parameter allow ({short(hoffmann)}).",
            detail="Computed from published constants; nothing was measured here.",
            figure=results.figure("allocation"),
            numbers={"kaplan": kaplan, "hoffmann": hoffmann},
        )
    ]  # fmt: skip
