"""The interface between the training loop and what computes its steps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from isoloss.tasks.problem import Facts


class Sums(NamedTuple):
    """Sums over steps of the training loss and of the two parts of the noise scale.

    With g the mean gradient of half a batch, E g1.g2 = |G|^2 and E |g1 - g2|^2 = 4 tr(S) / B
    (McCandlish et al. 2018, arXiv:1812.06162, App. A.1, for B/2 and B). So `square` sums g1.g2, and
    `noise` sums |g1 - g2|^2 B / 4.
    """

    loss: float
    square: float
    noise: float


class Engine(ABC):
    """A model and its optimiser between two steps.

    Attributes
    ----------
    kernel : str
        What computes the steps, with its version: runs of one kernel can be compared bit by bit.
    device : str
        "cpu", "cuda" or "mps".
    facts : Facts
        The steps, the model's width and the counts of the problem.
    """

    kernel: str
    device: str = "cpu"
    facts: Facts

    @abstractmethod
    def step(self, step: int, lr: float) -> None:
        """Update the model from the batch of a step, and add to the sums."""

    @abstractmethod
    def sums(self) -> Sums:
        """The sums since `clear_sums`."""

    @abstractmethod
    def clear_sums(self) -> None:
        """Begin the sums at zero."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """The held-out "loss" and further columns, without dropout."""

    @abstractmethod
    def tensors(self) -> dict[str, np.ndarray]:
        """All that a checkpoint must keep: parameters, moments and sums. They may be views."""

    @abstractmethod
    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Continue from arrays that `tensors` returned."""

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Versions and machine of the kernel, for about.json."""
