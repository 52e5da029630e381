"""The laws of an average that can answer a question, each with its weight and drift there."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isoloss.decide.belief import MIN_DRAWS
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit.result import FitResult
from isoloss.forecast.average import Averaged
from isoloss.forecast.trials import shape_of

LEAST = 0.02  # a law of a smaller weight would have too few draws to tell anything


@dataclass(frozen=True)
class Mixture:
    """Fits by falling weight, for `decide.next_runs`.

    Attributes
    ----------
    fits : tuple of FitResult
    weights, drifts : tuple of float
        Of each law: its weight at the target, and its drift of ln L for each unit of ln C.
    left_out : dict of str to str
        Law -> the reason why the plan does not count it.
    """

    fits: tuple[FitResult, ...]
    weights: tuple[float, ...]
    drifts: tuple[float, ...]
    left_out: Mapping[str, str]


def mixture(averaged: Averaged, question: Question) -> Mixture:
    """The laws that can answer a question, weighted by their trials.

    Trials on runs whose D/N is like that of the target count more, as in predictions. A law joins
    only if it can be asked: one without an optimum says nothing of N*.

    Raises
    ------
    UserError
        No law can answer; the error lists every reason.
    """
    left_out, able, places = dict(averaged.left_out), [], []
    for i, member in enumerate(averaged.members):
        result = member.result
        try:
            if problems := list(question.problems(result.law)):
                raise UserError("next", problems)
            place = question.places(result.law, result.theta)
            usable = int(np.isfinite(question.answers(result.law, result.draws)).all(axis=1).sum())
            if usable < max(MIN_DRAWS, len(result.draws) / 2):
                found = f"only {usable} of {len(result.draws)} draws have an answer"
                if len(result.draws) < MIN_DRAWS:
                    found = f"{MIN_DRAWS} draws are needed, got {len(result.draws)}"
                raise UserError("next", [found])
        except UserError as error:
            left_out[member.name] = "; ".join(error.problems)
            continue
        able.append(i)
        places.append(place)
    if not able:
        raise UserError("next", dict.fromkeys(left_out.values()))
    weights = np.array(list(averaged.weights.values()))[able]
    if (shapes := [shape_of(place) for place in places])[0] is not None:
        middle = np.average([np.mean(shape) for shape in shapes], weights=weights + 1e-300)
        weights = averaged.weights_at(float(middle))[able]
    weights = weights / max(weights.sum(), 1e-300)
    if not weights.any():
        weights = np.full(len(able), 1 / len(able))
    found = []
    for j in np.argsort(-weights, kind="stable"):
        member = averaged.members[able[j]]
        if weights[j] < LEAST:
            left_out[member.name] = f"a weight of {weights[j]:.2g} at the target"
            continue
        drift = 0.0 if member.drift is None else member.drift.per_log_compute
        found.append((member.result, float(weights[j]), drift))
    fits, shares, drifts = zip(*found, strict=True)
    total = sum(shares)
    return Mixture(fits, tuple(share / total for share in shares), drifts, left_out)
