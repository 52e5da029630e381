"""Finding: which law fits the runs and which does not, beside the scatter of repeated runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from isoloss.charts import with_interval
from isoloss.report.findings.base import (
    IF_THE_LAW_HOLDS,
    KNOWN,
    MISSING,
    REJECTED,
    Finding,
    Results,
    reason,
)
from isoloss.report.findings.joint import (
    Joint,
    best_of_each,
    joint_laws,
    name_of,
    tied,
    unfitted,
)
from isoloss.report.findings.words import capital, count, known, listed, percent
from isoloss.results import Q

LABEL = "How far each law misses these runs"


def which_law(results: Results) -> list[Finding]:
    """The misfit of each law of N and D, with ties, and the scatter of runs that differ in seed."""
    joints = joint_laws(results)
    laws = best_of_each(joints)
    if not laws:
        return _nothing_fitted(results)
    best = laws[0]
    alike = [law for law in laws if law is best or tied(best, law)]
    worse = [law for law in laws if law not in alike]
    tested = [law for law in laws if law.rejected is not None]
    rejected = [law for law in tested if law.rejected]
    numbers = {f"miss_{law.fit.law_name}": law.miss for law in laws}
    seeds, scatter = _seeds(results)
    numbers |= scatter
    return [
        Finding(
            key="which_law", study=results.name, label=LABEL,
            headline=", ".join(percent(law.miss) for law in laws),
            sentence=_sentence(alike, worse), small=f"{seeds} {_size(laws)}".strip(),
            detail=f"{_form(tested, rejected)} {_counts(laws)} {_otherwise(joints, laws)}".strip(),
            status=REJECTED if best.rejected else KNOWN if tested else IF_THE_LAW_HOLDS,
            figure=results.figure("loss_grid", "joint_laws"), runs=best.fit.runs, numbers=numbers,
        )
    ]  # fmt: skip


def _sentence(alike: Sequence[Joint], worse: Sequence[Joint]) -> str:
    first, *others = alike
    said = f"{capital(first.name)} misses these runs by {percent(first.miss)}"
    if others:
        each = [said, *(f"{law.name} by {percent(law.miss)}" for law in others)]
        said = f"{listed(each)}, a tie"
    if worse:
        each = [f"{law.name} misses them by {percent(law.miss)}" for law in worse]
        said += f"; {listed(each)}"
    return f"{said}."


def _seeds(results: Results) -> tuple[str, dict[str, float]]:
    """The scatter of runs that differ in their seed alone."""
    found = results.analysed("seed_noise")
    row = None if found is None else found.number(Q.RELATIVE_SD, optional=True)
    if row is None:
        return "No run was repeated with another seed.", {}
    ends = [row[end] for end in ("lo", "hi")]
    _, interval = with_interval(100 * row["value"], *(100 * end for end in ends))
    said = f"Runs that differ in their seed alone scatter by {percent(row['value'])}"
    said += f" ({interval} %)." if all(map(known, ends)) else "."
    return said, {"seeds": float(row["value"])}


def _form(tested: Sequence[Joint], rejected: Sequence[Joint]) -> str:
    """Which of the laws leave a pattern in their residuals that noise would not make."""
    if not tested:
        return "There are too few runs to test the form of a law."
    if not rejected:
        return "No law leaves a pattern that noise would not make."
    who = listed([law.name for law in rejected])
    if len(rejected) == len(tested) > 1:
        who = f"each of these {len(tested)} laws"
    many = "leaves" if len(rejected) == 1 or len(rejected) == len(tested) else "leave"
    return f"Lack of fit: {who} {many} a pattern that noise would not make."


def _counts(laws: Sequence[Joint]) -> str:
    runs = {law.fit.runs for law in laws}
    if len(runs) > 1:
        return "The laws were fitted to different runs."
    done = len(laws[0].fit.runs.split())
    return f"Root mean square of {count(done, 'run')}."


def _size(laws: Sequence[Joint]) -> str:
    """How N is counted, where all laws count it alike."""
    counted = {law.counted for law in laws}
    return capital(f"{counted.pop()}.") if len(counted) == 1 else ""


def _otherwise(joints: Sequence[Joint], told: Sequence[Joint]) -> str:
    """What the same laws miss with the other count of N."""
    others = [
        joint
        for joint in joints
        if math.isfinite(joint.miss) and not any(joint is one for one in told)
    ]
    counted = {joint.counted for joint in others}
    if len(counted) != 1:
        return ""
    each = [f"{joint.name} {percent(joint.miss)}" for joint in others]
    return f"With {counted.pop()}: {listed(each)}."


def _nothing_fitted(results: Results) -> list[Finding]:
    fits = unfitted(results)
    if not fits:
        return []
    lost = results.lost(list(results.planned))
    diverged = sum(why == "it diverged" for why in lost.values())
    many = f"{diverged} of {count(len(results.planned), 'run')} diverged, and " if diverged else ""
    names = listed(list(dict.fromkeys(name_of(fit.law_name) for fit in fits)))
    return [
        Finding(
            key="which_law", study=results.name, label=LABEL, headline="no law fitted",
            sentence=capital(f"{many}too few runs are left to fit {names}." if diverged else
                             f"no law of N and D could be fitted to these runs: {names}."),
            detail=f"{capital(reason(fits[0].verdict))}.", status=MISSING,
            figure=results.figure("loss_grid"), runs=fits[0].runs,
        )
    ]  # fmt: skip
