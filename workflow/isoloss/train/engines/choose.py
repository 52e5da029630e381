"""The engine of a run: on its device, by the kernel that is asked for and can train it."""

from typing import Any

from isoloss.config.runs import Run
from isoloss.tasks import task_of
from isoloss.tasks.kernel import NATIVE, kernel_for
from isoloss.train.engines.base import Engine


def engine_for(run: Run, seed: int, corpus: Any, *, device: str, kernel: str) -> Engine:
    """The engine of a run. PyTorch is imported only for what the native kernel does not train.

    Parameters
    ----------
    run : Run
        Of a task that trains.
    seed : int
    corpus : Corpus or None
        The text that the run reads, if its task reads one.
    device, kernel : str
        As in the config.

    Raises
    ------
    UserError
        The corpus is too small.
    """
    task = task_of(run)
    if device == "auto":
        from isoloss.train.engines.pytorch import pick_device

        device = pick_device(device).type
    if kernel_for(run, asked=kernel, device=device) == NATIVE:
        from isoloss.train.engines.native import Native

        return Native(task.arrays(run, seed, corpus), run.training)
    import torch

    from isoloss.train.engines.pytorch import PyTorch

    return PyTorch(task.build(run, seed, corpus, torch.device(device)), run.training)
