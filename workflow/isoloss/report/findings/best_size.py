"""Finding: how the best size grows with compute, and what counting alone does to it."""

from __future__ import annotations

from collections.abc import Sequence

from isoloss.report.findings.base import IF_THE_LAW_HOLDS, KNOWN, OPEN, Finding, Results
from isoloss.report.findings.joint import (
    ALL,
    NO_EMBEDDINGS,
    Joint,
    best_of_each,
    joint_laws,
)
from isoloss.report.findings.words import brief, capital, known, like, listed, percent, times
from isoloss.results import Q
from isoloss.results.fits import FittedNumber
from isoloss.results.verdict import Status

LABEL = "Growth of the best size with compute, N* ~ C^a"
RANK = {Status.IDENTIFIED: 0, Status.IF_THE_LAW_HOLDS: 1}
OPEN_RANK = 2  # of what is not known
TELL = "`isoloss next --decision a` names runs that would tell."
KEYS = {ALL: "a", NO_EMBEDDINGS: "a_no_embeddings"}


def best_size(results: Results) -> list[Finding]:
    """The exponent a of N* ~ C^a by the law that says most of it, for each count of N.

    Laws whose form the runs reject speak only where the runs reject all laws.
    """
    joints = [joint for joint in joint_laws(results) if joint.number("a") is not None]
    joints = [joint for joint in joints if not joint.rejected] or joints
    if not joints:
        return []
    first, second = _told(joints)
    a = first.number("a")
    numbers = {
        f"{KEYS.get(joint.size, joint.size)}{end}": value
        for joint in (first, second)
        if joint is not None
        for end, value in _ends(joint.number("a")).items()
        if known(value)
    }
    shown = {
        "key": "best_size", "study": results.name, "label": LABEL, "runs": first.fit.runs,
        "figure": results.figure("recounted", "approaches_compared", "chinchilla_frontiers"),
        "numbers": numbers,
    }  # fmt: skip
    counting, others = _counting(results), _others(joints, first)
    if _rank(first) == OPEN_RANK:
        return [_unknown(first, " ".join(filter(None, (TELL, counting, others))), shown)]
    value = _text(a)[0]
    headline = f"a = {value}"
    size = f"a model {times(10**a.value)} times as large"
    if second is not None:
        b = second.number("a")
        headline += f", or {like(b.value, value)}"
        size += f", or {times(10**b.value)} times {_if_counted(second)}"
    held = "" if _rank(first) == 0 else f"If {first.name} holds, "
    rejected = "These runs reject the form of that law." if first.rejected else ""
    return [
        Finding(
            headline=headline, status=IF_THE_LAW_HOLDS if held else KNOWN,
            sentence=capital(f"{held}ten times the compute is best spent on {size}."),
            small=_intervals(first, second),
            detail=" ".join(filter(None, (rejected, counting, others))), **shown,
        )
    ]  # fmt: skip


def _told(joints: Sequence[Joint]) -> tuple[Joint, Joint | None]:
    """The law that is told of, and the same law by the other count of N where a is known.

    All parameters come first, where a is known as well as by the other count.
    """
    order = [ALL, NO_EMBEDDINGS]
    chosen = [_chosen(joints, size) for size in dict.fromkeys(joint.size for joint in joints)]
    chosen.sort(key=lambda joint: (
        _rank(joint), order.index(joint.size) if joint.size in order else len(order), joint.size,
    ))  # fmt: skip
    first = chosen[0]
    same = [
        joint
        for joint in joints
        if joint.fit.law_name == first.fit.law_name and joint.size != first.size
    ]
    return first, next((joint for joint in same if _rank(joint) < OPEN_RANK), None)


def _unknown(first: Joint, detail: str, shown: dict) -> Finding:
    interval = _text(first.number("a"))[1]
    said = "These runs do not tell how the best size grows with compute"
    any_of = f"any exponent a from {interval} fits" if interval else "no exponent a is determined"
    return Finding(
        headline=f"a: {interval}" if interval else "a is not known", status=OPEN,
        sentence=f"{said}: by {first.name}, {any_of}.", small=capital(f"{first.counted}."),
        detail=detail, **shown,
    )  # fmt: skip


def _chosen(joints: Sequence[Joint], size: str) -> Joint:
    """The law that determines a; of several, the one that misses the runs least."""
    return min((joint for joint in joints if joint.size == size), key=_rank)  # in that order


def _rank(joint: Joint) -> int:
    verdict = joint.number("a").verdict or joint.fit.verdict
    return RANK.get(verdict.status, OPEN_RANK)


def _text(number: FittedNumber) -> tuple[str, str]:
    return brief(number.value, number.lo, number.hi)


def _ends(number: FittedNumber) -> dict[str, float]:
    return {"": number.value, "_lo": number.lo, "_hi": number.hi}


def _if_counted(joint: Joint) -> str:
    return {NO_EMBEDDINGS: "if embeddings are not counted", ALL: "if embeddings are counted"}.get(
        joint.size, f"if N is {joint.size}"
    )


def _intervals(first: Joint, second: Joint | None) -> str:
    """The intervals of what is told, and the law."""
    both = [joint for joint in (first, second) if joint is not None]
    spans = [_text(joint.number("a"))[1] for joint in both]
    level = f"{percent(first.fit.level)} " if known(first.fit.level) else ""
    names = listed(list(dict.fromkeys(joint.name for joint in both)))
    if not all(spans):
        return f"By {names}, without an interval."
    return f"{level}interval{'s' * (len(spans) > 1)} {listed(spans)}, by {names}."


def _counting(results: Results) -> str:
    """How far counting alone moves a: one law and the same runs, with and without embeddings."""
    found = results.analysed("recount")
    if found is None or not found.made:
        return ""
    rows = found.parameters(Q.A_DIFFERENCE, optional=True)
    by_law = rows[rows["group"].str.contains("predicted")]
    for _, row in [*by_law.iterrows(), *rows.iterrows()][:1]:
        value, interval = brief(row["value"], row["lo"], row["hi"])
        if not interval:
            continue
        if row["lo"] <= 0 <= row["hi"]:
            return f"Counting alone may change nothing: it moves a by {interval}."
        return f"Counting alone, with one law and the same runs, moves a by {value} ({interval})."
    return ""


def _others(joints: Sequence[Joint], told: Joint) -> str:
    """What the other laws say, with the same count of N."""
    said = []
    for joint in best_of_each([joint for joint in joints if joint.size == told.size]):
        if joint.fit.law_name == told.fit.law_name:
            continue
        value, interval = _text(joint.number("a"))
        said.append(f"{joint.name} gives {value}" if _rank(joint) < OPEN_RANK else
                    f"{joint.name} allows {interval}" if interval else
                    f"{joint.name} does not tell")  # fmt: skip
    return capital(f"{listed(said)}.") if said else ""
