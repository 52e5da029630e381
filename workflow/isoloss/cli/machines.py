"""Training speed: of a core of this machine, measured; or of a GPU, assumed."""

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isoloss.cli.costs import Job
from isoloss.constants import LAUNCH_S
from isoloss.plan.cost import JOB_S
from isoloss.plan.gpu import GpuSpeed
from isoloss.stats.interpolation import log_log
from isoloss.tasks import cost_of, task_of
from isoloss.tasks.base import PROBE_TOKENS

PROBES = 4  # number of sizes of each kind of job that are timed
PROBE_S, WARM_UP = 0.2, 3  # approximate time of each; steps before it
LARGEST_PROBE = 2e10  # FLOPs per step; larger steps have the same FLOPs per second


@dataclass(frozen=True)
class Gpu:
    """A GPU that small jobs share."""

    speed: GpuSpeed
    unit: str = "GPU-hours"
    mixed: bool = True

    def seconds(self, job: Job) -> float:
        """Duration of a job in seconds."""
        return JOB_S + self.speed.seconds(job.cost)

    def occupied_s(self, job: Job) -> float:
        """Duration of a job times the share of the GPU that the job keeps busy."""
        return self.seconds(job) * self.speed.share(job.run, job.cost, job.vocab_size)

    def __str__(self) -> str:
        return (
            f"assumed, not measured: a GPU of {self.speed.peak_flops:.3g} FLOP/s at "
            f"{100 * self.speed.utilisation:g} %, {1000 * LAUNCH_S:g} ms a step for its kernels, "
            "shared by small runs"
        )


@dataclass(frozen=True)
class Core:
    """One core.

    Attributes
    ----------
    steps : mapping
        Kind of job -> (FLOPs of a step, its seconds), by size. Missing kinds are guessed.
    evaluations : mapping
        Kind -> (FLOPs of a step, seconds per FLOP of evaluation).
    """

    steps: Mapping[str, list[tuple[float, float]]]
    evaluations: Mapping[str, list[tuple[float, float]]]
    unit: str = "core-hours"
    mixed: bool = False

    def occupied_s(self, job: Job) -> float:
        """The core time of a job, which has its core alone."""
        return self.seconds(job)

    def seconds(self, job: Job) -> float:
        """The core time of a job."""
        if job.kind not in self.steps:
            return job.cost.core_s
        flops = job.cost.flops_per_step
        largest = self.steps[job.kind][-1][0]
        step_s = _between(self.steps[job.kind], flops) * max(1.0, flops / largest)
        evaluation_s = job.cost.evaluation_flops * _between(self.evaluations[job.kind], flops)
        return JOB_S + job.cost.steps * step_s + evaluation_s

    def __str__(self) -> str:
        return f"measured now: one core of this machine, on up to {PROBES} sizes of each kind"


def _between(measured: list[tuple[float, float]], x: float) -> float:
    """Interpolate in logarithms; outside, take the nearest value."""
    return float(log_log(x, *np.array(measured).T))


def measure(jobs: Iterable[Job], kernel: str = "auto") -> Core:
    """Time a few training steps of some jobs' models, on random text in place of a corpus.

    `kernel` is what trains, as in the config.
    """
    by_kind: dict[str, dict[int, Job]] = {}
    for job in jobs:
        trained = task_of(job.run).training(job.run) is not None
        if trained and job.cost.flops_per_step <= LARGEST_PROBE:
            by_kind.setdefault(job.kind, {}).setdefault(job.cost.flops_per_step, job)
    steps, evaluations = {}, {}
    for kind, sizes in by_kind.items():
        ordered = sorted(sizes)
        chosen = {ordered[round(i)] for i in np.linspace(0, len(ordered) - 1, PROBES)}
        probes = [(float(flops), *_probe(sizes[flops], kernel)) for flops in sorted(chosen)]
        steps[kind] = [(flops, step_s) for flops, step_s, _ in probes]
        evaluations[kind] = [(flops, flop_s) for flops, _, flop_s in probes if flop_s]
    return Core(steps=steps, evaluations=evaluations)


class _Measured(Exception):
    """Raised when enough steps were timed."""


def _probe(job: Job, kernel: str) -> tuple[float, float]:
    """Seconds per step, and seconds per FLOP of evaluation."""
    from isoloss.train.engines.choose import engine_for
    from isoloss.train.loop import Trainer

    run = task_of(job.run).probe(job.run)
    engine = engine_for(run, 0, _random_corpus(job), device="cpu", kernel=kernel)
    began = [0, 0.0]

    def watch(trainer: Trainer) -> None:
        if trainer.step == WARM_UP:
            began[:] = trainer.step, time.process_time()
        elif trainer.step > WARM_UP and time.process_time() > began[1] + PROBE_S:
            raise _Measured

    trainer = Trainer(engine, run.training)
    with contextlib.suppress(_Measured):
        trainer.run(evaluate_at=(), after_step=watch)
    step_s = (time.process_time() - began[1]) / max(1, trainer.step - began[0])
    start_s = time.process_time()
    engine.evaluate()
    evaluated = cost_of(run, job.vocab_size).flops_per_evaluation
    return step_s, (time.process_time() - start_s) / evaluated


def _random_corpus(job: Job):
    """Random text as the corpus of a run that reads one."""
    if task_of(job.run).corpus_of(job.run) is None:
        return None
    from isoloss.corpus.load import Corpus

    dtype = np.uint8 if job.vocab_size <= 256 else np.uint16
    n = 2 * max(PROBE_TOKENS, cost_of(job.run, job.vocab_size).tokens_per_step)
    tokens = np.random.default_rng(0).integers(job.vocab_size, size=n).astype(dtype)
    return Corpus(train=tokens, heldout=tokens, card={"vocab_size": job.vocab_size}, folder=Path())
