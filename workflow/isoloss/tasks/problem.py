"""The interface between a task and the training loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A model, its data and its losses, ready to train."""

    model: nn.Module
    width: int  # the model's width, on which the learning rate may depend
    steps: int
    batch: Callable[[int], tuple[Tensor, ...]]  # step 1 ... steps -> batch of that step alone
    loss: Callable[..., Tensor]  # loss(model, *batch): the training loss, a scalar
    evaluate: Callable[[nn.Module], dict[str, float]]  # held-out "loss" and further columns
    samples_per_step: int
    tokens_per_step: int | None  # target tokens; None where the task has none
    flops_per_step: float  # exact count, forward and backward
    counts: dict[str, Any]  # columns of the final row: n_params, n_params_non_embedding, ...
    before_step: Callable[[int], None] | None = None  # sets a step's random state, if it uses any
