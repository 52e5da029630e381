"""The interface between a task and the training loop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from isoloss.models.shapes import LstmShape, MlpShape, TransformerShape

if TYPE_CHECKING:
    from torch import Tensor, nn

FURTHER = "further"  # of an evaluation: rows of losses on parts of the held-out text


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the training loop knows of a problem, whatever trains it."""

    width: int  # the model's width, on which the learning rate may depend
    steps: int
    samples_per_step: int
    tokens_per_step: int | None  # target tokens; None where the task has none
    flops_per_step: float  # exact count, forward and backward
    counts: dict[str, Any]  # columns of the final row: n_params, n_params_non_embedding, ...


@dataclass(frozen=True, kw_only=True)
class Problem(Facts):
    """A PyTorch model, its data and its losses, ready to train."""

    model: "nn.Module"
    batch: "Callable[[int], tuple[Tensor, ...]]"  # step 1 ... steps -> batch of that step alone
    loss: "Callable[..., Tensor]"  # loss(model, *batch): the training loss, a scalar
    evaluate: "Callable[[nn.Module], dict[str, float]]"  # held-out "loss" and further columns
    before_step: Callable[[int], None] | None = None  # sets a step's random state, if it uses any


class Judged(Protocol):
    """A model as evaluations see it: an MLP has the last method, a language model the others."""

    def loss_sum(self, ids: np.ndarray, targets: np.ndarray) -> float:
        """The sum of the losses of all targets, in nats."""

    def loss_and_matches(self, ids: np.ndarray, targets: np.ndarray) -> tuple[float, int]:
        """The sum of the losses, and the number of sequences without an error."""

    def loss_by_position(self, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The sum over all sequences of the losses at each position, shape (n_targets,)."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Map x of shape (n, n_inputs) to (n, 1), float32."""


@dataclass(frozen=True, kw_only=True)
class ArrayProblem(Facts):
    """A model's shape, initial weights and data in arrays, for PyTorch and the native kernel.

    Attributes
    ----------
    shape : TransformerShape, LstmShape or MlpShape
    weights : mapping
        The initial weights by the names of `shape`, in its order, float32.
    batch : callable
        Step 1 ... steps -> inputs and targets of that step alone: token ids, int32, shapes
        (batch, time) and (batch, n_targets); or numbers, float32, (batch, n_inputs) and (batch, 1).
    evaluate : callable
        The model -> its held-out "loss" and further columns. `FURTHER` may hold a list of rows:
        losses on parts of the text, with the columns of `EVALUATION_COLUMNS` that they have.
    dropout_seed : callable, optional
        Step -> the seed of its dropout, if the model has dropout.
    """

    shape: TransformerShape | LstmShape | MlpShape
    weights: Mapping[str, np.ndarray]
    batch: Callable[[int], tuple[np.ndarray, np.ndarray]]
    evaluate: Callable[[Judged], dict[str, float]]
    dropout_seed: Callable[[int], int] | None = None
