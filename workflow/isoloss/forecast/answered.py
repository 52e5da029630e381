"""Which questions an average of laws answers: a, the optimum at a budget, and the loss there.

They are judged as those of one fit (`fit.questions`), with the intervals of the average. These hold
the disagreement between the laws: where laws of some weight differ by more than a known answer
may, nothing is known.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isoloss.fit.questions import (
    FACTOR,
    OF_RANGE,
    RELATIVE,
    Answer,
    Asked,
    answer,
    bent_draws,
    ends_of,
    wider_law,
    wider_of,
)
from isoloss.fit.wider import Moved, Wider, moved
from isoloss.forecast.mixture import optima, picked_of
from isoloss.laws import SKALING

HALF = 0.5  # of the weight: from there on, what is wrong with laws is wrong with their average


@np.errstate(all="ignore")
def answers(
    averaged: Any, computes: Sequence[float], flops_per_param_token: float, given: Mapping
) -> tuple[Answer, ...]:
    """The answers of an average; `forecast.average.Averaged.answers` describes them.

    Raises
    ------
    UserError
        No law has an optimum at any of the budgets.
    """
    ask = computes, flops_per_param_token
    bent = _bent(averaged)
    (found, by_law), (found_bent, _) = (one.optimum(*ask, **given) for one in (averaged, bent))
    doubt, wide = _doubt(averaged, by_law), _wider(averaged, by_law)
    problem = averaged.members[0].result.problem
    widest = OF_RANGE * float(np.ptp(np.exp(problem.log_loss)))
    slope = _slope(averaged, bent, flops_per_param_token, given)
    along = None if wide is None else wide.numbers()["a"]
    made = [dataclasses.replace(slope, moved=moved(slope.value, along, False, wide))]
    for i, compute in enumerate(np.atleast_1d(np.asarray(computes, float))):
        lost = _lost(averaged, by_law[by_law["compute"] == compute], *ask[1:], given)
        budget, tell = f"{compute:.3g} FLOP", f"isoloss next --target {compute:.3g}"
        for what, name, *how in (("N*", "n_params", FACTOR, "parameters", True),
                                 ("loss", "loss", widest, "loss", False)):  # fmt: skip
            both = (
                (*(_number(row[f"{name}_{end}"]) for end in ("lo", "hi")), lost)
                for row in (found.iloc[i], found_bent.iloc[i])
            )
            value = float(found[name].iloc[i])
            there = _moved(wide, value, name, compute, flops_per_param_token)
            made.append(Asked(f"{what} at {budget}", value, *both, *how, tell=tell, moved=there))
    return tuple(answer(asked, doubt) for asked in made)


def _number(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None


def _bent(averaged: Any) -> Any:
    """The same average, with hidden bends in the draws of every law."""
    members = []
    for member in averaged.members:
        result = dataclasses.replace(member.result, draws=bent_draws(member.result))
        members.append(dataclasses.replace(member, result=result))
    return dataclasses.replace(averaged, members=tuple(members))


def _slope(averaged: Any, bent: Any, flops_per_param_token: float, given: Mapping) -> Asked:
    """a: the mean slope of ln N* in ln C over the runs' range of compute."""
    log_x = averaged.members[0].result.problem.log_x
    log_c = log_x["n_params"] + log_x["n_tokens"]
    ends = np.array([log_c.min(), log_c.max()])
    compute, over = flops_per_param_token * np.exp(ends), ends[1] - ends[0]
    places = [i for i, one in enumerate(averaged.members) if one.result.law.allocates]
    at = [
        averaged.members[i].result.optimum(compute, flops_per_param_token, **given)["n_params"]
        for i in places
    ]
    log_n = np.log(np.array(at))
    weights = averaged.weights_of_sizes(
        places, log_n.mean(axis=1), lambda middle: ends.mean() - 2 * middle
    )
    value = float(weights @ np.nan_to_num(np.diff(log_n)[:, 0])) / over
    made = []
    for one in (averaged, bent):
        drawn = [
            np.diff(optima(one.members[i].result, compute, flops_per_param_token, given))[:, 0]
            for i in places
        ]
        some = [picked_of(draws / over, w) for draws, w in zip(drawn, weights, strict=True)]
        made.append(ends_of(np.concatenate(some), averaged.level))
    return Asked("a", value, *made, RELATIVE * abs(value), tell="isoloss next --decision a")


def _lost(averaged: Any, said: Any, flops_per_param_token: float, given: Mapping) -> float:
    """The weight of the laws whose fit does not determine the optimum at a budget."""
    results = {member.name: member.result for member in averaged.members}
    lost = 0.0
    for one in said.to_dict("records"):
        there = results[one["law"]].optimum([one["compute"]], flops_per_param_token, **given)
        lost += one["weight"] * bool(there["n_params_lo"].isna().iloc[0])
    return lost


def _wider(averaged: Any, by_law: Any) -> Wider | None:
    """The fits of a wider law that is not averaged, where one law has most of the weight."""
    weights = by_law.groupby("law")["weight"].max().to_dict()
    for member in averaged.members:
        if weights.get(member.name, 0.0) > HALF and SKALING.name not in averaged.laws:
            return wider_of(member.result)
    return None


def _moved(
    wide: Wider | None, value: float, name: str, compute: float, flops_per_param_token: float
) -> Moved | None:
    along = None if wide is None else wide.optimum(compute, flops_per_param_token)[name]
    return moved(value, along, name == "n_params", wide)


def _doubt(averaged: Any, by_law: Any) -> str:
    """Why the answers hold only if a law does, or "".

    A case of a wider law is in doubt if that law fits better, and is not in the average.
    """
    weights = by_law.groupby("law")["weight"].max().to_dict()
    rejected, cases = [], []
    for member in averaged.members:
        misfit, wider = member.result.misfit, wider_law(member.result)
        if misfit is not None and misfit.rejects:
            rejected.append(member.name)
        elif wider is not None and wider.doubtful and wider.law not in averaged.laws:
            cases.append(member.name)
    for names, what in ((rejected, "the runs reject"), (cases, "a wider law fits better than")):
        weight = sum(weights.get(name, 0.0) for name in names)
        if weight > HALF:
            return f"{what} {' and '.join(names)}, with {weight:.0%} of the weight"
    return ""
