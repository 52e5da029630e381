"""What the runs showed, in sentences that are computed from results.

Each module has one finding: a function from the results of a study to what they say, worded by what
they are. Which findings a study has depends on what its tables hold, never on its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from isoloss.laws import LAWS
from isoloss.report.findings.base import MISSING, Finding, Results, read
from isoloss.report.findings.best_size import best_size
from isoloss.report.findings.copying import copying
from isoloss.report.findings.exact_theory import exact_theory
from isoloss.report.findings.experiments import experiments
from isoloss.report.findings.floor import floor
from isoloss.report.findings.frontier import frontier
from isoloss.report.findings.joint import NAMES
from isoloss.report.findings.planted import planted
from isoloss.report.findings.power_laws import power_laws
from isoloss.report.findings.prediction import prediction
from isoloss.report.findings.published import published
from isoloss.report.findings.which_law import which_law
from isoloss.report.findings.words import capital, count, listed
from isoloss.report.study import Paths

__all__ = ["Finding", "Found", "Results", "find", "of_files"]

MAIN = (prediction, best_size, which_law, floor)  # of a study of N and D, as the page has them
MOST_MAIN = 4
HERO = ("loss_grid", "loss_against_x")  # kinds of figures that may stand on the first screen


@dataclass(frozen=True)
class Found:
    """The findings of a report.

    Attributes
    ----------
    main : list of Finding
        Those of the first screen.
    others : list of Finding
        One for each other study, in the order of the report.
    hero : (study, figure) or None
        The figure of the first screen.
    laws : list of (name, formula)
        The laws that findings name.
    """

    main: list[Finding]
    others: list[Finding]
    hero: tuple[str, str] | None
    laws: list[tuple[str, str]] = field(default_factory=list)

    def data(self, n_failed: int = 0) -> dict[str, Any]:
        """The findings for JSON; `n_failed` jobs have failed."""
        return {
            "main": [one.data() for one in self.main],
            "others": [one.data() for one in self.others],
            "failed_jobs": n_failed,
        }


def of_files(
    studies: Mapping[str, Mapping[str, Any]], paths: Paths, planned: Mapping[str, Sequence[str]]
) -> Found:
    """The findings of all studies, from their files.

    Parameters
    ----------
    studies : mapping
        Study -> its texts, as the report is given them.
    paths : Paths
    planned : mapping
        Study -> the ids of the runs that it wants.
    """
    return find([read(name, texts, paths, planned.get(name, ()))
                 for name, texts in studies.items()])  # fmt: skip


def find(studies: Sequence[Results]) -> Found:
    """The findings of all studies.

    The first study that trains, or has a table, and compares sizes and data gives the main ones;
    where there is none, a synthetic one does. Each other study has one line.
    """
    joint = {results.name: _joint(results) for results in studies}
    measured = [results for results in studies if joint[results.name] and not results.synthetic]
    synthetic = [results for results in studies if joint[results.name] and results.synthetic]
    lead = next(iter([*measured, *synthetic]), None)
    main = joint[lead.name][:MOST_MAIN] if lead else []
    titles = {results.name: str(results.texts["title"]) for results in studies}
    units = {results.name: results.unit for results in studies}
    others = [
        _line(results, joint[results.name], titles, units, lead.name if lead else "")
        for results in studies
        if results is not lead
    ]
    while len(main) < 3 and others:
        main.append(others.pop(0))
    return Found(main, others, _hero(studies, lead), _laws([*main, *others]))


def _joint(results: Results) -> list[Finding]:
    return [finding for make in MAIN for finding in make(results)]


def _line(
    results: Results, joint: list[Finding], titles: Mapping[str, str], units: Mapping[str, str],
    lead: str,
) -> Finding:  # fmt: skip
    """The one finding of a study that does not lead; what else it has goes into the small line."""
    if results.source == "published":
        return published(results)[0]
    if results.source == "studies":
        found = frontier(results, titles, units, lead)
    elif results.synthetic:
        found = planted(results)
    else:
        found = [*exact_theory(results), *copying(results), *experiments(results), *joint]
        found += power_laws(results)
    if not found:
        return _nothing(results)
    first, *rest = found
    more = [" ".join(filter(None, (one.sentence, one.detail))) for one in rest]
    return replace(first, detail=" ".join(filter(None, (first.detail, *more))))


def _nothing(results: Results) -> Finding:
    """A study without a finding: what is missing."""
    done = results.done()
    n_done = 0 if done is None else len(done)
    lost = list(results.lost(list(results.planned)).values())
    reasons = [f"{count(lost.count(why), 'run')}: {why}" for why in dict.fromkeys(lost)]
    return Finding(
        key="nothing", study=results.name, label=str(results.texts["title"]), status=MISSING,
        headline="nothing fitted",
        sentence=f"{capital(count(n_done, 'run'))} of the study {results.name} "
                 f"{'has' if n_done == 1 else 'have'} a loss, and no law was fitted to them.",
        detail=f"{listed(reasons)}." if reasons else "", numbers={"runs": n_done},
    )  # fmt: skip


def _laws(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    said = " ".join(f"{one.sentence} {one.small} {one.detail}" for one in findings)
    found = {name: LAWS[law].formula for law, name in NAMES.items()}
    return [(name, formula) for name, formula in found.items()
            if name in said or capital(name) in said]  # fmt: skip


def _hero(studies: Sequence[Results], lead: Results | None) -> tuple[str, str] | None:
    for results in [*([lead] if lead else []), *studies]:
        figure = results.figure(*HERO) or (results.drawn[0] if results.drawn else "")
        if figure:
            return results.name, figure
    return None
