"""Evaluations of all members of a stack in one pass.

The evaluation of a task asks a model for sums of losses, or for predictions. What it asks is the
same for each member, because all have the same held-out data. So the questions are noted once, each
is answered for all members, and each member's evaluation is given its own answers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isoloss.models.stacked import Stacked, Weights, cross_entropy
from isoloss.tasks.problem import ArrayProblem

# Tokens, and logits, of all members in one forward pass.
PASS_TOKENS = {"cpu": 2048, "cuda": 2**18}
PASS_LOGITS = 2**26


class Questions:
    """A model that only notes what an evaluation asks of it.

    Attributes
    ----------
    asked : list of (str, arrays)
        The methods that were called, and their arguments.
    """

    def __init__(self):
        self.asked: list[tuple[str, tuple[np.ndarray, ...]]] = []

    def loss_sum(self, ids: np.ndarray, targets: np.ndarray) -> float:
        """Note the question."""
        self.asked.append(("loss_sum", (ids, targets)))
        return 0.0

    def loss_and_matches(self, ids: np.ndarray, targets: np.ndarray) -> tuple[float, int]:
        """Note the question."""
        self.asked.append(("loss_and_matches", (ids, targets)))
        return 0.0, 0

    def loss_by_position(self, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Note the question."""
        self.asked.append(("loss_by_position", (ids, targets)))
        return np.zeros(targets.shape[1])

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Note the question."""
        self.asked.append(("predict", (x,)))
        return np.zeros((len(x), 1), np.float32)


class Answers:
    """A model that gives answers which are known, in the order of the questions."""

    def __init__(self, answers: Sequence[Any]):
        self._answers = iter(answers)

    def _next(self, *_: np.ndarray) -> Any:
        return next(self._answers)

    loss_sum = loss_and_matches = loss_by_position = predict = _next


class Judge:
    """The evaluations of a stack's members.

    Parameters
    ----------
    problems : sequence of ArrayProblem
        One per member.
    model : Stacked
        The models of all members.
    device : torch.device

    Raises
    ------
    ValueError
        Two members have different held-out data.
    """

    def __init__(self, problems: Sequence[ArrayProblem], model: Stacked, device: torch.device):
        self._problems, self._model, self._device = problems, model, device
        self._asked = _asked(problems[0])
        for problem in problems[1:]:
            if not _same(_asked(problem), self._asked):
                raise ValueError("members of a stack have different held-out data")

    @torch.no_grad()
    def answers(self, weights: Weights) -> list[list[Any]]:
        """For each member, the answers to all questions of its evaluation."""
        columns = [getattr(self, f"_{what}")(weights, *given) for what, given in self._asked]
        return [list(answers) for answers in zip(*columns, strict=True)]

    def evaluate(self, member: int, answers: Sequence[Any]) -> dict[str, float]:
        """The held-out "loss" of a member and further columns."""
        return self._problems[member].evaluate(Answers(answers))

    def _loss_sum(self, weights: Weights, ids: np.ndarray, targets: np.ndarray) -> list[float]:
        total = 0.0
        for part, wanted in self._parts(ids, targets):
            total += self._model.at_targets(weights, part, wanted).double().sum((1, 2))
        return total.tolist()

    def _loss_and_matches(self, weights: Weights, ids: np.ndarray, targets: np.ndarray):
        total, matches = 0.0, 0
        for part, wanted in self._parts(ids, targets):
            logits = self._model.logits(weights, part, wanted.shape[-1])
            total += cross_entropy(logits, wanted).double().sum((1, 2))
            matches += (logits.argmax(-1) == wanted).all(-1).sum(1)
        return list(zip(total.tolist(), matches.tolist(), strict=True))

    def _loss_by_position(self, weights: Weights, ids: np.ndarray, targets: np.ndarray):
        total = 0.0
        for part, wanted in self._parts(ids, targets):
            logits = self._model.logits(weights, part, wanted.shape[-1])
            total += cross_entropy(logits, wanted).double().sum(1)
        return list(total.cpu().numpy())

    def _predict(self, weights: Weights, x: np.ndarray) -> list[np.ndarray]:
        n_models = self._n_models
        given = torch.from_numpy(x).to(self._device, weights["layers.0.weight"].dtype)
        return list(self._model.outputs(weights, given.expand(n_models, -1, -1)).cpu().numpy())

    @property
    def _n_models(self) -> int:
        return len(self._problems)

    def _parts(self, ids: np.ndarray, targets: np.ndarray):
        """Parts of the sequences, the same for each member."""
        shape = self._problems[0].shape
        of_one = self._n_models * ids.shape[1]
        most = min(PASS_TOKENS[self._device.type], PASS_LOGITS // shape.vocab_size)
        size = max(1, most // of_one)
        for first in range(0, len(ids), size):
            part = slice(first, first + size)
            yield tuple(self._for_all(values[part]) for values in (ids, targets))

    def _for_all(self, values: np.ndarray) -> Tensor:
        held = torch.from_numpy(values).to(self._device).long()
        return held.expand(self._n_models, -1, -1)


def _asked(problem: ArrayProblem) -> list[tuple[str, tuple[np.ndarray, ...]]]:
    questions = Questions()
    problem.evaluate(questions)
    return questions.asked


def _same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        what == what_too
        and all(np.array_equal(a, b) for a, b in zip(given, given_too, strict=True))
        for (what, given), (what_too, given_too) in zip(one, other, strict=True)
    )
