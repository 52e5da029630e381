"""What a job asks of the machine that runs it, for Snakemake and a cluster's queue."""

import math
from dataclasses import dataclass

from isoloss.config.runs import Run
from isoloss.plan.cost import Cost
from isoloss.plan.gpu import GpuSpeed, gpu_percent
from isoloss.tasks import task_of

GPUS = ("cuda", "auto")  # devices of the config that may be a GPU
LEAST_MB, MEMORY_FACTOR = 2000, 1.5  # what a job is allowed beyond its planned memory
GPU_PROCESS_MB = 4000  # of the process that feeds a GPU: PyTorch's CUDA libraries
START_MIN, TIME_FACTOR = 5, 10  # a slow machine is no failure


@dataclass(frozen=True)
class Resources:
    """The resources of a rule."""

    mem_mb: int
    runtime_min: int  # the longest that the job may take
    gpu_percent: int  # of a GPU; 0 on the CPU


def resources_of(run: Run, cost: Cost, device: str, vocab_size: int | None = None) -> Resources:
    """What a job with a planned cost needs.

    Parameters
    ----------
    run : Run
    cost : Cost
        Of the job: without the trunk that it goes on from.
    device : str
        As the config names it.
    vocab_size : int
        Of the corpus that the run reads, if it reads one.
    """
    on_gpu = device in GPUS
    needed_mb = MEMORY_FACTOR * task_of(run).memory_bytes(run, vocab_size) / 1e6
    return Resources(
        mem_mb=GPU_PROCESS_MB if device == "cuda" else max(LEAST_MB, math.ceil(needed_mb)),
        runtime_min=START_MIN + round(TIME_FACTOR * seconds_of(cost, device) / 60),
        gpu_percent=gpu_percent(run, cost, vocab_size) if on_gpu else 0,
    )


def seconds_of(cost: Cost, device: str) -> float:
    """The time that a job is planned to take on a device of the config."""
    return GpuSpeed().seconds(cost) if device == "cuda" else cost.core_s
