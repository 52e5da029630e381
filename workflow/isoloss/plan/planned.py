"""The plan's contents: the jobs that train, and the order between them."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from isoloss.plan.cost import Cost
from isoloss.plan.trunks import Trunk


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training run."""

    run_id: str
    settings: dict[str, Any]  # as the model of the task's runs checks them
    seed: int
    corpus_id: str | None
    cost: Cost  # of the job, without its trunk
    trunk: Trunk | None = None  # the trunk that the run continues

    @property
    def whole_flops(self) -> float:
        """The compute of the run, as if it had been trained alone."""
        steps = self.cost.steps + (self.trunk.steps if self.trunk else 0)
        return float(steps * self.cost.flops_per_step)


@dataclass(frozen=True, kw_only=True)
class PlannedTrunk:
    """One job that trains a piece of a trunk."""

    trunk: Trunk
    before: str | None  # the id of the trunk that it continues
    corpus_id: str
    cost: Cost  # of the job, without the trunk before


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The held-out runs of a study, and the runs that the prediction is fitted to."""

    run_ids: tuple[str, ...]  # the largest by compute: one, or its seeds
    fitted: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All jobs of the studies."""

    runs: dict[str, PlannedRun] = field(default_factory=dict)
    trunks: dict[str, PlannedTrunk] = field(default_factory=dict)
    members: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    # study -> (sweep, run_id), in the order of the sweeps, their grids and their seeds
    held_out: dict[str, HeldOut] = field(default_factory=dict)  # study -> its held-out runs

    @functools.cached_property
    def waiting_s(self) -> dict[str, float]:
        """Trunk -> core-seconds from its start to the end of the last run that waits for it."""
        cooldown_s: dict[str, float] = {}
        for run in self.runs.values():
            if run.trunk:
                longest = max(run.cost.core_s, cooldown_s.get(run.trunk.trunk_id, 0.0))
                cooldown_s[run.trunk.trunk_id] = longest
        waiting_s: dict[str, float] = {}
        for trunk in sorted(self.trunks.values(), key=lambda trunk: -trunk.trunk.steps):
            after = [waiting_s[t.trunk.trunk_id] for t in self._after.get(trunk.trunk.trunk_id, [])]
            last = max([cooldown_s[trunk.trunk.trunk_id], *after])
            waiting_s[trunk.trunk.trunk_id] = trunk.cost.core_s + last
        return waiting_s

    @functools.cached_property
    def _after(self) -> dict[str | None, list[PlannedTrunk]]:
        after: dict[str | None, list[PlannedTrunk]] = {}
        for trunk in self.trunks.values():
            after.setdefault(trunk.before, []).append(trunk)
        return after

    @functools.cached_property
    def predicted_by(self) -> dict[str, str]:
        """The study that first predicts a run, for held-out runs and trunks that only they need."""
        found = {i: study for study, held in self.held_out.items() for i in held.run_ids}
        free = {t for run in self.runs.values() if run.run_id not in found for t in self.chain(run)}
        for held, study in list(found.items()):
            found |= dict.fromkeys(set(self.chain(self.runs[held])) - free, study)
        return found

    @functools.cached_property
    def urgent(self) -> set[str]:
        """Runs that a prediction is fitted to, and their trunks: held-out runs wait for them."""
        found = {i for held in self.held_out.values() for i in held.fitted}
        return found | {trunk_id for i in found for trunk_id in self.chain(self.runs[i])}

    def chain(self, run: PlannedRun) -> Iterator[str]:
        """The pieces of trunk before a run, from the last to the first."""
        trunk_id = run.trunk and run.trunk.trunk_id
        while trunk_id:
            yield trunk_id
            trunk_id = self.trunks[trunk_id].before

    def run_ids(self, study: str) -> list[str]:
        """The runs of a study, each once, in order."""
        return list(dict.fromkeys(run_id for _, run_id in self.members.get(study, [])))
