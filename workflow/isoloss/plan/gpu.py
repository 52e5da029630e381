"""The time of a job on a GPU, and the share of the GPU that it keeps busy."""

from dataclasses import dataclass

from isoloss.config.runs import Run
from isoloss.constants import LAUNCH_S
from isoloss.plan.cost import Cost
from isoloss.tasks import task_of


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


def gpu_percent(run: Run, cost: Cost, vocab_size: int | None = None) -> int:
    """The share of a GPU to set aside for a job, for Snakemake's resource of that name."""
    return max(1, round(100 * GpuSpeed().share(run, cost, vocab_size)))
