"""Finding of a study that fits laws of one variable: a power law or not, beside theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from isoloss.laws import LAWS
from isoloss.report.findings.base import (
    IF_THE_LAW_HOLDS,
    KNOWN,
    MISSING,
    OPEN,
    REJECTED,
    Finding,
    Results,
    reason,
)
from isoloss.report.findings.words import COLUMNS, brief, capital, inside, known, listed
from isoloss.results.fits import Fitted, FittedNumber
from isoloss.results.verdict import Status

EXPONENT = "alpha"
MOST_LISTED = 6  # exponents in a sentence
FLAT = 0.1  # share of the other end's exponent below which a loss hardly falls
GROUPS = {"n_inputs": "numbers of inputs", "n_layer": "depths", "width": "widths"}
LOSSES = {"loss": "the loss", "excess_loss": "the error above the noise",
          "variance_loss": "the error that noise adds", "best_loss": "the best loss"}  # fmt: skip
FLOOR, THEORY, KNOWN_FIRST, LAST, NEVER = range(5)  # order of what is said


@dataclass(frozen=True)
class Clause:
    """What one fit says, as a part of a sentence."""

    about: tuple[str, str]  # the variable and the loss
    text: str
    headline: str
    status: str
    order: int
    runs: str
    numbers: dict[str, float] = field(default_factory=dict)


def power_laws(results: Results) -> list[Finding]:
    """What the fits of one variable say; nothing without such fits."""
    fits = [fit for fit in results.fits if fit.law_name in LAWS and len(fit.law.variables) == 1]
    if not fits:
        return []
    shown = {
        "key": "power_laws", "study": results.name, "label": str(results.texts["title"]),
        "figure": results.figure("exponent_against_theory", "loss_against_x"),
    }  # fmt: skip
    judged = [(fit, number) for fit in fits for number in _judged(fit)]
    grouped = [fit for fit in fits if str(fit.group)]
    if len(grouped) > 1:
        return [_of_groups(grouped, [(f, n) for f, n in judged if str(f.group)], shown)]
    said = sorted((clause for fit in fits for clause in _clauses(results, fit)),
                  key=lambda clause: clause.order)  # fmt: skip
    if len(judged) > 2 and all(number.name == EXPONENT for _, number in judged):
        return [_of_theory(judged, [one for one in said if one.status == REJECTED], shown)]
    main = said[:1] + [one for one in said if one.about != said[0].about][:1]
    rest = [one for one in said if one not in main]
    return [
        Finding(
            headline=main[0].headline, status=main[0].status, runs=main[0].runs,
            sentence=capital(f"{'; '.join(one.text for one in main)}."),
            detail=" ".join(capital(f"{one.text}.") for one in rest),
            numbers={name: x for one in main for name, x in one.numbers.items()}, **shown,
        )
    ]  # fmt: skip


def _judged(fit: Fitted) -> list[FittedNumber]:
    """The numbers that the runs determine and of which theory has a value."""
    return [number for number in fit.numbers if _sure(number) and known(number.theory)]


def _sure(number: FittedNumber) -> bool:
    ends = known(number.lo) and known(number.hi)
    return ends and number.verdict is not None and number.verdict.determined


def _of_theory(judged, bent: Sequence[Clause], shown) -> Finding:
    """Several exponents, each beside that of theory."""
    agree = sum(inside(number) for _, number in judged)
    each = [f"{_text(number)[0]} (theory {number.theory:.3g})" for _, number in judged]
    share = f"All {agree}" if agree == len(judged) else f"{agree} of {len(judged)}"
    return Finding(
        headline=f"{agree} of {len(judged)} as in theory", status=_status(judged),
        sentence=f"{share} measured exponents have the value of theory in their interval: "
                 f"{listed(each)}.",
        detail=" ".join(capital(f"{one.text}.") for one in bent), runs=judged[0][0].runs,
        numbers={f"{fit.fit}_{number.name}": number.value for fit, number in judged}, **shown,
    )  # fmt: skip


def _of_groups(fits: Sequence[Fitted], judged, shown) -> Finding:
    """One law for each value of a column, each beside theory."""
    column = next(str(fit.group.column) for fit in fits if str(fit.group))
    what = GROUPS.get(column, f"values of {column.replace('_', ' ')}")
    sure = [fit for fit in fits if (n := fit.number(EXPONENT)) is not None and _sure(n)]
    agree = sum(inside(number) for _, number in judged)
    each = [f"{fit.group.value}: {' ('.join(_text(number))}), theory {number.theory:.3g}"
            for fit, number in judged]  # fmt: skip
    said = f"The runs determine the exponent for {len(sure) or 'none'} of {len(fits)} {what}"
    if 0 < len(sure) <= MOST_LISTED:
        said += f" ({listed([_text(fit.number(EXPONENT))[0] for fit in sure])})"
    unsure = sum(not fit.number(EXPONENT).verdict.identified for fit in sure)
    if unsure:
        said += f", {'all' if unsure == len(sure) else unsure} of them only if the law holds"
    if judged:
        said += f"; {agree} of the intervals hold{'s' * (agree == 1)} the value of theory"
    source = judged[0][1].theory_source if judged else ""
    detail = [f"{capital(what)} {'; '.join(each)}." if each else "",
              f"Theory: {source}." if source else ""]  # fmt: skip
    return Finding(
        headline=f"{agree} of {len(judged)} as in theory" if judged else "not known",
        sentence=f"{said}.", detail=" ".join(filter(None, detail)),
        status=_status(judged) if judged else OPEN, runs=fits[0].runs,
        numbers={f"{EXPONENT}_{fit.group.value}": number.value for fit, number in judged}, **shown,
    )  # fmt: skip


def _status(judged) -> str:
    sure = all(number.verdict.identified for _, number in judged)
    return KNOWN if sure else IF_THE_LAW_HOLDS


def _clauses(results: Results, fit: Fitted) -> list[Clause]:
    """What a fit says: its floor where theory has one, and its exponent."""
    columns = results.variables(fit)
    column = columns.get(fit.law.variables[0], fit.law.variables[0])
    x = COLUMNS.get(column, column.replace("_", " "))
    loss = columns.get("loss", "loss")
    loss = LOSSES.get(loss, f"the {loss.replace('_', ' ')}")
    made = {"about": (x, loss), "runs": fit.runs}
    if not fit.numbers:
        return [Clause(text=f"no law of {x} could be fitted: {reason(fit.verdict)}", order=NEVER,
                       headline="no law fitted", status=MISSING, **made)]  # fmt: skip
    if fit.verdict.status is Status.NOT_A_POWER_LAW:
        return [_bent(fit, x, loss, made)]
    said = []
    floor = fit.number(fit.law.floor) if fit.law.floor else None
    if floor is not None and known(floor.theory):
        said.append(_floor(fit, floor, made))
    exponent = fit.number(EXPONENT)
    if exponent is not None and (not said or said[0].status == OPEN):
        said.append(_exponent(fit, exponent, x, loss, made))
    return said


def _bent(fit: Fitted, x: str, loss: str, made) -> Clause:
    text, headline, numbers = f"{loss} is no power law of {x}", "no power law", {}
    if fit.bend:
        first, last = (float(fit.bend[f"exponent_{end}"]) for end in ("first", "last"))
        numbers = {f"{fit.fit}_first": first, f"{fit.fit}_last": last}
        why = "it falls ever faster" if last > first else (
            "it stops falling" if last < FLAT * first else "it falls ever more slowly"
        )  # fmt: skip
        text += f": {why}, its local exponent goes from {_two(first)} to {_two(last)}"
    theory = fit.number(EXPONENT)
    expected = theory is not None and known(theory.theory)
    return Clause(text=text, headline=headline, status=REJECTED, numbers=numbers,
                  order=THEORY if expected else KNOWN_FIRST, **made)  # fmt: skip


def _floor(fit: Fitted, floor: FittedNumber, made) -> Clause:
    value, interval = _text(floor)
    numbers = {f"{fit.fit}_E": floor.value}
    if not _sure(floor):
        return Clause(text=f"the floor may be anything from {interval}",
                      headline="floor not known", status=OPEN, order=LAST, numbers=numbers,
                      **made)  # fmt: skip
    return Clause(
        text=f"the floor is {value}{_beside(floor)}", headline=f"floor {value}",
        status=KNOWN if floor.verdict.identified else IF_THE_LAW_HOLDS, order=FLOOR,
        numbers=numbers, **made,
    )  # fmt: skip


def _exponent(fit: Fitted, exponent: FittedNumber, x: str, loss: str, made) -> Clause:
    value, interval = _text(exponent)
    numbers = {f"{fit.fit}_{EXPONENT}": exponent.value}
    if not _sure(exponent):
        text = f"any exponent of {x} from {interval} fits" if interval else (
            f"the exponent of {x} is not known"
        )  # fmt: skip
        return Clause(text=text, headline="exponent not known", status=OPEN, order=LAST,
                      numbers=numbers, **made)  # fmt: skip
    return Clause(
        text=f"{loss} falls as {x}^-{value}{_beside(exponent)}", headline=f"{x}^-{value}",
        status=KNOWN if exponent.verdict.identified else IF_THE_LAW_HOLDS,
        order=THEORY if known(exponent.theory) else KNOWN_FIRST, numbers=numbers, **made,
    )  # fmt: skip


def _beside(number: FittedNumber) -> str:
    """The interval of a number, on what it rests, and the value of theory."""
    _, interval = _text(number)
    interval += "" if number.verdict.identified else "; if the law holds"
    if not known(number.theory):
        return f" ({interval})"
    agrees = "as theory says" if inside(number) else "where theory says"
    return f" ({interval}), {agrees} ({number.theory:.3g})"


def _text(number: FittedNumber) -> tuple[str, str]:
    return brief(number.value, number.lo, number.hi)


def _two(value: float) -> str:
    """A number with two digits."""
    return f"{value:.2g}".replace("-", "−")
