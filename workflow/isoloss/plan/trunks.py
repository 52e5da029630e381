"""Trunks: the steps that runs of different lengths share (Haegele et al. 2024, arXiv:2405.18392).

A run whose rate is constant until its cooldown does the same steps as any longer one until then.
They are trained once, in pieces that end where a cooldown begins, each going on from the last.
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

    The same for every run that begins with these steps, whatever other runs there are.
    """

    trunk_id: str
    line: str  # the same for all trunks of which one is the beginning of the other
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
    """The trunk that each goes on from: the longest shorter one of its line."""
    lines: dict[str, list[Trunk]] = {}
    for trunk in trunks:
        lines.setdefault(trunk.line, []).append(trunk)
    before: dict[str, Trunk | None] = {}
    for line in lines.values():
        line.sort(key=lambda trunk: trunk.steps)
        for shorter, trunk in zip([None, *line[:-1]], line, strict=True):
            before[trunk.trunk_id] = shorter
    return before
