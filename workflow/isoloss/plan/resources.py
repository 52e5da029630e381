"""The resources of a job, for Snakemake and for a cluster's queue."""

import math
from dataclasses import dataclass

from isoloss.config.runs import Run
from isoloss.plan.cost import Cost
from isoloss.plan.gpu import GpuSpeed, gpu_percent, together
from isoloss.tasks import cost_of, task_of
from isoloss.tasks.memory import CHECKPOINT_BYTES

GPUS = ("cuda", "auto")  # devices of the config that may be a GPU
LEAST_MB, MEMORY_FACTOR = 2000, 1.5  # the least memory of a job; its factor over the planned memory
GPU_PROCESS_MB = 4000  # memory of the process that uses a GPU: PyTorch's CUDA libraries
# Generous, so that slow machines do not fail, nor those where PyTorch trains all models.
START_MIN, TIME_FACTOR = 5, 60


@dataclass(frozen=True)
class Resources:
    """The resources of a rule."""

    mem_mb: int
    runtime_min: int  # the longest that the job may take
    gpu_percent: int  # of a GPU; 0 on the CPU


def resources_of(run: Run, cost: Cost, device: str, vocab_size: int | None = None) -> Resources:
    """The resources of a job with a planned cost.

    Parameters
    ----------
    run : Run
    cost : Cost
        Planned cost of the job, without the trunk that it continues.
    device : str
        The device, as in the config.
    vocab_size : int
        Vocabulary size of the run's corpus, if it reads one.
    """
    on_gpu = device in GPUS
    needed_mb = MEMORY_FACTOR * task_of(run).memory_bytes(run, vocab_size) / 1e6
    return Resources(
        mem_mb=GPU_PROCESS_MB if device == "cuda" else max(LEAST_MB, math.ceil(needed_mb)),
        runtime_min=START_MIN + round(TIME_FACTOR * seconds_of(cost, device) / 60),
        gpu_percent=gpu_percent(run, cost, vocab_size) if on_gpu else 0,
    )


def resources_of_stack(
    run: Run, cost: Cost, n_runs: int, vocab_size: int | None = None
) -> Resources:
    """The resources of a stack of jobs on a GPU; `run` and `cost` are those of each of them."""
    whole = together(cost, n_runs)
    states_mb = n_runs * CHECKPOINT_BYTES * cost_of(run, vocab_size).n_params / 1e6
    return Resources(
        mem_mb=GPU_PROCESS_MB + math.ceil(states_mb),
        runtime_min=START_MIN + round(TIME_FACTOR * seconds_of(whole, "cuda") / 60),
        gpu_percent=gpu_percent(run, whole, vocab_size, n_runs=n_runs),
    )


def seconds_of(cost: Cost, device: str) -> float:
    """The planned time of a job on a device of the config, in seconds."""
    return GpuSpeed().seconds(cost) if device == "cuda" else cost.core_s
