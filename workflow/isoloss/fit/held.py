"""Checks of the parameters of a law that are fixed at a value or tied to another."""

import math
import numbers
from collections.abc import Iterator, Mapping

import numpy as np

from isoloss.errors import UserError, nearest
from isoloss.fit.problem import leaders_of
from isoloss.laws.base import Law
from isoloss.tables.data import Data


def problems(
    law: Law, fixed: Mapping[str, float], tied: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, str]]:
    """Every problem of fixed and tied parameters: its key ("" for none) and its message."""
    for name in [*fixed, *(name for pair in tied for name in pair)]:
        if name not in law.names:
            allowed = f"{nearest(name, law.names)} (parameters: {', '.join(law.names)})"
            yield "", f"{law.name} has no parameter {name!r}{allowed}"
    yield from (("", text) for text in _tie_problems(law, fixed, tied))
    for parameter in law.parameters:
        if parameter.name in fixed and not _possible(parameter, fixed[parameter.name]):
            allowed = f"must lie between {parameter.lower:g} and {parameter.upper:g}"
            yield f"fixed {parameter.name}", f"{allowed}, got {fixed[parameter.name]!r}"


def nothing_free(law: Law, fixed: Mapping[str, float], tied: tuple[tuple[str, str], ...]) -> bool:
    """Whether every parameter is fixed, or tied to a fixed one."""
    leaders = leaders_of(law.names, tied)
    held = {leaders[name][0] for name in fixed}
    return all(leaders[name][0] in held for name in law.names)


def check_floor(law: Law, fixed: Mapping[str, float], data: Data, where: str) -> None:
    """Check that no loss lies below a fixed floor.

    Raises
    ------
    UserError
        A loss lies below it.
    """
    floor, lowest = fixed.get(getattr(law, "floor", None)), float(np.exp(data.log_loss.min()))
    if floor is not None and floor >= lowest:
        raise UserError(
            where, [f"fixed {law.floor}: {floor:g} is not below the lowest loss, {lowest:g}"]
        )


def _possible(parameter, value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return (
        number
        and math.isfinite(value)
        and parameter.lower <= value <= parameter.upper
        and (value > 0 or not parameter.log)
    )


def _tie_problems(law, fixed, tied):
    """Ties between a logarithm and a number, and tied parameters of which two are fixed."""
    kinds = {p.name: p.log for p in law.parameters}
    pairs = [pair for pair in tied if set(pair) <= set(kinds)]
    for first, follower in pairs:
        if kinds[first] != kinds[follower]:
            yield f"{first} and {follower} cannot be tied: one is a scale, the other is not"
    leaders = leaders_of(law.names, pairs)
    for name in fixed:
        others = [n for n in fixed if n < name and leaders.get(n) == leaders.get(name, 0)]
        yield from (f"{other} and {name} are tied: hold one of them" for other in others)
