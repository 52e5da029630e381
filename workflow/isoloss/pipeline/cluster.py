"""Groups of jobs that share an allocation of a cluster, and the set-up of Snakemake inside one.

Snakemake submits a job by starting itself again in an allocation. That start takes longer than a
run of seconds, so short runs share an allocation. The key `group-components` of a cluster's profile
gives the number of runs per allocation, for example `short=32`. Runs that continue one trunk are in
one group, and so are runs that a GPU trains side by side.
"""

import functools
import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from isoloss.pipeline.snakemake_internals import Snakemake
from isoloss.plan.plan import Plan
from isoloss.plan.resources import START_MIN, Resources, seconds_of
from isoloss.runtime.job import LAST_STATES

# The most planned seconds of the runs of one trunk, by the name of their group.
GROUPS = {"short": 6.0, "medium": 60.0, "long": 3600.0}
LONGEST = "long"
START_IN_GROUP_MIN = 1


class Groups:
    """The groups of a plan's jobs.

    Parameters
    ----------
    plan : Plan
        All runs, and the trunks that they continue.
    device : str
        The device, as in the config.
    stacks : mapping
        Stack -> the jobs that it trains side by side. They are in one group with it.
    """

    def __init__(
        self,
        plan: Plan,
        device: str,
        stacks: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ):
        self._plan, self._device, self._stacks = plan, device, stacks

    def of(self, job_id: str, known: Collection[str]) -> str | None:
        """The group of a run or a trunk; None if it has an allocation of its own.

        `known` are the groups of the profile; none without `group-components`.
        """
        # A run that waits for a prediction cannot be in one group with the fitted runs.
        first, *_ = self._stacks.get(job_id, [job_id])
        if not known or first not in self._family or first in self._plan.predicted_by:
            return None
        family = self._family[first]
        seconds = self._seconds[family]
        fitting = (name for name, most in GROUPS.items() if name in known and seconds <= most)
        # What only takes its part of a stack has no allocation of its own, however long that is.
        return next(fitting, LONGEST if family in self._stacked and LONGEST in known else None)

    @functools.cached_property
    def _family(self) -> dict[str, str]:
        """Run or trunk -> the first trunk of its chain, or itself; one for all that stacks join."""
        found: dict[str, str] = {}
        for run_id, run in self._plan.runs.items():
            chain = [run_id, *self._plan.chain(run)]
            found |= dict.fromkeys(chain, chain[-1])
        joined: dict[str, str] = {}

        def root(family: str) -> str:
            while family in joined:
                family = joined[family]
            return family

        for job_ids in self._stacks.values():
            first, *others = dict.fromkeys(root(found[job_id]) for job_id in job_ids)
            joined |= dict.fromkeys(others, first)
        return {job_id: root(family) for job_id, family in found.items()}

    @functools.cached_property
    def _stacked(self) -> set[str]:
        """The families with a stack."""
        return {self._family[job_ids[0]] for job_ids in self._stacks.values()}

    @functools.cached_property
    def _seconds(self) -> dict[str, float]:
        """First trunk of a chain, or run without one -> planned seconds of all that is in it."""
        found: dict[str, float] = defaultdict(float)
        for job_id, job in (self._plan.runs | self._plan.trunks).items():
            found[self._family[job_id]] += seconds_of(job.cost, self._device)
        return found

    def runtime_min(self, job_id: str, resources: Resources, known: Collection[str]) -> int:
        """The time limit of a job: in a group, it allows for a shorter start."""
        spared = START_MIN - START_IN_GROUP_MIN if self.of(job_id, known) else 0
        return resources.runtime_min - spared


def gpus(device: str) -> int | None:
    """Number of GPUs in the allocation of a training, for one run or for a group; None for none."""
    return 1 if device == "cuda" else None


def prepare_allocation(snakemake: Snakemake) -> bool:
    """Prepare a Snakemake that a cluster's job has started; tell whether it runs a group of jobs.

    The Snakemake that submits the job passes on none of these settings.
    """
    if not snakemake.runs_jobs_itself:
        # SLURM's plugin starts a Snakemake that starts another, in a job step. One step for all.
        snakemake.put_groups_into_one_step(GROUPS)
        return False
    # When a run of a group fails, the others go on.
    snakemake.keep_going()
    # As many jobs at a time as there are cores in the allocation, not in the machine.
    if cores := os.environ.get("SLURM_CPUS_PER_TASK"):
        snakemake.limit_cores(int(cores))
    grouped = snakemake.n_requested_jobs > 1
    if grouped:
        # If one job fails, all are tried again; finished trainings resume from their last state.
        os.environ[LAST_STATES] = "1"
    return grouped


def remove_last_states(results: Path) -> None:
    """Remove checkpoints that groups have left, of trainings that have results."""
    for path in (results / "checkpoints").glob("*.safetensors"):
        row, trunk = results / "runs" / path.stem / "row.json", results / "trunks" / path.name
        if row.exists() or trunk.exists():
            path.unlink(missing_ok=True)
