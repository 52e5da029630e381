"""What a GPU makes of a run: how long it takes, and how much of the GPU it keeps busy."""

from isoloss.config.runs import Run
from isoloss.plan.cost import Cost
from isoloss.plan.memory import memory_bytes

PEAK_FLOPS = 312e12  # of an A100, bfloat16, dense; NVIDIA's data sheet (an H100 SXM: 989e12)
UTILISATION = 0.35  # of that peak, by large matrix products in training
MEMORY_BYTES = 80e9
# A step is some hundred kernels, each launched by the CPU: a guess, not measured.
LAUNCH_S = 2e-3


def gpu_s(cost: Cost, peak_flops: float = PEAK_FLOPS, utilisation: float = UTILISATION) -> float:
    """The time of a run's steps, if it has the GPU to itself; an estimate."""
    return cost.steps * LAUNCH_S + cost.flops / (peak_flops * utilisation)


def gpu_percent(run: Run, cost: Cost, vocab_size: int | None = None) -> int:
    """The share of the GPU to set aside for a run: of its time, or of its memory if that is more.

    A step of a small model waits for the CPU most of the time, and others can compute meanwhile.
    """
    busy = cost.flops / (PEAK_FLOPS * UTILISATION) / gpu_s(cost) if cost.steps else 0.0
    memory = memory_bytes(run, vocab_size, mixed=True) / MEMORY_BYTES
    return min(100, max(1, round(100 * max(busy, memory))))
