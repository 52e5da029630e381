"""Trunks: the steps that runs of different lengths share (Haegele et al. 2024, arXiv:2405.18392).

If the learning rate is constant until the cooldown, a run shares its steps before the cooldown with
all longer runs. These shared steps (the trunk) are trained once. Each piece of a trunk ends where a
run's cooldown begins, and continues the piece before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from isoloss.config.runs import Run
from isoloss.plan.identity import compact, hashed_name
from isoloss.tasks import task_of


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """The steps of a run before its cooldown, as a run of its own at a constant rate.

    All runs that begin with these steps have the same trunk, whatever other runs there are.
    """

    trunk_id: str
    line: str  # the same for a trunk and all longer trunks that begin with it
    settings: dict[str, Any]
    seed: int
    steps: int


def trunk_of(run: Run, seed: int) -> Trunk | None:
    """The trunk of a run; None if its beginning depends on its length."""
    task = task_of(run)
    shared = task.beginning(run)
    if shared is None:
        return None
    beginning, steps = shared
    settings = compact(beginning)
    name = f"trunk-{task.readable_name(beginning)}"
    endless = settings | {"data": settings["data"] | {task.length: 0}}
    return Trunk(
        trunk_id=hashed_name(name, settings, seed),
        line=hashed_name("trunk", endless, seed),
        settings=settings,
        seed=seed,
        steps=steps,
    )


def predecessors(trunks: Iterable[Trunk]) -> dict[str, Trunk | None]:
    """For each trunk, the trunk that it continues: the longest shorter one of its line."""
    lines: dict[str, list[Trunk]] = {}
    for trunk in trunks:
        lines.setdefault(trunk.line, []).append(trunk)
    before: dict[str, Trunk | None] = {}
    for line in lines.values():
        line.sort(key=lambda trunk: trunk.steps)
        for shorter, trunk in zip([None, *line[:-1]], line, strict=True):
            before[trunk.trunk_id] = shorter
    return before
