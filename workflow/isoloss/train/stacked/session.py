"""The runs and the pieces of trunks of a stack: each resumes, is evaluated and ends by itself."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from isoloss.config.runs import Run
from isoloss.errors import Interrupted
from isoloss.models.precision import precision_for
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.tasks import task_of
from isoloss.tasks.evaluations import evaluation_steps, octave_steps
from isoloss.tasks.problem import ArrayProblem
from isoloss.train import session as alone
from isoloss.train.keep import LEAST_RATIO, Keeper
from isoloss.train.loop import Trainer, TrainingDiverged
from isoloss.train.schedule import learning_rate
from isoloss.train.session import Session
from isoloss.train.stacked.batches import batches_of
from isoloss.train.stacked.engine import Member, Stack, cuda_graph, kernel
from isoloss.train.state import State, save_state


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of a stack, ready to begin: whatever may be refused has been read.

    Attributes
    ----------
    job_id : str
        Of the run or of the piece of a trunk.
    run : Run
        Its settings.
    seed : int
    checkpoint : path
        Where its state is kept.
    to_be_continued : bool
        Whether it is a piece of a trunk, without an evaluation at its last step.
    trunk : State, optional
        The state to begin with.
    problem : ArrayProblem
    """

    job_id: str
    run: Run
    seed: int
    checkpoint: Path
    to_be_continued: bool
    trunk: State | None
    problem: ArrayProblem


def prepared(given: Mapping[str, Any], run: Run, corpus: Any) -> Job:
    """Read what a job of a stack begins with.

    Parameters
    ----------
    given : mapping
        `job_id`, `seed`, `checkpoint`, `trunk` (a path, or "") and `to_be_continued`.
    run : Run
    corpus : Corpus, optional

    Raises
    ------
    UserError
        As `isoloss.train.session.Session`.
    """
    trunk = given["trunk"]
    return Job(
        job_id=given["job_id"],
        run=run,
        seed=given["seed"],
        checkpoint=Path(given["checkpoint"]),
        to_be_continued=given["to_be_continued"],
        trunk=alone._trunk(trunk, kernel()) if trunk else None,  # refused as a run alone is
        problem=task_of(run).arrays(run, given["seed"], corpus),
    )


class MemberTrainer(Trainer):
    """The training of one member: the stack does the steps, and this notes them."""

    def __init__(self, engine: Member, run: Run, share: int, evaluate_at: Sequence[int]):
        super().__init__(engine, run.training)
        self._share, self._evaluate_at = share, set(evaluate_at)

    @property
    def next_step(self) -> int:
        """The step to do next; the last one again, if all are done."""
        return min(self.step + 1, self.facts.steps)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.training, self.next_step, self.facts.steps, self.facts.width)

    @property
    def cpu_s(self) -> float:
        """The member's share of the CPU time, in seconds, over all interruptions."""
        here_s = time.process_time() - self._cpu_start_s
        return self._cpu_before_s + here_s / self._share

    def stepped(self, rate: float) -> bool:
        """Note a step that was done at a rate; return whether there is another one to do.

        Raises
        ------
        TrainingDiverged
            A training or held-out loss was NaN or infinite.
        """
        self.step += 1
        self._summed_steps += 1
        if self.step in self._evaluate_at:
            self._evaluate(rate)
            if self._patience_is_over():
                self.stopped_early = self.step < self.facts.steps
                return False
        return self.step < self.facts.steps


class MemberSession(Session):
    """One job of a stack, with its checkpoint and its trunk.

    Attributes
    ----------
    reason : str or None
        Why the job diverged, if it did.
    live : bool
        Whether there are steps to do.
    """

    def __init__(self, job: Job, engine: Member, corpus: Any, share: int):
        self.job, self.run, self.corpus = job, job.run, corpus
        self.engine, self.facts, self.trunk = engine, engine.facts, job.trunk
        placed = octave_steps if job.to_be_continued else evaluation_steps
        steps = placed(self.facts.steps, job.run.training)
        self.trainer = MemberTrainer(engine, job.run, share, steps)
        self.code = training_fingerprint(job.run.task.kind)
        self.about = {
            "of": job.job_id,
            "code": self.code,
            "kernel": engine.kernel,
            "device": engine.device,
        }
        self.keeper = Keeper(job.checkpoint, self.about)
        self.before_s, self.reason = (0.0, 0.0), None
        if job.trunk and "diverged" in job.trunk.about:
            self.trainer.rows, self.reason = job.trunk.rows, job.trunk.about["diverged"]
        elif state := self.keeper.found():
            self.trainer.load(state)
            self.before_s = (state.elapsed_s, state.cpu_s)
        elif job.trunk:
            self.trainer.load(job.trunk, own=False)
            self.before_s = (job.trunk.elapsed_s, 0.0)
        self.live = self.reason is None and self.trainer.step < self.facts.steps

    def stepped(self, rate: float) -> bool:
        """Note a step that the stack has done; return whether it was the last one."""
        try:
            self.live = self.trainer.stepped(rate)
        except TrainingDiverged as error:
            self.live, self.reason = False, str(error)
        return not self.live

    def end_of_trunk(self) -> tuple[State, dict[str, Any]]:
        """The state that runs continue, and its `about`, as `isoloss.train.trunk` gives them."""
        about = self.about | {"code": self.machine()["code"]}
        if self.reason:
            about |= {"diverged": self.reason}
        return replace(self.trainer.state(), step=self.facts.steps), about


class StackKeeper(Keeper):
    """Writes the states of all jobs that are under way, each to its own checkpoint."""

    def __init__(self, sessions: Sequence[MemberSession]):
        super().__init__(sessions[0].keeper.path, {})
        self._sessions = sessions

    def __call__(self, _: Any = None) -> None:
        """After a step: write the states if the interval has passed.

        Raises
        ------
        Interrupted
            A signal asked the job to end.
        """
        if self._told_to_end is None and time.monotonic() < self._next_s:
            return
        begun_s = time.monotonic()
        under_way = [session for session in self._sessions if session.live]
        for session in under_way:
            save_state(session.keeper.path, session.trainer.state(), session.about)
        now_s = time.monotonic()
        self._next_s = now_s + max(self._interval_s, LEAST_RATIO * (now_s - begun_s))
        if self._told_to_end is not None:
            name = signal.Signals(self._told_to_end).name
            kept = f"{len(under_way)} states kept in {self.path.parent}"
            raise Interrupted(f"{name}: {kept}, to go on from")


def train_together(
    jobs: Sequence[Job], corpus: Any, device: str, ended: Callable[[MemberSession], None]
) -> None:
    """Train jobs of one shape side by side, each to its own end.

    Parameters
    ----------
    jobs : sequence of Job
    corpus : Corpus, optional
        The text that all of them read.
    device : str
        "cuda", or "cpu" to test it.
    ended : callable
        Called with each job as soon as it has ended.

    Raises
    ------
    Interrupted
        A signal asked to end: the states are kept.
    RuntimeError
        PyTorch could not: out of memory, for one.
    """
    where, dtype = torch.device(device), torch.float32
    problems, runs = [job.problem for job in jobs], [job.run for job in jobs]
    batches = batches_of(problems, runs, [job.seed for job in jobs], corpus, where, dtype)
    steps, flops = problems[0].steps, problems[0].flops_per_step
    stack = Stack(
        problems,
        [run.training for run in runs],
        batches,
        precision_for(where, steps, len(jobs) * steps * flops),
        cuda_graph if device == "cuda" else None,
    )
    sessions = [
        MemberSession(job, Member(stack, i), corpus, len(jobs)) for i, job in enumerate(jobs)
    ]
    keeper = StackKeeper(sessions)
    for session in sessions:
        if not session.live:
            ended(session)
    with keeper.listening():
        while any(session.live for session in sessions):
            # One that has ended has rate 0: it keeps its parameters, and nobody looks at it.
            rates = [session.trainer.rate if session.live else 0.0 for session in sessions]
            stack.step([session.trainer.next_step for session in sessions], rates)
            for session, rate in zip(sessions, rates, strict=True):
                if session.live and session.stepped(rate):
                    ended(session)
            if any(session.live for session in sessions):
                keeper()
