"""Which questions a fit answers: each exponent, the optimum at a budget, and the loss there.

The verdict of a fit is about all parameters of its law at once. A question needs less, or more. A
floor near zero makes a law not identified while N* is known well, and an identified law may leave
N* at a hundred times the compute within a factor of five. So each question has an interval and a
verdict of its own.

An answer is known if its interval is narrow enough to act on, and would still be if the law had a
bend too weak to be seen. `fit.counted` makes the second interval, of a pattern as large as the one
that noise alone leaves in the residuals. And no wider law that the runs allow may put it outside
its interval, or fit better (`fit.wider`). Kaplan's joint law is tested alone: the wider law
must not fit better (`fit.nested`). And the runs must be enough to test the law: so few tell little
of their own noise either, and chance would decide whose interval is narrow. Where only the interval
is narrow, the answer is known only if the law holds. A study's tables have the same verdicts on
each number of a law (`of_numbers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.fit.counted import counted, hidden_pattern, seen_pattern
from isoloss.fit.misfit import EXACT
from isoloss.fit.nested import Within, within
from isoloss.fit.wider import WIDER_FITS, Moved, Wider, moved, wider
from isoloss.laws.allocation import beside, cut
from isoloss.laws.sums import Sum
from isoloss.results.verdict import (
    IDENTIFIED,
    OFTEN,
    RATIO,
    Status,
    Verdict,
    not_identified,
    only_if,
)
from isoloss.stats.intervals import bounds
from isoloss.stats.spread import root_mean_square

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


Ends = tuple[float | None, float | None, float]  # an interval, and the share without a value


@dataclass(frozen=True)
class Asked:
    """A number, its interval and that with a hidden bend, and how it is judged.

    Attributes
    ----------
    question : str
    value : float
    ends, bent : tuple
        As `ends_of` makes them.
    widest : float
        Interval of a known number: the ratio of its ends, or their difference.
    unit : str
    ratio : bool
        Whether it is judged by the ratio of the ends.
    known : bool
        Whether the table determines the number at all.
    bound : str
        The bound at which the fit ended.
    tell : str
        The command that names runs that would tell.
    moved : Moved or None
        Where a wider law puts the number, if there is one.
    """

    question: str
    value: float
    ends: Ends
    bent: Ends
    widest: float
    unit: str = ""
    ratio: bool = False
    known: bool = True
    bound: str = ""
    tell: str = ""
    moved: Moved | None = None


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
        bent, wide = bent_draws(result), wider_of(result)
        asked = [
            *(one for one in _of_numbers(result, bent, wide) if _is_asked(result, one.question)),
            *_of_budgets(result, bent, wide, computes, flops_per_param_token),
        ]
        doubt = doubt_of(result)
    return tuple(_answer(result, one, doubt) for one in asked)


def of_numbers(result: Any) -> dict[str, Verdict]:
    """The verdict on each parameter of the law, and on each quantity that follows from them.

    Exponents and floors are judged as `answers` judges them. A scale is known within a factor of
    ten.
    """
    with np.errstate(all="ignore"):
        asked = list(_of_numbers(result, bent_draws(result), wider_of(result)))
        doubt = doubt_of(result)
    return {one.question: _answer(result, one, doubt).verdict for one in asked}


def of_slope(
    result: Any,
    name: str,
    value: float,
    draws: np.ndarray,
    bent: np.ndarray,
    wide: Wider | None = None,
    along: np.ndarray | None = None,
) -> Verdict:
    """The verdict on an exponent of N* or D* that follows from a fit by another count of compute.

    Parameters
    ----------
    name : str
    value : float
    draws, bent : ndarray, shape (draw,)
        The exponent in the fit's draws, and in its `bent_draws`.
    wide, along : optional
        `wider_of` the fit, and the exponent at its points.
    """
    known = not set(result.derived) & set(result.loose)
    ends, more = (ends_of(drawn, result.level) for drawn in (draws, bent))
    asked = Asked(name, value, ends, more, RELATIVE * abs(value), known=known,
                  moved=moved(value, along, False, wide))  # fmt: skip
    return _answer(result, asked, doubt_of(result)).verdict


def _is_asked(result: Any, name: str) -> bool:
    """Whether users ask for a number by itself: an exponent, a floor, or a."""
    own = {parameter.name: parameter for parameter in result.law.parameters}
    if name in own:
        return not own[name].log and name not in result.problem.fixed
    return name == "a"


def _of_numbers(result: Any, bent: np.ndarray, wide: Wider | None) -> Iterator[Asked]:
    law = result.law
    by_wider = {} if wide is None else wide.numbers()
    at = dict(zip(law.names, law.natural(result.theta), strict=True))
    many, more = (
        dict(zip(law.names, cut(law, law.natural(rows)).T, strict=True))
        for rows in (result.draws, bent)
    )
    units = {name: law.derived_unit(name) for name in law.derived(at)}
    scales = {"G", *(name for name, unit in units.items() if unit)}
    units |= {parameter.name: parameter.unit for parameter in law.parameters}
    scales |= {parameter.name for parameter in law.parameters if parameter.log}
    at, many, more = (law.derived(numbers) | numbers for numbers in (at, many, more))
    limits = dict(text.split(" = ") for text in result.certificate.at_bounds)
    for name in (*law.names, *(name for name in at if name not in law.names)):
        value, scale = float(at[name]), name in scales
        yield Asked(
            name,
            value,
            ends_of(np.asarray(many[name]), result.level),
            ends_of(np.asarray(more[name]), result.level),
            RATIO if scale else RELATIVE * abs(value),
            units[name],
            ratio=scale,
            known=name not in result.loose,
            bound=limits.get(name, "") if value else "",
            tell="isoloss next --decision a" if name == "a" and law.allocates else "",
            moved=moved(value, by_wider.get(name), scale, wide),
        )


def _of_budgets(
    result: Any, bent: np.ndarray, wide: Wider | None, computes, flops_per_param_token
) -> Iterator[Asked]:
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
        place |= beside(law, {}, place["n_tokens"])
        known = not set(result.derived) & set(result.loose) and bool(result.known_at(place)[0])
        budget, tell = f"{compute:.3g} FLOP", f"isoloss next --target {compute:.3g}"
        for what, name, *how in (("N*", "n_params", FACTOR, "parameters", True),
                                 ("loss", "loss", widest, "loss", False)):  # fmt: skip
            both = (ends_of(numbers[name][:, 0], result.level) for numbers in (drawn, bent))
            value, ratio = float(at[name]), how[-1]
            along = None if wide is None else wide.optimum(compute, flops_per_param_token)[name]
            yield Asked(f"{what} at {budget}", value, *both, *how, known, tell=tell,
                        moved=moved(value, along, ratio, wide))  # fmt: skip


def bent_draws(result: Any) -> np.ndarray:
    """theta of the fit's draws with a bend too weak to be seen, shape (draw, parameter).

    They are the draws themselves, if those count a bend that is seen. A draw that has no minimum
    with its bend is NaN.
    """
    seen = seen_pattern(result.misfit, result.lack_of_fit)
    if seen is not None or not len(result.draws):
        return result.draws
    problem, some = result.problem, result.draws[:BENT_DRAWS]
    size, freedom = hidden_pattern(problem, result.theta, result.misfit, result.lack_of_fit,
                                   result.n_clusters)  # fmt: skip
    z = problem.z(result.theta[None])[0]
    found = counted(problem, z, problem.z(some), size, freedom, np.random.default_rng(SEED))
    return np.where(found.converged[:, None], problem.theta(found.z), np.nan)


def doubt_of(result: Any) -> str:
    """Why the numbers of a fit hold only if its law does, whatever their intervals are."""
    if result.misfit is not None and result.misfit.rejects:
        return only_if(result.misfit.miss, result.misfit.noise).reason
    if untested(result):
        return f"{result.n_rows} rows are too few to test it, and tell little of their own noise"
    found = wider_law(result)
    if found is not None and found.doubtful:
        return f"{found.law}, of which it is a case, fits better (p = {found.p_value:.2g})"
    return ""


def untested(result: Any) -> bool:
    """Whether the rows are too few for a test of lack of fit, where there are draws."""
    if not len(result.draws) or result.misfit is not None or result.lack_of_fit is not None:
        return False
    problem = result.problem
    if root_mean_square(problem.residuals(result.theta)[0]) < EXACT:
        return False
    if isinstance(result.law, Sum) and len(result.law.terms) == 1:
        return result.n_rows <= problem.n_free + 1  # `fit.curvature` adds one parameter
    return True


def wider_law(result: Any) -> Within | None:
    """The test of the law within a wider one, where there are draws, and `wider_of` has none."""
    if not len(result.draws) or result.law.name in WIDER_FITS:
        return None
    return within(result.problem, result.theta, _runs(result))


def wider_of(result: Any) -> Wider | None:
    """The fits of the wider law that the runs allow, where there are draws."""
    if not len(result.draws):
        return None
    return wider(result.problem, result.theta, _runs(result), result.level)


def _runs(result: Any) -> np.ndarray | None:
    return result.clusters if result.n_clusters < result.n_rows else None


def _answer(result: Any, asked: Asked, doubt: str) -> Answer:
    if result.verdict.status is not Status.NOT_A_POWER_LAW:
        return answer(asked, doubt)
    lo, hi, _ = asked.ends
    sentence = f"{asked.question} is no one number: {result.verdict.reason}"
    return Answer(asked.question, asked.value, lo, hi, asked.unit, result.verdict, sentence)


def answer(asked: Asked, doubt: str) -> Answer:
    """The answer to one question; `doubt` says why it holds only if the law does, or is ""."""
    lo, hi, lost = asked.ends if asked.known else (None, None, asked.ends[2])
    name = asked.question
    if why := _why_unknown(asked, lo, hi, lost):
        told = f"; `{asked.tell}` names runs that would tell" if asked.tell else ""
        verdict, sentence = not_identified(why), f"{name} is not known: {why}{told}"
    elif reason := doubt or _why_moved(asked, lo, hi) or _why_only_if(asked):
        verdict = Verdict(Status.IF_THE_LAW_HOLDS, reason)
        sentence = f"{name} is known {_width(asked, lo, hi)}, but only if the law holds: {reason}"
    else:
        verdict = IDENTIFIED
        sentence = f"{name} is known {_width(asked, lo, hi)}: {lo:.3g} to {hi:.3g}"
    return Answer(name, asked.value, lo, hi, asked.unit, verdict, sentence)


def _why_unknown(asked, lo, hi, lost) -> str:
    if not np.isfinite(asked.value):
        return "the law as fitted has none"
    if not asked.known:
        return "it can take any value while the fit stays the same"
    if asked.bound:
        return f"the optimum lies at its bound {asked.bound}"
    if lost > OFTEN:
        return f"{lost:.0%} of the draws have none"
    if lo is None:
        return "there are too few draws for an interval"
    if _narrow(asked, lo, hi):
        return ""
    zero = " (it may be zero)" if lo <= 0 else ""
    return f"anything from {lo:.3g} to {hi:.3g} fits as well{zero}"


def _why_moved(asked, lo, hi) -> str:
    return "" if asked.moved is None else asked.moved.why(lo, hi, 3 if asked.ratio else 4)


def _why_only_if(asked) -> str:
    lo, hi, lost = asked.bent
    if lost > OFTEN:
        return f"{lost:.0%} of the fits with a bend too weak to be seen have no minimum"
    if lo is None:
        return "a bend too weak to be seen could put it anywhere"
    if _narrow(asked, lo, hi):
        return ""
    return f"a bend too weak to be seen could put it from {lo:.3g} to {hi:.3g}"


def _narrow(asked: Asked, lo: float, hi: float) -> bool:
    return hi <= asked.widest * lo if asked.ratio else hi - lo <= asked.widest


def _width(asked: Asked, lo: float, hi: float) -> str:
    if asked.ratio:
        return f"within a factor of {hi / lo:.3g}, end to end"
    return f"within {hi - lo:.2g}, end to end"


def ends_of(draws: np.ndarray, level: float) -> Ends:
    """The interval of draws, and the share of them without a value."""
    if not len(draws):
        return None, None, 0.0
    good = draws[np.isfinite(draws)]
    lo, hi = bounds(good, level)
    known = bool(np.isfinite(lo) & np.isfinite(hi))
    ends = (float(lo), float(hi)) if known else (None, None)
    return *ends, (len(draws) - len(good)) / len(draws)
