"""What a task hands to the training loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A model, its data and its losses, ready to train."""

    model: nn.Module
    width: int  # for the learning rate's dependence on width
    steps: int
    batch: Callable[[int], tuple[Tensor, ...]]  # step 1 ... steps -> its batch, and only by that
    loss: Callable[..., Tensor]  # loss(model, *batch): the training loss, a scalar
    evaluate: Callable[[nn.Module], dict[str, float]]  # held-out "loss", and what else there is
    samples_per_step: int
    tokens_per_step: int | None  # target tokens; None where the task has none
    flops_per_step: float  # exact count, forward and backward
    counts: dict[str, Any]  # columns of the final row: n_params, n_params_non_embedding, ...
    before_step: Callable[[int], None] | None = None  # sets a step's random state, if it uses any
