"""Finding of a synthetic study: how many intervals hold the number that was planted."""

from __future__ import annotations

from isoloss.report.findings.base import SYNTHETIC, Finding, Results
from isoloss.report.findings.words import count, inside, known, listed

LABEL = "Synthetic losses: a planted law, found again"


def planted(results: Results) -> list[Finding]:
    """How many intervals hold the truth, and how many should by their level."""
    judged = [
        (fit, number)
        for fit in results.fits
        for number in fit.numbers
        if all(map(known, (number.theory, number.lo, number.hi, fit.level)))
    ]
    if not judged:
        return []
    held = sum(inside(number) for _, number in judged)
    should = sum(fit.level for fit, _ in judged)
    missed = [f"{number.name} of {fit.fit}" for fit, number in judged if not inside(number)]
    several = "Numbers of one fit err together." if len(missed) > 1 else ""
    detail = f"Missed: {listed(missed)}. {several}".strip() if missed else ""
    return [
        Finding(
            key="planted", study=results.name, label=LABEL, status=SYNTHETIC,
            headline=f"{held} of {len(judged)} hold the truth",
            sentence=f"Losses were drawn from a known law: {held} of "
                     f"{count(len(judged), 'interval')} hold the planted value, and about "
                     f"{should:.0f} should.",
            detail=detail, runs=judged[0][0].runs,
            figure=results.figure("same_compute", "extrapolation", "loss_against_x"),
            numbers={"held": held, "judged": len(judged), "should": should},
        )
    ]  # fmt: skip
