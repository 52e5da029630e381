"""The engines that tests train with, and a trainer on one of them."""

import pytest

from isoloss.native import build
from isoloss.tasks import task_of
from isoloss.train.loop import Trainer

NO_LIBRARY = pytest.mark.skipif(
    build.library() is None, reason=f"there is no native library: {build.why_not()}"
)
KERNELS = ["torch", pytest.param("native", marks=NO_LIBRARY)]


def trainer_of(run, seed=0, corpus=None, kernel="torch"):
    """A trainer at the first step of a run."""
    return Trainer(engine_of(run, seed, corpus, kernel), run.training)


def engine_of(run, seed=0, corpus=None, kernel="torch"):
    """The engine of a run."""
    if kernel == "native":
        from isoloss.train.engines.native import Native

        return Native(task_of(run).arrays(run, seed, corpus), run.training)
    import torch

    from isoloss.train.engines.pytorch import PyTorch

    return PyTorch(task_of(run).build(run, seed, corpus, torch.device("cpu")), run.training)
