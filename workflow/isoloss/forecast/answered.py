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
    ends_of,
)
from isoloss.fit.wider import moved
from isoloss.forecast.conditions import Conditions
from isoloss.forecast.mixture import optima, picked_of


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
    found, by_law = averaged.optimum(*ask, **given)
    depends = Conditions(averaged, by_law.groupby("law")["weight"].max().to_dict())
    bent, wide = depends.bent, depends.wider
    found_bent, _ = bent.optimum(*ask, **given)
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
            there = depends.of_optimum(value, name, compute, flops_per_param_token)
            made.append(Asked(f"{what} at {budget}", value, *both, *how, tell=tell, moved=there))
    return tuple(answer(asked, depends.doubt) for asked in made)


def _number(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None


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
