"""Stacks: jobs of one shape that a GPU trains side by side in one process.

Which jobs share a stack follows from the plan alone. They have the same model, batch, steps and
evaluations. They may differ in the seed, the data's order and extent, and whatever the optimiser is
set to. All jobs of a stack begin and end at the same steps, so a stack waits only for stacks and
jobs that end where it begins.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from isoloss.config.runs import Mlp, Run, Transformer
from isoloss.files import canonical_json
from isoloss.plan.gpu import GpuSpeed
from isoloss.plan.planned import Plan, PlannedRun, PlannedTrunk
from isoloss.tasks import TASKS, run_of, task_of
from isoloss.tasks.base import Trained

AUTO = "auto"
MOST_RUNS = 64
# Settings of the training that jobs of a stack have in common; the others are vectors in a step.
SHARED = ("batch_size", "steps", "n_evals", "evals_per_octave", "first_eval")


def stacks_of(
    plan: Plan, asked: int | str, vocab_sizes: Mapping[str, int], speed: GpuSpeed | None = None
) -> dict[str, tuple[str, ...]]:
    """The stacks of a plan whose runs are trained on a GPU.

    Parameters
    ----------
    plan : Plan
    asked : int or "auto"
        The most jobs of a stack; "auto": as many as fill the GPU, at most `MOST_RUNS`.
    vocab_sizes : mapping
        Identity of a corpus -> its vocabulary size.
    speed : GpuSpeed, optional

    Returns
    -------
    dict
        The id of a stack -> its jobs, at least two, in the order of the plan.
    """
    alike: dict[str, list[str]] = {}
    jobs: dict[str, PlannedRun | PlannedTrunk] = {**plan.trunks, **plan.runs}
    for job_id, job in jobs.items():
        if (shape := _shape(plan, job_id, job)) is not None:
            alike.setdefault(shape, []).append(job_id)
    found = {}
    for job_ids in alike.values():
        job = jobs[job_ids[0]]
        run = run_of(settings_of(job))
        most = asked
        if asked == AUTO:
            vocab_size = vocab_sizes.get(job.corpus_id) if job.corpus_id else None
            filling = (speed or GpuSpeed()).filled_by(run, job.cost, vocab_size)
            most = min(MOST_RUNS, filling)
        for part in _parts(job_ids, most):
            if len(part) > 1:
                found[_name(run, part)] = tuple(part)
    return found


def settings_of(job: PlannedRun | PlannedTrunk) -> dict[str, Any]:
    """The settings of a run, or of a piece of a trunk as a run of its own."""
    return job.trunk.settings if isinstance(job, PlannedTrunk) else job.settings


def can_be_stacked(run: Run) -> bool:
    """Whether a run can share a stack: an MLP or a transformer, without dropout or noise scale.

    Each of these draws random numbers, or takes gradients, in a way that only a run alone has. So
    may a task from outside the package.
    """
    task = task_of(run)
    if run.task.kind not in TASKS or not isinstance(task, Trained):
        return False
    if task.training(run).noise_scale:
        return False
    if isinstance(run.model, Transformer):
        return run.model.dropout == 0
    return isinstance(run.model, Mlp)


def _shape(plan: Plan, job_id: str, job: PlannedRun | PlannedTrunk) -> str | None:
    """What the jobs of a stack have in common, as text; None for a job that is trained alone."""
    run = run_of(settings_of(job))
    if not can_be_stacked(run):
        return None
    settings = run.model_dump(mode="json")
    settings["data"].pop("n_unique_tokens", None)
    training = settings["training"]
    return canonical_json(
        {
            **{part: settings[part] for part in ("task", "model", "data")},
            "training": {name: training.get(name) for name in SHARED},
            "steps": job.cost.steps,  # of this job alone: with the length, where it begins
            "is_trunk": isinstance(job, PlannedTrunk),
            # What waits for a prediction cannot be trained with what the prediction waits for.
            "predicted_by": plan.predicted_by.get(job_id),
        }
    )


def _parts(job_ids: list[str], most: int) -> Iterator[list[str]]:
    """As few parts as there can be of at most so many jobs, of sizes as equal as can be."""
    n_parts = math.ceil(len(job_ids) / most)
    ends = [round(i * len(job_ids) / n_parts) for i in range(n_parts + 1)]
    for i in range(n_parts):
        yield job_ids[ends[i] : ends[i + 1]]


def _name(run: Run, job_ids: list[str]) -> str:
    digest = hashlib.sha256(canonical_json(job_ids).encode()).hexdigest()[:10]
    return f"stack{len(job_ids)}-{task_of(run).readable_name(run)}-{digest}"
