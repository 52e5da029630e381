"""What `fit_law` was asked for: every mistake in it, in words."""

import numpy as np

from isoloss.errors import UserError, nearest
from isoloss.fit.objective import OBJECTIVES
from isoloss.fit.problem import leaders_of
from isoloss.fit.resample import METHODS

INTERVALS = ("draws", "profile")


def columns_of(law, x, y, columns):
    """Variable -> column, with `x` and `y` where they are given."""
    columns = dict(columns or {})
    if x is not None:
        if len(law.variables) != 1:
            raise UserError(
                "x",
                [
                    f"{law.name} has {len(law.variables)} variables "
                    f"({', '.join(law.variables)}): name them in columns"
                ],
            )
        columns[law.variables[0]] = x
    if y is not None:
        columns["loss"] = y
    return columns


def check(law, objective, delta, fixed, tied, level, draws, method, intervals, seed=0):
    """Raise every problem of the arguments of `fit_law` at once."""
    problems = []
    if intervals not in INTERVALS:
        problems.append(
            f"intervals: {intervals!r} is none of {', '.join(INTERVALS)}"
            f"{nearest(intervals, INTERVALS)}"
        )
    elif (
        intervals == "profile"
        and not objective.startswith("lsq")
        and not (draws > 0 and method != "none")
    ):
        problems.append(
            f"intervals: a profile of {objective} needs draws (least squares alone does not)"
        )
    if objective not in OBJECTIVES:
        problems.append(
            f"objective: {objective!r} is none of {', '.join(OBJECTIVES)}"
            f"{nearest(objective, OBJECTIVES)}"
        )
    if method not in METHODS:
        problems.append(
            f"method: {method!r} is none of {', '.join(METHODS)}{nearest(method, METHODS)}"
        )
    if not (np.isfinite(delta) and delta > 0):
        problems.append(f"delta: must be positive and finite, got {delta!r}")
    if not 0 < level < 1:
        problems.append(f"level: must lie between 0 and 1, got {level!r}")
    if draws < 0:
        problems.append(f"draws: must not be negative, got {draws!r}")
    if seed < 0:
        problems.append(f"seed: must not be negative, got {seed!r}")
    problems += [
        f"{law.name} has no parameter {name!r}{nearest(name, law.names)} "
        f"(parameters: {', '.join(law.names)})"
        for name in [*fixed, *(name for pair in tied for name in pair)]
        if name not in law.names
    ]
    problems += _tie_problems(law, fixed, tied)
    for name, value in fixed.items():
        parameter = next((p for p in law.parameters if p.name == name), None)
        if parameter and not (
            parameter.lower <= value <= parameter.upper
            and np.isfinite(value)
            and (value > 0 or not parameter.log)
        ):
            found = f"must lie between {parameter.lower:g} and {parameter.upper:g}, got {value!r}"
            problems.append(f"fixed {name}: {found}")
    if not problems and not _is_free(law, fixed, tied):
        problems.append(f"every parameter of {law.name} is held: nothing is left to fit")
    if problems:
        raise UserError("fit", problems)


def _is_free(law, fixed, tied):
    """Whether a parameter is neither held nor tied to one that is."""
    leaders = leaders_of(law.names, tied)
    held = {leaders[name][0] for name in fixed}
    return any(leaders[name][0] not in held for name in law.names)


def check_floor(law, fixed, data, where):
    """Raise where a floor is held that losses lie below.

    Raises
    ------
    UserError
    """
    floor, lowest = fixed.get(getattr(law, "floor", None)), float(np.exp(data.log_loss.min()))
    if floor is not None and floor >= lowest:
        raise UserError(
            where, [f"fixed {law.floor}: {floor:g} is not below the lowest loss, {lowest:g}"]
        )


def _tie_problems(law, fixed, tied):
    """Ties of a logarithm to a number, and groups of tied parameters that are held twice."""
    kinds = {p.name: p.log for p in law.parameters}
    pairs = [pair for pair in tied if set(pair) <= set(kinds)]
    for first, follower in pairs:
        if kinds[first] != kinds[follower]:
            yield f"{first} and {follower} cannot be tied: one is a scale, the other is not"
    leaders = leaders_of(law.names, pairs)
    for name in fixed:
        others = [n for n in fixed if n < name and leaders.get(n) == leaders.get(name, 0)]
        yield from (f"{other} and {name} are tied: hold one of them" for other in others)
