"""The stacks of jobs that a GPU trains side by side: inputs, resources, and what they leave."""

import functools
import itertools
from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json
from isoloss.pipeline.jobs import Jobs
from isoloss.plan.resources import Resources, resources_of_stack
from isoloss.plan.stacks import settings_of, stacks_of
from isoloss.tasks import run_of


class Stacks(Jobs):
    """The training jobs, and the stacks that some of them are in."""

    @functools.cached_property
    def stacks(self) -> dict[str, tuple[str, ...]]:
        """The id of a stack -> its jobs; none where the device is not cuda."""
        if self.config.device != "cuda" or self.config.stack == 1:
            return {}
        sizes = {corpus.corpus_id: corpus.vocab_size for corpus in self.corpora.values()}
        return stacks_of(self.plan, self.config.stack, sizes)

    @functools.cached_property
    def _stack_of(self) -> dict[str, str]:
        return {job_id: stack_id for stack_id, ids in self.stacks.items() for job_id in ids}

    @functools.cached_property
    def _continuing(self) -> dict[str, list[str]]:
        """Trunk -> the runs that go on from it, or from a later piece."""
        found: dict[str, list[str]] = {}
        for run in self.plan.runs.values():
            for trunk_id in self.plan.chain(run):
                found.setdefault(trunk_id, []).append(run.run_id)
        return found

    def jobs_in(self, stack_id: str) -> tuple[str, ...]:
        """The jobs of a stack.

        Raises
        ------
        UserError
            The plan has no such stack.
        """
        if stack_id not in self.stacks:
            raise UserError("the target", [f"{stack_id} is not a stack of the plan"])
        return self.stacks[stack_id]

    def stack_of(self, job_id: str) -> list[str]:
        """The file of the stack that a job is in; none once the job is done, and none outside."""
        stack_id = self._stack_of.get(job_id)
        return [self.stack_file(stack_id)] if stack_id and not self.is_done(job_id) else []

    def waiting_in(self, stack_id: str) -> list[str]:
        """The jobs of a stack that are to be trained."""
        return [job_id for job_id in self.jobs_in(stack_id) if self._is_wanted(job_id)]

    def _is_wanted(self, job_id: str) -> bool:
        """Whether a job is not done, and a run needs it: one that is done needs no trunk."""
        if self.is_done(job_id) or job_id in self.plan.runs:
            return not self.is_done(job_id)
        unfinished = (i for i in self._continuing[job_id] if not self.is_done(i))
        return any(job_id in self._missing_before(run_id) for run_id in unfinished)

    def _missing_before(self, run_id: str) -> list[str]:
        """The pieces of trunk that a run waits for."""
        chain = self.plan.chain(self.plan.runs[run_id])
        return list(itertools.takewhile(lambda trunk_id: not self.is_done(trunk_id), chain))

    def inputs_of_stack(self, stack_id: str) -> list[str]:
        """All files that must be there before a stack starts."""
        waiting = self.waiting_in(stack_id)
        return list(dict.fromkeys(path for job_id in waiting for path in self.inputs_of(job_id)))

    def jobs_of_stack(self, stack_id: str) -> str:
        """What the job of a stack is to train."""
        return canonical_json(
            [
                {
                    "job_id": job_id,
                    "settings": settings_of(self.job(job_id)),
                    "seed": self.seed(job_id),
                    "checkpoint": self.checkpoint(job_id),
                    "trunk": "".join(self.trunk_of(job_id)),
                    "to_be_continued": job_id in self.plan.trunks,
                }
                for job_id in self.waiting_in(stack_id)
            ]
        )

    def corpus_option_of_stack(self, stack_id: str) -> str:
        """The option that names the corpus of a stack: all its jobs read the same."""
        return self.corpus_option(self.jobs_in(stack_id)[0])

    def priority_of_stack(self, stack_id: str) -> int:
        """That of its most urgent job."""
        return max(map(self.priority, self.jobs_in(stack_id)))

    def resources(self, job_id: str) -> Resources:
        """The resources of a job, or of a stack as if none of its jobs were done."""
        if job_id not in self.stacks:
            return super().resources(job_id)
        job_ids = self.stacks[job_id]
        job = self.job(job_ids[0])
        vocab_size = self.corpora[job.corpus_id].vocab_size if job.corpus_id else None
        return resources_of_stack(run_of(settings_of(job)), job.cost, len(job_ids), vocab_size)

    def untrained_core_s(self) -> dict[str, float]:
        """Planned core-seconds of each run and trunk without a result; of a stack's in one."""
        found = super().untrained_core_s()
        for stack_id, job_ids in self.stacks.items():
            seconds = [found.pop(job_id) for job_id in job_ids if job_id in found]
            found |= {stack_id: sum(seconds)} if seconds else {}
        return found


def remove_taken(results: Path) -> None:
    """Remove the files of stacks of which each job has taken its part."""
    for path in (results / "stacks").glob("*.json"):
        try:
            job_ids = list(read_json(path))
        except UserError:
            continue  # damaged: the jobs that need it say so
        rows = (results / "runs" / job_id / "row.json" for job_id in job_ids)
        trunks = (results / "trunks" / f"{job_id}.json" for job_id in job_ids)
        if all(row.exists() or trunk.exists() for row, trunk in zip(rows, trunks, strict=True)):
            path.unlink(missing_ok=True)
