"""Which questions a fit answers: each exponent, the optimum at a budget, and the loss there.

The verdict of a fit is about all parameters of its law at once. A question needs less, or more. A
floor near zero makes a law not identified while N* is known well, and an identified law may leave
N* at a hundred times the compute within a factor of five. So each question has an interval and a
verdict of its own.

An answer is known if its interval is narrow enough to act on, and would still be if the law had a
bend too weak to be seen. `fit.counted` makes the second interval, of a pattern as large as the one
that noise alone leaves in the residuals. Where only the first is narrow, the answer is known only
if the law holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.fit.counted import counted, hidden_pattern, seen_pattern
from isoloss.results.verdict import IDENTIFIED, OFTEN, Status, Verdict, not_identified
from isoloss.stats.intervals import bounds

FACTOR = 3.0  # largest ratio of the ends of a known N*: within 1.7 times either way
RELATIVE = 0.5  # widest interval of a known exponent or floor, in units of its value
OF_RANGE = 0.1  # widest interval of a known loss, in units of the range of the runs' losses
BEYOND = 10.0  # times the largest compute of the runs: the budget asked about by default
SEED = 2
BENT_DRAWS = 300


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes
    ----------
    question : str
        What is asked, such as "alpha" or "N* at 1e+21 FLOP".
    value : float
    lo, hi : float or None
        The interval at the level of the fit; None where there is none.
    unit : str
    verdict : Verdict
        "identified": known; "identified only if the law holds"; or "not identified".
    sentence : str
        The verdict for a reader, with the width of the interval.
    """

    question: str
    value: float
    lo: float | None
    hi: float | None
    unit: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class _Asked:
    """A number, its draws as intervals have them and with a hidden bend, and how it is judged."""

    question: str
    value: float
    draws: np.ndarray
    bent: np.ndarray
    unit: str = ""
    known: bool = True  # whether the table determines it at all
    ratio: bool = False  # whether it is judged by the ratio of the ends
    widest: float = 0.0
    tell: str = ""  # the command that names runs that would tell


def answers(
    result: Any,
    computes: Sequence[float] | None = None,
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
) -> tuple[Answer, ...]:
    """An answer for each exponent and floor of the law, its a, and N* and the loss at budgets.

    Parameters
    ----------
    result : isoloss.fit.result.FitResult
    computes : sequence of float, optional
        Budgets in FLOP; ten times the largest compute of the runs, if not given.
    flops_per_param_token : float
        K of C = K N D.
    """
    with np.errstate(all="ignore"):
        bent = _bent(result)
        asked = [
            *_of_parameters(result, bent),
            *_of_budgets(result, bent, computes, flops_per_param_token),
        ]
    return tuple(_answer(result, one) for one in asked)


def _of_parameters(result: Any, bent: np.ndarray) -> Iterator[_Asked]:
    law = result.law
    natural, of_bent = law.natural(result.draws), law.natural(bent)
    at = dict(zip(law.names, law.natural(result.theta), strict=True))
    for i, parameter in enumerate(law.parameters):
        if not parameter.log and parameter.name not in result.problem.fixed:
            yield _number(result, parameter.name, at[parameter.name], natural[:, i], of_bent[:, i],
                          parameter.unit)  # fmt: skip
    derived = law.derived(at)
    if "a" in derived and "a" not in at:
        many, more = (law.derived(dict(zip(law.names, rows.T, strict=True)))["a"]
                      for rows in (natural, of_bent))  # fmt: skip
        tell = "isoloss next --decision a" if law.allocates else ""
        yield _number(result, "a", float(derived["a"]), many, more, "", tell)


def _number(result, name, value, draws, bent, unit, tell=""):
    known = name not in result.loose
    widest = RELATIVE * abs(value)
    return _Asked(name, float(value), draws, bent, unit, known, widest=widest, tell=tell)


def _of_budgets(result: Any, bent: np.ndarray, computes, flops_per_param_token) -> Iterator[_Asked]:
    law, log_x = result.law, result.problem.log_x
    if not law.allocates:
        return
    if computes is None:
        most = np.max(log_x["n_params"] + log_x["n_tokens"])
        computes = [BEYOND * flops_per_param_token * float(np.exp(most))]
    losses = np.exp(result.problem.log_loss)
    widest = OF_RANGE * float(np.ptp(losses))
    many, more = (
        dict(zip(law.names, law.natural(rows).T[..., None], strict=True))
        for rows in (result.draws, bent)
    )
    for compute in computes:
        at = law.optimum(result.values, compute, flops_per_param_token)
        drawn, bent = (law.optimum(rows, np.array([compute]), flops_per_param_token)
                       for rows in (many, more))  # fmt: skip
        place = {name: np.log(np.atleast_1d(at[name])) for name in ("n_params", "n_tokens")}
        fixed = {name: place.get(name, place["n_tokens"]) for name in law.variables}
        known = not set(result.derived) & set(result.loose) and bool(result.known_at(fixed)[0])
        budget, tell = f"{compute:.3g} FLOP", f"isoloss next --target {compute:.3g}"
        yield _Asked(f"N* at {budget}", float(at["n_params"]), drawn["n_params"][:, 0],
                     bent["n_params"][:, 0], "parameters", known, ratio=True,
                     tell=tell)  # fmt: skip
        yield _Asked(f"loss at {budget}", float(at["loss"]), drawn["loss"][:, 0],
                     bent["loss"][:, 0], "loss", known, widest=widest, tell=tell)  # fmt: skip


def _bent(result: Any) -> np.ndarray:
    """theta of the fit's draws with a bend too weak to be seen; the draws, if they count one."""
    seen = seen_pattern(result.misfit, result.lack_of_fit)
    if seen is not None or not len(result.draws):
        return result.draws
    problem, some = result.problem, result.draws[:BENT_DRAWS]
    size, freedom = hidden_pattern(problem, result.theta, result.misfit, result.lack_of_fit,
                                   result.n_clusters)  # fmt: skip
    z = problem.z(result.theta[None])[0]
    found = counted(problem, z, problem.z(some), size, freedom, np.random.default_rng(SEED))
    return problem.theta(found.z[found.converged])


def _answer(result: Any, asked: _Asked) -> Answer:
    lo, hi, lost = _ends(asked.draws, result.level)
    if not asked.known:
        lo = hi = None
    verdict, sentence = _judged(result, asked, lo, hi, lost)
    return Answer(asked.question, asked.value, lo, hi, asked.unit, verdict, sentence)


def _judged(result, asked, lo, hi, lost) -> tuple[Verdict, str]:
    if why := _why_unknown(asked, lo, hi, lost):
        told = f"; `{asked.tell}` names runs that would tell" if asked.tell else ""
        return not_identified(why), f"{asked.question} is not known: {why}{told}"
    wide = _width(asked, lo, hi)
    if reason := _why_only_if(result, asked):
        verdict = Verdict(Status.IF_THE_LAW_HOLDS, reason)
        return verdict, f"{asked.question} is known {wide} only if the law holds: {reason}"
    return IDENTIFIED, f"{asked.question} is known {wide}: {lo:.3g} to {hi:.3g}"


def _why_unknown(asked, lo, hi, lost) -> str:
    if not np.isfinite(asked.value):
        return "the law as fitted has none"
    if not asked.known:
        return "it can take any value while the fit stays the same"
    if lost > OFTEN:
        return f"{lost:.0%} of the draws have none"
    if lo is None:
        return "there are too few draws for an interval"
    if _narrow(asked, lo, hi):
        return ""
    zero = " (it may be zero)" if lo <= 0 else ""
    return f"anything from {lo:.3g} to {hi:.3g} fits as well{zero}"


def _why_only_if(result, asked) -> str:
    if result.misfit is not None and result.misfit.rejects:
        return "the runs reject its form"
    lo, hi, lost = _ends(asked.bent, result.level)
    if lo is None or lost > OFTEN:
        return "a bend too weak to be seen could put it anywhere"
    if _narrow(asked, lo, hi):
        return ""
    return f"a bend too weak to be seen could put it from {lo:.3g} to {hi:.3g}"


def _narrow(asked: _Asked, lo: float, hi: float) -> bool:
    return hi <= FACTOR * lo if asked.ratio else hi - lo <= asked.widest


def _width(asked: _Asked, lo: float, hi: float) -> str:
    if asked.ratio:
        return f"within a factor of {hi / lo:.3g}, end to end"
    return f"within {hi - lo:.2g}, end to end"


def _ends(draws: np.ndarray, level: float) -> tuple[float | None, float | None, float]:
    """The interval, and the share of the draws without a value."""
    if not len(draws):
        return None, None, 0.0
    good = draws[np.isfinite(draws)]
    lo, hi = bounds(good, level)
    known = bool(np.isfinite(lo) & np.isfinite(hi))
    ends = (float(lo), float(hi)) if known else (None, None)
    return *ends, 1 - len(good) / len(draws)
