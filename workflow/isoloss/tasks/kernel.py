"""Which kernel trains a run: the native one, or PyTorch."""

from isoloss.config import runs
from isoloss.config.runs import Run
from isoloss.native import build
from isoloss.tasks import task_of
from isoloss.tasks.base import Trained

NATIVE, TORCH = "native", "torch"
THEN = (
    ", then "  # in a run's `kernel`: between that of its trunk and that of the run, if they differ
)


def kernel_for(run: Run, *, asked: str, device: str) -> str:
    """The kernel that trains a run, `NATIVE` or `TORCH`.

    It follows from the run's settings and from whether the native library can be had, and from
    nothing else of the machine.

    Parameters
    ----------
    run : Run
        Of a task that trains.
    asked : str
        `kernel` of the config: auto, native or torch.
    device : str
        cpu, cuda or mps.
    """
    if asked == TORCH or device != "cpu" or not is_native(run) or build.library() is None:
        return TORCH
    return NATIVE


def is_native(run: Run) -> bool:
    """Whether the native kernel can train a run: a transformer without dropout, or an MLP."""
    task, model = task_of(run), run.model
    if not (isinstance(task, Trained) and task.module):
        return False
    if isinstance(model, runs.Transformer):
        return model.dropout == 0 and model.n_applied == model.n_layer
    return isinstance(model, runs.Mlp)
