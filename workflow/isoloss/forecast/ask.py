"""Questions to a fit: the loss of a run, the best run of a budget, the compute that reaches a loss.

    from isoloss.forecast import ask, paths

    ask.at_points(averaged, [1e9], [2e10])                    # the loss of runs
    path = paths.of_optimum(averaged, 6.0)
    ask.at_budgets(averaged, path, [1e21])                    # the best run of a budget
    ask.reaching(averaged, path, [2.1])                       # the compute of a loss

`averaged` is `forecast.average.average(...)`, or `forecast.average.alone(result)` of one law.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.fit.questions import FACTOR, OF_RANGE, Asked, answer
from isoloss.forecast import wider_paths
from isoloss.forecast.average import Averaged
from isoloss.forecast.conditions import Conditions
from isoloss.forecast.crossing import (
    NEVER,
    crossings,
    curve_draws,
    law_of,
    mean_curve,
    mixed,
    reached_by,
)
from isoloss.forecast.mixture import picked_of
from isoloss.forecast.paths import (
    SERVED,
    Path,
    blended,
    least,
    of_optimum,
    sizes_of_laws,
    span,
    steps,
    tokens_left,
)
from isoloss.forecast.trials import shape_of
from isoloss.laws.allocation import beside
from isoloss.results.verdict import OFTEN
from isoloss.stats.intervals import Estimate, bounds

NEAR = 1.1  # D/N by this factor outside that of the runs is still theirs
CHEAPER = 0.01  # in ln C: a budget so little below that of the cheapest run is taken
UNITS = {"n_params": "parameters", "n_tokens": "tokens", "tokens_per_param": "",
         "compute": "FLOP", "training_compute": "FLOP", "loss": "loss",
         "loss_of_run": "loss", "saving": ""}  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """The reply to one question.

    Attributes
    ----------
    asked : str
        The question.
    estimates : dict of str to Estimate
        Quantity -> value and interval. An end that is None is open. `loss` is the expected loss,
        with the laws' disagreement; `loss_of_run` adds the noise of one run and drift. `compute`
        is K N D, and with inference also that of serving; `training_compute` is then K N D.
    sentences : tuple of str
        What is known, for a reader.
    never : float
        Share of the draws that never reach the loss asked for.
    """

    asked: str
    estimates: dict[str, Estimate]
    sentences: tuple[str, ...]
    never: float = 0.0

    def row(self) -> dict[str, Any]:
        """The reply as one row of a table; NaN where an end is open or there is none."""
        found: dict[str, Any] = {"asked": self.asked}
        for name, one in self.estimates.items():
            ends = {"": one.value, "_lo": one.lo, "_hi": one.hi}
            found |= {name + end: np.nan if x is None else x for end, x in ends.items()}
        return found | {"never": self.never, "sentence": " ".join(self.sentences)}


def at_points(
    averaged: Averaged,
    n_params: Sequence[float],
    n_tokens: Sequence[float],
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
    **given: float,
) -> list[Reply]:
    """The loss of runs of given sizes and tokens.

    Parameters
    ----------
    n_params, n_tokens : sequence of float
        N and D of each run.
    given : float
        Values of the laws' variables beside N and D, such as n_unique_tokens.
    """
    replies, depends = [], Conditions(averaged, averaged.weights)
    cheapest = np.exp(span(averaged, flops_per_param_token)[0])
    for n, d in zip(n_params, n_tokens, strict=True):
        log_x = {"n_params": np.log([n]), "n_tokens": np.log([d])}
        log_x |= beside(law_of(averaged), given, log_x["n_tokens"])
        compute = flops_per_param_token * n * d
        found = {"n_params": _exact(n, "n_params"), "n_tokens": _exact(d, "n_tokens"),
                 "tokens_per_param": _exact(d / n, ""), "compute": _exact(compute, "compute"),
                 **_losses(averaged, log_x, False)}  # fmt: skip
        place = f"N = {n:.4g}, D = {d:.4g}"
        bent = _losses(depends.bent, log_x, False)["loss"]
        here = depends.at(float(np.log(d / n)))
        moved = wider_paths.loss_of_run(here.wider, found["loss"].value, log_x)
        said = [_of_loss(here, found["loss"], bent, moved, f"the loss at {place}")]
        if compute < cheapest * (1 - CHEAPER):
            said.append(f"The run is cheaper than the cheapest of the table ({cheapest:.3g} FLOP).")
        said += _beyond(averaged, found)
        replies.append(Reply(f"loss at {place}", found, tuple(said)))
    return replies


def at_budgets(averaged: Averaged, path: Path, budgets: Sequence[float]) -> list[Reply]:
    """The run of a path at budgets in FLOP: its size and tokens, and its loss.

    Raises
    ------
    UserError
        A budget is below the cheapest run or leaves no tokens, or no law has an optimum there.
    """
    log_c = np.log(np.asarray(budgets, float))
    cheapest = _cheapest(averaged, path)
    problems = []
    for budget, place in zip(budgets, log_c, strict=True):
        if place < cheapest - CHEAPER:
            problems.append(
                f"{budget:.4g} FLOP is below the cheapest run of the table, "
                f"{np.exp(cheapest):.3g} FLOP: no run says what it would give"
            )
        elif not np.isfinite(path.points(np.array([place]), law_of(averaged))["n_tokens"])[0]:
            problems.append(f"{budget:.4g} FLOP: {_nowhere(path)}")  # fmt: skip
    if problems:
        raise UserError("predict", problems)
    replies, depends = [], Conditions(averaged, averaged.weights)
    for budget, place in zip(budgets, log_c, strict=True):
        log_x, found = _place(averaged, path, float(place))
        found |= {"compute": _exact(budget, "compute"), **_losses(averaged, log_x, path.optimal)}
        asked = f"{budget:.4g} FLOP {path.words}"
        said, size, loss = [], found["n_params"], found["loss"]
        here = depends.at(float(np.log(found["tokens_per_param"].value)))
        moved = wider_paths.place(here.wider, size.value, loss.value, path, float(place))
        if size.lo is not None:
            bent = _place(depends.bent, path, float(place))[1]["n_params"]
            said.append(_of_size(here, size, bent, moved[0], f"N {path.words} of {budget:.4g} "
                                                                "FLOP"))  # fmt: skip
        bent = _losses(depends.bent, log_x, path.optimal)["loss"]
        said.append(_of_loss(here, loss, bent, moved[1], f"the loss there, {asked},"))
        if path.served:
            found["saving"], sentence = _saving(averaged, path, float(found["loss"].value), place)
            said.append(sentence)
        said += _beyond(averaged, found)
        replies.append(Reply(asked, found, tuple(said)))
    return replies


def reaching(averaged: Averaged, path: Path, losses: Sequence[float]) -> list[Reply]:
    """The compute at which a path reaches losses, with the laws' draws and drift in the interval.

    The interval does not hold the noise of one run. A draw that never reaches the loss within 1e9
    times the compute of the largest run leaves the upper end open.

    Raises
    ------
    UserError
        A loss is out of reach for all that the runs say, or any run of the table reaches it. Along
        the optimum of training, a run of the table has reached the loss already.
    """
    log_c = steps(averaged, path.flops_per_param_token, path.served)
    middle = mean_curve(averaged, path, log_c)
    cheapest = _cheapest(averaged, path)
    depends = Conditions(averaged, averaged.weights)
    curves, bent = (_curves(one, path, log_c) for one in (averaged, depends.bent))
    problems, replies = [], []
    for loss in losses:
        at = reached_by(averaged, path, log_c, middle, np.log(loss))
        if at < cheapest - CHEAPER:
            problems.append(f"a loss of {loss:g} is above what the cheapest run of the table can "
                            f"reach {path.words} ({np.exp(cheapest):.3g} FLOP)")  # fmt: skip
            continue
        if path.optimal and (done := _already(averaged, loss, path.flops_per_param_token)):
            problems.append(f"a loss of {loss:g} is no target: a run has reached it, {done}")
            continue
        place = at if np.isfinite(at) else log_c[-1]
        lo, hi, never = _between(averaged, path, place, log_c, curves, loss)
        if not np.isfinite(at) and not lo < log_c[-1]:
            problems.append(_unreachable(path, loss, middle))
            continue
        ends, more = (
            _ends(lo, hi),
            _ends(*_between(depends.bent, path, place, log_c, bent, loss)[:2]),
        )
        value = float(np.exp(at)) if np.isfinite(at) else np.nan
        here = depends.at(float(shape_of(path.points(np.array([place]), law_of(averaged)))[0]))
        moved = wider_paths.compute_of_loss(here.wider, value, path, log_c, loss)
        sentence = _of_compute(here, value, ends, more, moved, never,
                               f"a loss of {loss:g} {path.words}")  # fmt: skip
        replies.append(_reply(averaged, path, float(loss), at, ends, never, sentence))
    if problems:
        raise UserError("predict", problems)
    return replies


def _curves(averaged, path, log_c):
    return [curve_draws(averaged, i, path, log_c) for i in range(len(averaged.members))]


def _between(averaged, path, place, log_c, curves, loss):
    """The ends in ln C between which a path reaches a loss, and the share of draws without."""
    by_law = [crossings(log_c, one, np.log(loss)) for one in curves]
    return mixed(averaged, path, place, by_law)


def _ends(lo, hi):
    """Ends in FLOP; None where there is none, or the end is open."""
    return tuple(float(np.exp(end)) if end < NEVER / 2 else None for end in (lo, hi))


def _reply(averaged, path, loss, at, ends, never, sentence):
    asked = f"compute that reaches a loss of {loss:g} {path.words}"
    found = _places(averaged, path, at, *ends) if np.isfinite(at) else {}
    value = float(np.exp(at)) if np.isfinite(at) else np.nan
    found["compute"] = Estimate(value, *ends, None, "FLOP")
    found["loss"] = _exact(loss, "loss")
    said = [sentence]
    if path.served and np.isfinite(at):
        found["saving"], sentence = _saving(averaged, path, loss, at)
        said.append(sentence)
    if np.isfinite(at):
        said += _beyond(averaged, found)
    if done := _already(averaged, loss, path.flops_per_param_token):
        said.append(f"A run has reached it already: {done}.")
    return Reply(asked, found, tuple(said), never)


def _of_compute(depends, value, ends, more, moved, never, what):
    lo, hi = ends
    if hi is None and (lo is not None or never):
        share = f"{never:.0%} of the draws never reach it"
        start = f"it takes at least {lo:.3g} FLOP, and {share}" if lo is not None else share
        return f"{what[:1].upper()}{what[1:]} is not known to be reachable: {start}."
    more = (None, None) if None in more else more
    ends, more = (Estimate(value, *one, None, "FLOP") for one in (ends, more))
    return _said(depends, ends, more, moved, f"the compute of {what}", FACTOR, True)


def _beyond(averaged, estimates):
    """A sentence where D/N lies outside that of the runs."""
    log_x = averaged.members[0].result.problem.log_x
    ratios = np.exp(log_x["n_tokens"] - log_x["n_params"])
    ratio = estimates["tokens_per_param"].value
    if not ratios.min() / NEAR <= ratio <= ratios.max() * NEAR:
        yield (f"D/N = {ratio:.3g} is outside that of the runs ({ratios.min():.3g} to "
               f"{ratios.max():.3g}): none tells whether the laws hold there.")  # fmt: skip


def _already(averaged, loss, flops_per_param_token):
    """The cheapest run of the table that has reached the loss, in words; "" where none has."""
    problem = averaged.members[0].result.problem
    n, d = (np.exp(problem.log_x[name]) for name in ("n_params", "n_tokens"))
    compute = np.where(np.exp(problem.log_loss) <= loss, flops_per_param_token * n * d, np.inf)
    best = int(compute.argmin())
    if not np.isfinite(compute[best]):
        return ""
    return (f"N = {n[best]:.4g}, D = {d[best]:.4g}, {compute[best]:.3g} FLOP, "
            f"loss {np.exp(problem.log_loss[best]):.4g}")  # fmt: skip


def _unreachable(path, loss, middle):
    far = float(np.exp(np.nanmin(middle)))
    return (f"a loss of {loss:g} is out of reach {path.words}: at 1e9 times the largest run it "
            f"would be {far:.4g}, and hardly a draw falls to {loss:g}")  # fmt: skip


def _saving(averaged, path, loss, log_c):
    """What the optimum with inference saves against the optimum of training, served as much."""
    plain = of_optimum(averaged, path.flops_per_param_token, path.given)
    steps_of = steps(averaged, plain.flops_per_param_token)
    middle = mean_curve(averaged, plain, steps_of)
    at = reached_by(averaged, plain, steps_of, middle, np.log(loss))
    if not np.isfinite(at):
        return _exact(np.nan, ""), "The optimum of training alone does not reach that loss."
    log_n = float(plain.size(np.array([at]))[0])
    both = np.exp(at) + SERVED * path.served * np.exp(log_n)
    saved = 1 - float(np.exp(log_c)) / both
    return _exact(saved, ""), (
        f"The optimum of training alone (N = {np.exp(log_n):.4g}, D/N = "
        f"{np.exp(at - 2 * log_n) / path.flops_per_param_token:.3g}) costs {both:.4g} FLOP with "
        f"inference for that loss; this saves {saved:.1%}."
    )


def _place(averaged, path, log_c):
    """ln of the variables of a path at one budget, and N, D, D/N and compute with intervals."""
    at = np.array([log_c])
    log_x = path.points(at, law_of(averaged))
    log_n, k = float(log_x["n_params"][0]), path.flops_per_param_token
    lo = hi = None
    if path.chosen:
        sizes = sizes_of_laws(averaged, at, k, path.given, path.served)[:, 0]
        log_n = blended(averaged, sizes, log_c, k, path.served)
        log_d = float(tokens_left(log_c, log_n, k, path.served))
        log_x |= {"n_params": np.array([log_n]), "n_tokens": np.array([log_d])}
        lo, hi = _sizes_between(averaged, log_c, log_d - log_n, k, path)
    found = {"n_params": (log_n, lo, hi)}
    for name, slope in (("n_tokens", 0), ("tokens_per_param", 1)):
        found[name] = tuple(  # D falls as N grows, at equal compute
            None if x is None else float(tokens_left(log_c, x, k, path.served)) - slope * x
            for x in (log_n, hi, lo)
        )
    estimates = {name: Estimate(*(None if x is None else float(np.exp(x)) for x in ends), None,
                                UNITS[name]) for name, ends in found.items()}  # fmt: skip
    estimates["compute"] = _exact(float(np.exp(log_c)), "compute")
    if path.served:
        d = estimates["n_tokens"].value
        estimates["training_compute"] = _exact(k * estimates["n_params"].value * d, "compute")
    return log_x, estimates


def _places(averaged, path, log_c, lo, hi):
    """`_place` at a compute that lies between two ends; the intervals reach to those of both."""
    found = _place(averaged, path, log_c)[1]
    ends = [_place(averaged, path, float(np.log(end)))[1] for end in (lo, hi) if end is not None]
    for name in found:
        every = [x for one in (found, *ends) for x in (one[name].lo, one[name].value, one[name].hi)]
        low, high = (pick([x for x in every if x is not None]) for pick in (min, max))
        if low < high:
            found[name] = Estimate(found[name].value, low, None if hi is None else high, None,
                                   UNITS[name])  # fmt: skip
    return found


def _sizes_between(averaged, log_c, shape, k, path):
    """The interval of ln N of least loss at one budget; None where too few draws have one."""
    weights = averaged.weights_at(shape)
    picked = []
    for member, weight in zip(averaged.members, weights, strict=True):
        result = member.result
        found = least(result.law, result.draws, [log_c], k, path.given, path.served)[:, 0]
        if set(result.derived) & set(result.loose):
            found = np.full_like(found, np.nan)
        picked.append(picked_of(found, weight))
    draws = np.concatenate(picked)
    if not len(draws) or np.mean(np.isnan(draws)) > OFTEN:
        return None, None
    lo, hi = bounds(draws, averaged.level)
    return (float(lo), float(hi)) if np.isfinite(lo) else (None, None)


def _losses(averaged, log_x, at_optimum):
    forecast, expected = averaged.said(log_x, at_optimum)
    value = float(forecast.loss[0])
    return {
        "loss": _estimate(value, *(end[0] for end in expected), "loss"),
        "loss_of_run": _estimate(value, forecast.lo[0], forecast.hi[0], "loss"),
    }


def _cheapest(averaged, path):
    low = span(averaged, path.flops_per_param_token)[0]
    if not path.served:
        return low
    log_n = averaged.members[0].result.problem.log_x["n_params"].min()
    return float(np.logaddexp(low, log_n + np.log(SERVED * path.served)))


def _nowhere(path):
    if path.served:
        return f"inference of {path.served:.4g} tokens leaves nothing to train with {path.words}"
    return f"no law has an optimum there ({path.words})"


def _of_size(depends, estimate, bent, moved, what):
    return _said(depends, estimate, bent, moved, what, FACTOR, True)


def _of_loss(depends, estimate, bent, moved, what):
    losses = np.exp(depends.averaged.members[0].result.problem.log_loss)
    return _said(depends, estimate, bent, moved, what, OF_RANGE * float(np.ptp(losses)), False)


def _said(depends, estimate, bent, moved, what, widest, ratio):
    """Whether a number is known, and if only under a condition, which: a sentence."""
    ends, more = ((one.lo, one.hi, 0.0) for one in (estimate, bent))
    asked = Asked(what, estimate.value, ends, more, widest, ratio=ratio, moved=moved)
    sentence = answer(asked, depends.doubt).sentence
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _exact(value, name):
    return Estimate(float(value), None, None, None, UNITS.get(name, ""))


def _estimate(value, lo, hi, unit):
    lo, hi = (None if np.isnan(end) else float(end) for end in (lo, hi))
    return Estimate(value, lo, hi, None, unit)
