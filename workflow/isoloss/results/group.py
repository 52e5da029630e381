"""Groups: the part of an analysis that a row belongs to, such as "approach=2, valley=3".

A group has values of keys, labels without a value, or both, in the order in which they are written.
A pair of values is a difference: "count=kaplan - count=embeddings".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from isoloss.results.quantity import Documented, Explained

Value = str | float
NOT_NUMBERS = frozenset(["count", "law", "schedule", "sweep", "corpus"])


class GroupKey(Documented):
    """A key of a group."""


class G(GroupKey):
    """The keys of the shipped analyses."""

    APPROACH = "approach", "", "Hoffmann et al.'s approach: 1 envelope, 2 valleys, 3 law."
    VALLEY = "valley", "", "A budget of approach 2, from 1 on."
    COUNT = "count", "", "How N and C are counted: kaplan, logits, embeddings or exact."
    CORPUS = "corpus", "", "The text that runs are trained on."
    RUNG = "rung", "", "A rung of Porian et al.'s ladder, from 1 on."
    THIRD = "third", "", "A third of the compute of the frontier, from 1 on."
    SIZE = "n_params_non_embedding", "parameters", "A model size, without embeddings."
    LOSS = "loss", "nats per token", "A loss that runs reach."
    COMPUTE = "compute", "PF-days", "A fixed compute."
    STEPS = "steps", "steps", "A fixed number of steps."
    POSITION = "position", "tokens", "Tokens of the context that a prediction can see."
    CONTEXT = "context", "tokens", "Tokens that a prediction can see at most."
    WIDTH = "width", "", "d_model, or the hidden units of an MLP."
    N_LAYER = "n_layer", "", "Blocks of a transformer."
    N_TOKENS = "n_tokens", "tokens", "Tokens of training."
    N_UNIQUE_TOKENS = "n_unique_tokens", "tokens", "Different tokens of training."
    BATCH_SIZE = "batch_size", "samples", "Samples or sequences a step."
    SCHEDULE = "schedule", "", "Schedule of the learning rate."
    PEAK_LR = "peak_lr", "", "Largest learning rate."
    LAW = "law", "", "A law, as `isoloss fit --law` names it."
    SWEEP = "sweep", "", "A sweep of the study."
    LR_SUM = "lr_sum", "", "Sum of the learning rates of all steps."
    WEIGHT_DECAY = "weight_decay", "", "Decoupled weight decay."


class Label(Explained):
    """A part of a group without a value."""

    WINNER = "winner", "The size with the least loss at each compute."
    PREDICTED = "predicted", "From one law of all parameters."
    EMBEDDINGS = "embeddings", "What each size has outside of its blocks."
    FRONTIER = "frontier", "The best size along the frontier."
    WHOLE = "whole", "All of the compute, not a third."
    NOISE = "noise", "The scatter of the losses, by which intervals are drawn."
    LAW = "law", "The fitted law, as a line."
    L_OF_C = "L(C)", "The least loss at a compute."
    L_OF_D_OF_C = "L(D(C))", "The loss that the data of the best size allow."


@dataclass(frozen=True)
class Group(Mapping):
    """A group: key -> value (or a pair of values for a difference), and labels."""

    parts: tuple[tuple[str, Value | tuple[Value, Value]] | str, ...]

    @classmethod
    def of(cls, *labels: Label | str, **values: Value | tuple[Value, Value]) -> Self:
        """A group by its keys, in this order, and then its labels.

        Raises
        ------
        ValueError
            A key is none of `GroupKey`.
        """
        return cls((*((GroupKey.read(key), value) for key, value in values.items()), *labels))

    @classmethod
    def read(cls, text: str) -> Self:
        """The group that a table holds.

        Raises
        ------
        ValueError
            A key is none of `GroupKey`.
        """
        return cls(tuple(_part(part) for part in text.split(", ")))

    def __str__(self) -> str:
        return ", ".join(_written(part) for part in self.parts)

    def __getitem__(self, key: str) -> Value | tuple[Value, Value]:
        return dict(part for part in self.parts if not isinstance(part, str))[key]

    def __iter__(self) -> Iterator[str]:
        return (part[0] for part in self.parts if not isinstance(part, str))

    def __len__(self) -> int:
        return sum(not isinstance(part, str) for part in self.parts)

    @property
    def labels(self) -> tuple[str, ...]:
        """The parts without a value."""
        return tuple(part for part in self.parts if isinstance(part, str))

    @property
    def first(self) -> float:
        """The value of the first key, where it is a number; else NaN."""
        values = [part[1] for part in self.parts if not isinstance(part, str)]
        return float(values[0]) if values and isinstance(values[0], int | float) else float("nan")


def _written(part) -> str:
    if isinstance(part, str):
        return str(part)
    key, value = part
    values = value if isinstance(value, tuple) else (value,)
    return " - ".join(
        f"{key}={one:g}" if isinstance(one, float) else f"{key}={one}" for one in values
    )


def _part(text: str):
    if "=" not in text:
        return text
    halves = [half.partition("=") for half in text.split(" - ")]
    key = GroupKey.read(halves[0][0])
    values = [value if key in NOT_NUMBERS else _number(value) for _, _, value in halves]
    return key, values[0] if len(values) == 1 else tuple(values)


def _number(text: str) -> Value:
    try:
        return float(text) if not text.lstrip("-").isdigit() else int(text)
    except ValueError:
        return text
