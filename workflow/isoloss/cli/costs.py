"""The compute, memory and disk space of a plan's jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from isoloss.config.runs import Run
from isoloss.counting import BYTES
from isoloss.plan.cost import Cost
from isoloss.plan.planned import Plan, PlannedRun, PlannedTrunk
from isoloss.tasks import cost_of, run_of, task_of
from isoloss.tasks.evaluations import evaluation_steps
from isoloss.tasks.memory import CHECKPOINT_BYTES

RUN_BYTES, ROW_BYTES = 8e3, 1e2  # of a run's row, curve and about.json; of a row of its curve


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run without the trunk that it continues, or a piece of a trunk."""

    job_id: str
    run: Run
    vocab_size: int
    cost: Cost
    disk_bytes: float

    @property
    def kind(self) -> str:
        """The kind of job: jobs of one kind take equal time for steps of equal FLOPs."""
        training = task_of(self.run).training(self.run)
        noise_scale = training is not None and training.noise_scale
        return f"{self.run.task.kind}{' in halves' if noise_scale else ''}"

    def memory_bytes(self, *, mixed: bool) -> float:
        """Peak memory in bytes; `mixed` precision as on a GPU."""
        return task_of(self.run).memory_bytes(self.run, self.vocab_size, mixed=mixed)


def jobs_of(plan: Plan, vocab_sizes: Mapping[str, int]) -> dict[str, Job]:
    """The jobs of a plan; `vocab_sizes` by the identity of a corpus."""
    jobs = [_run_job(run, vocab_sizes) for run in plan.runs.values()]
    jobs += [_trunk_job(trunk, vocab_sizes) for trunk in plan.trunks.values()]
    return {job.job_id: job for job in jobs}


def _run_job(planned: PlannedRun, vocab_sizes: Mapping[str, int]) -> Job:
    run = run_of(planned.settings)
    training = task_of(run).training(run)
    steps = planned.cost.steps + (planned.trunk.steps if planned.trunk else 0)
    rows = evaluation_steps(steps, training) if training else []
    return Job(
        job_id=planned.run_id,
        run=run,
        vocab_size=vocab_sizes.get(planned.corpus_id, BYTES),
        cost=planned.cost,
        disk_bytes=RUN_BYTES + ROW_BYTES * len(rows),
    )


def _trunk_job(planned: PlannedTrunk, vocab_sizes: Mapping[str, int]) -> Job:
    run = run_of(planned.trunk.settings)
    counted = cost_of(run, vocab_sizes[planned.corpus_id])
    return Job(
        job_id=planned.trunk.trunk_id,
        run=run,
        vocab_size=vocab_sizes[planned.corpus_id],
        cost=planned.cost,
        disk_bytes=float(CHECKPOINT_BYTES * counted.n_params),
    )


def needed_by(plan: Plan, run_ids: Iterable[str]) -> list[str]:
    """Runs, and the pieces of trunks that they continue, each once."""
    run_ids = list(run_ids)
    trunks = [trunk for run_id in run_ids for trunk in plan.chain(plan.runs[run_id])]
    return list(dict.fromkeys([*run_ids, *trunks]))
