"""Finding: the floor E, the loss that endless size and data would leave."""

from __future__ import annotations

from isoloss.report.findings.base import IF_THE_LAW_HOLDS, KNOWN, OPEN, Finding, Results
from isoloss.report.findings.joint import Joint, joint_laws
from isoloss.report.findings.words import brief, capital, known, listed, percent
from isoloss.results.verdict import Status

FLOOR = "E"  # the parameter, in every law that has one
LABEL = "The floor E: the loss that endless size and data leave"


def floor(results: Results) -> list[Finding]:
    """The floor by the laws of N and D that have one: known, or its range, or not to be told."""
    laws = joint_laws(results)
    having = [law for law in laws if law.number(FLOOR) is not None]
    if not having:
        return []
    trusted = [law for law in having if not law.rejected] or having
    sure = [law for law in trusted if _status(law) is Status.IDENTIFIED]
    almost = [law for law in trusted if _status(law) is Status.IF_THE_LAW_HOLDS]
    chosen = next(iter([*sure, *almost]), None)
    shown = {
        "key": "floor", "study": results.name, "label": LABEL, "runs": having[0].fit.runs,
        "figure": results.figure("loss_grid"),
    }  # fmt: skip
    without = sorted({law.name for law in laws} - {law.name for law in having})
    no_floor = f"{capital(listed(without))} has no floor at all." if len(without) == 1 else ""
    if chosen is None:
        return [_open(results, trusted, no_floor, shown)]
    number = chosen.number(FLOOR)
    value, interval = brief(number.value, number.lo, number.hi)
    level = percent(chosen.fit.level) if known(chosen.fit.level) else ""
    unit = f" {results.unit}" if results.unit else ""
    holds = "" if sure else f"If {chosen.name} holds, "
    sentence = capital(f"{holds}no size and no amount of data brings the loss below {value}{unit}.")
    theory = ""
    if known(number.theory):
        inside = "inside" if number.lo <= number.theory <= number.hi else "outside"
        theory = f"The expected value, {number.theory:.5g}, lies {inside} the interval."
    rejected = "These runs reject the form of that law." if chosen.rejected else ""
    small = f"{level} interval {interval}, by {chosen.name}."
    detail = " ".join(filter(None, (theory, rejected, no_floor)))
    return [
        Finding(headline=f"E = {value}", sentence=sentence, small=small, detail=detail,
                status=KNOWN if sure else IF_THE_LAW_HOLDS,
                numbers={"E": number.value, "lo": number.lo, "hi": number.hi}, **shown)
    ]  # fmt: skip


def _open(results: Results, laws: list[Joint], no_floor: str, shown: dict) -> Finding:
    numbers = [law.number(FLOOR) for law in laws]
    ends = [(one.lo, one.hi) for one in numbers if known(one.lo) and known(one.hi)]
    unit = f" {results.unit}" if results.unit else ""
    names = listed(list(dict.fromkeys(law.name for law in laws)))
    tell = "Larger runs, or runs on more data, would narrow it: `isoloss next` names them."
    if not ends:
        return Finding(headline="E is not known", status=OPEN, **shown,
                       sentence=f"These runs do not tell the floor, not by {names}.",
                       detail=" ".join(filter(None, [no_floor, tell])))  # fmt: skip
    lo, hi = min(low for low, _ in ends), max(high for _, high in ends)
    low, high = brief((lo + hi) / 2, lo, hi)[1].split(" to ")
    span = f"{low} to {high}"
    return Finding(
        headline=f"E: {span}", status=OPEN, **shown,
        sentence=f"These runs do not tell the floor: anything from {span}{unit} fits them.",
        small=" ".join(filter(None, [f"By {names}.", no_floor])), detail=tell,
        numbers={"lo": lo, "hi": hi},
    )  # fmt: skip


def _status(law: Joint) -> Status:
    number = law.number(FLOOR)
    return (number.verdict or law.fit.verdict).status
