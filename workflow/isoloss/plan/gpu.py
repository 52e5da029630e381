"""The time of a job on a GPU, and the share of the GPU that it keeps busy."""

from dataclasses import dataclass, replace

from isoloss.config.runs import Run
from isoloss.constants import LAUNCH_S
from isoloss.plan.cost import Cost
from isoloss.tasks import cost_of, task_of
from isoloss.tasks.memory import PROCESS_BYTES

# A longer step gains little from another run beside it: the GPU is busy. A guess, not measured.
FULL_STEP_S = 10e-3
STACK_MEMORY = 0.7  # of the GPU's memory, at most, is planned for a stack
# Per parameter, in float32, beside a run alone: clipped and squared gradients, divisors, a copy. At
# first, three states of weights and moments too, before a graph of a step is trusted.
STACKED_BYTES = 16 + 36


@dataclass(frozen=True)
class GpuSpeed:
    """A GPU that computes at a fixed share of its peak, except while it waits for the CPU."""

    peak_flops: float = 989e12  # of an H100 SXM, bfloat16, dense, by its data sheet; A100: 312e12
    utilisation: float = 0.25  # of that peak; a guess
    memory_bytes: float = 80e9

    def compute_s(self, flops: float) -> float:
        """The time that the GPU computes, in seconds."""
        return flops / (self.peak_flops * self.utilisation)

    def seconds(self, cost: Cost) -> float:
        """The time of a job's steps and evaluations, in seconds."""
        return cost.steps * LAUNCH_S + self.compute_s(cost.flops + cost.evaluation_flops)

    def share(self, run: Run, cost: Cost, vocab_size: int | None = None) -> float:
        """The share of the GPU that a job needs: of its time or of its memory, the larger.

        A small model's step waits for the CPU most of the time, and other jobs compute meanwhile.
        """
        seconds = self.seconds(cost)
        busy = self.compute_s(cost.flops + cost.evaluation_flops) / seconds if seconds else 0.0
        memory = task_of(run).memory_bytes(run, vocab_size, mixed=True) / self.memory_bytes
        return min(1.0, max(busy, memory))

    def filled_by(self, run: Run, cost: Cost, vocab_size: int | None = None) -> int:
        """How many such jobs side by side fill the GPU: its time or its memory; at least 1."""
        in_time = FULL_STEP_S / self.compute_s(cost.flops_per_step)
        memory = stacked_bytes(run, vocab_size)
        return max(1, int(min(in_time, STACK_MEMORY * self.memory_bytes / memory)))


def stacked_bytes(run: Run, vocab_size: int | None = None) -> float:
    """Memory of one run in a stack, in bytes, without that of the process."""
    alone = task_of(run).memory_bytes(run, vocab_size, mixed=True)
    return alone - PROCESS_BYTES + STACKED_BYTES * cost_of(run, vocab_size).n_params


def together(cost: Cost, n_runs: int) -> Cost:
    """The cost of the jobs of a stack in one: as many steps as one of them has."""
    return replace(
        cost,
        flops_per_step=n_runs * cost.flops_per_step,
        tokens_per_step=n_runs * cost.tokens_per_step,
        flops_per_evaluation=n_runs * cost.flops_per_evaluation,
        samples=n_runs * cost.samples,
    )


def gpu_percent(run: Run, cost: Cost, vocab_size: int | None = None, *, n_runs: int = 1) -> int:
    """The share of a GPU to set aside for a job, for Snakemake's resource of that name.

    Of a stack of `n_runs`, `cost` is that of all of them.
    """
    speed = GpuSpeed()
    share = speed.share(run, cost, vocab_size)
    if n_runs > 1:
        share = max(share, n_runs * stacked_bytes(run, vocab_size) / speed.memory_bytes)
    return max(1, min(100, round(100 * share)))
