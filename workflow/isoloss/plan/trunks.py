"""Trunks: the steps that runs of different lengths share (Haegele et al. 2024, arXiv:2405.18392).

A run whose rate is constant until its cooldown does the same steps as any longer one until then.
They are trained once, in pieces that end where a cooldown begins, each going on from the last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from isoloss.config.runs import LanguageRun
from isoloss.plan.identity import compact, hashed_name, readable_name


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


def trunk_of(run: LanguageRun, seed: int) -> Trunk | None:
    """The trunk of a run; None if its beginning depends on its length.

    That is so unless the warm-up is a number of steps, the evaluations (if any but the last) have
    their places by octave, and the data are the whole corpus in one order.
    """
    training = run.training
    shared = (
        training.schedule == "wsd"
        and training.warmup_steps is not None
        and (training.evals_per_octave is not None or training.n_evals == 1)
        and run.data.n_unique_tokens == "all"
        and training.patience is None
    )
    steps = run.branch_step
    if not shared or steps < 1:
        return None
    data = run.data.model_copy(update={"n_tokens": steps * run.tokens_per_step})
    constant = training.model_copy(update={"schedule": "constant", "cooldown_fraction": 0.2})
    beginning = run.model_copy(update={"data": data, "training": constant})
    settings = compact(beginning)
    name = f"trunk-{readable_name(beginning)}"
    endless = settings | {"data": settings["data"] | {"n_tokens": 0}}
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
