"""The batches of a stack's members, each at a step of its own, on the device."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isoloss.config.runs import Run
from isoloss.models.next_token import on_device
from isoloss.tasks.language.data import batches, windows
from isoloss.tasks.language.settings import LanguageRun
from isoloss.tasks.problem import ArrayProblem


class Batches(ABC):
    """Inputs and targets that stay where they are in memory: a CUDA graph reads them there.

    Attributes
    ----------
    inputs, targets : Tensor, shapes (R, batch, ...)
        Token ids, int64; or numbers.
    """

    inputs: Tensor
    targets: Tensor

    @abstractmethod
    def fill(self, steps: Sequence[int]) -> None:
        """Put the batch of a step of each member there."""


class FromArrays(Batches):
    """Batches that the CPU makes, of any task; numbers take the `dtype` of the weights."""

    def __init__(self, problems: Sequence[ArrayProblem], device: torch.device, dtype: torch.dtype):
        self._problems = problems
        first = [np.asarray(part) for part in problems[0].batch(1)]
        self.inputs, self.targets = (
            torch.zeros(
                (len(problems), *part.shape),
                dtype=torch.int64 if part.dtype.kind == "i" else dtype,
                device=device,
            )
            for part in first
        )

    def fill(self, steps: Sequence[int]) -> None:
        """Put the batch of a step of each member there."""
        made = [problem.batch(step) for problem, step in zip(self._problems, steps, strict=True)]
        for held, parts in zip((self.inputs, self.targets), zip(*made, strict=True), strict=True):
            held.copy_(on_device(np.stack(parts), held.device))


class FromCorpus(Batches):
    """Batches of a text that the device holds: the CPU says only which windows they are.

    Parameters
    ----------
    tokens : ndarray
        The training part of the corpus.
    runs, seeds : sequences
        The settings and the seed of each member; all read that corpus with the same context.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        runs: Sequence[LanguageRun],
        seeds: Sequence[int],
        device: torch.device,
    ):
        context, batch_size = runs[0].task.context, runs[0].training.batch_size
        # PyTorch computes with no unsigned numbers of 16 bits.
        kind = np.uint8 if tokens.dtype == np.uint8 else np.int32
        self._tokens = torch.from_numpy(np.array(tokens, dtype=kind)).to(device)
        self._places = torch.arange(context + 1, device=device)
        self._context = context
        self._rows = [
            # Windows of two numbers, both that of the window, are drawn in the windows' order.
            batches(_numbered(len(windows(tokens, _n_unique(run, tokens), context))), batch_size, s)
            for run, s in zip(runs, seeds, strict=True)
        ]
        shape = (len(runs), batch_size, context)
        self.inputs, self.targets = (
            torch.zeros(shape, dtype=torch.int64, device=device) for _ in range(2)
        )

    def fill(self, steps: Sequence[int]) -> None:
        """Put the batch of a step of each member there."""
        rows = [rows(step)[0][:, 0] for rows, step in zip(self._rows, steps, strict=True)]
        first = on_device(np.stack(rows), self._places.device).long() * self._context
        drawn = self._tokens[first[:, :, None] + self._places]
        self.inputs.copy_(drawn[:, :, :-1])
        self.targets.copy_(drawn[:, :, 1:])


def batches_of(
    problems: Sequence[ArrayProblem],
    runs: Sequence[Run],
    seeds: Sequence[int],
    corpus: Any,
    device: torch.device,
    dtype: torch.dtype,
) -> Batches:
    """The batches of a stack's members."""
    if all(isinstance(run, LanguageRun) for run in runs):
        return FromCorpus(corpus.train, runs, seeds, device)
    return FromArrays(problems, device, dtype)


def _numbered(n: int) -> np.ndarray:
    return np.repeat(np.arange(n, dtype=np.int32)[:, None], 2, axis=1)


def _n_unique(run: LanguageRun, tokens: np.ndarray) -> int:
    """The targets that a run reads, as `isoloss.tasks.language.data` counts them."""
    n_unique = run.data.n_unique_tokens or run.data.n_tokens
    return len(tokens) - 1 if n_unique == "all" else n_unique
