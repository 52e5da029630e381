"""Predict the next token of a corpus."""

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from isoloss.config.runs import Lstm
from isoloss.corpus.load import Corpus
from isoloss.errors import UserError
from isoloss.models.shapes import LstmShape, TransformerShape
from isoloss.tasks.language.settings import LanguageRun
from isoloss.tasks.language.task import TASK
from isoloss.tasks.problem import FURTHER, ArrayProblem, Judged
from isoloss.tasks.streams import Stream, derived_seed

PIECE = 2**16  # tokens that an evaluation gives to the model at a time


def arrays(run: LanguageRun, seed: int, corpus: Corpus) -> ArrayProblem:
    """The problem of one run.

    Initial weights and the order of batches come from two streams of `seed`. The run trains on the
    first `n_unique_tokens` targets of the corpus, whatever the seed. It is evaluated on the first
    `n_heldout_tokens` of the held-out part, in whole windows (so up to a context less).

    Raises
    ------
    UserError
        The corpus is smaller than the run's data settings.
    """
    context, batch_size, data = run.task.context, run.training.batch_size, run.data
    n_unique = data.n_unique_tokens or data.n_tokens
    if n_unique == "all":
        n_unique = len(corpus.train) - 1
    _check_size(run, corpus, n_unique)
    cost = TASK.cost(run, corpus.vocab_size)
    shape = _shape(run, corpus.vocab_size)
    train = windows(corpus.train, n_unique, context)
    return ArrayProblem(
        shape=shape,
        weights=shape.initial(Stream(seed, "init")),
        width=run.model.d_model,
        steps=cost.steps,
        batch=batches(train, batch_size, seed),
        evaluate=heldout(
            windows(corpus.heldout, data.n_heldout_tokens, context),
            by_position=run.task.by_position,
            elsewhere=_elsewhere(run, corpus),
        ),
        samples_per_step=cost.samples_per_step,
        tokens_per_step=cost.tokens_per_step,
        flops_per_step=float(cost.flops_per_step),
        counts={
            "n_params": cost.n_params,
            "n_params_non_embedding": cost.n_params_non_embedding,
            "vocab_size": corpus.vocab_size,
            "n_samples": cost.steps * batch_size,
            "n_tokens": cost.n_tokens,
            "n_unique_tokens": min(cost.n_tokens, train.shape[0] * context),
        },
        dropout_seed=_dropout_seed(seed) if shape.dropout else None,
    )


def _shape(run: LanguageRun, vocab_size: int) -> TransformerShape | LstmShape:
    if isinstance(run.model, Lstm):
        return LstmShape(model=run.model, vocab_size=vocab_size)
    return TransformerShape(model=run.model, vocab_size=vocab_size, context=run.task.context)


def _dropout_seed(seed: int) -> Callable[[int], int]:
    return lambda step: derived_seed(seed, "dropout", step)


def windows(tokens: np.ndarray, n_targets: int, context: int) -> np.ndarray:
    """Non-overlapping windows of the first tokens, each token but the first a target once.

    Returns
    -------
    ndarray, shape (n_targets // context, context + 1)
        A view. Neighbours share a token: the last target of one is the first input of the next.
    """
    stride = tokens.strides[0]
    return np.lib.stride_tricks.as_strided(
        tokens,
        (n_targets // context, context + 1),
        (context * stride, stride),
        writeable=False,
    )


def batches(
    train: np.ndarray, batch_size: int, seed: int
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Step -> inputs and targets, each (batch_size, context): shuffled epochs, end to end."""
    orders: dict[int, np.ndarray] = {}

    def order(epoch: int) -> np.ndarray:
        if epoch not in orders:
            for old in [e for e in orders if e < epoch - 1]:
                del orders[old]
            orders[epoch] = Stream(seed, "batches", epoch).permutation(len(train))
        return orders[epoch]

    def batch(step: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, first = divmod((step - 1) * batch_size, len(train))
        rows = order(epoch)[first : first + batch_size]
        while len(rows) < batch_size:
            epoch += 1
            rows = np.concatenate([rows, order(epoch)[: batch_size - len(rows)]])
        return inputs_and_targets(train[rows])

    return batch


def heldout(
    held: np.ndarray,
    *,
    by_position: bool = False,
    elsewhere: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> Callable[[Judged], dict[str, Any]]:
    """The evaluation on every window: "loss", in nats per token.

    Rows under `FURTHER` have further losses. `by_position` adds the mean loss of each of `bands` of
    positions; `elsewhere` has windows of other texts by name.
    """
    n, context = held.shape[0], held.shape[1] - 1

    def evaluate(model: Judged) -> dict[str, Any]:
        rows = []
        if by_position:
            sums = sum(model.loss_by_position(*piece) for piece in _pieces(held))
            loss, rows = math.fsum(sums) / (n * context), _banded(sums, n)
        else:
            loss = _mean_loss(model, held)
        rows += [
            {"text": name, "first_position": 1, "last_position": context,
             "n_targets": len(other) * context, "loss": _mean_loss(model, other)}
            for name, other in elsewhere.items()
        ]  # fmt: skip
        return {"loss": loss} | ({FURTHER: rows} if rows else {})

    return evaluate


def _pieces(held: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets of windows, as many as the model is given at a time."""
    size = max(1, PIECE // (held.shape[1] - 1))
    for first in range(0, len(held), size):
        yield inputs_and_targets(held[first : first + size])


def _mean_loss(model: Judged, held: np.ndarray) -> float:
    n_targets = held.shape[0] * (held.shape[1] - 1)
    return sum(model.loss_sum(*piece) for piece in _pieces(held)) / n_targets


def _elsewhere(run: LanguageRun, corpus: Corpus) -> dict[str, np.ndarray]:
    """Windows of the other texts that a run is judged on: the first `n_heldout_tokens` of each.

    A text that the corpus names, but that was not on the machine that prepared it, is left out.
    """
    context, problems, found = run.task.context, [], {}
    missing = corpus.card.get("elsewhere_missing", {})
    for name in (name for name in run.task.elsewhere if name not in missing):
        tokens = corpus.elsewhere.get(name)
        if tokens is None or len(tokens) <= context:
            has = "is no other text" if tokens is None else f"has only {len(tokens)} tokens"
            problems.append(f"task.elsewhere: {name!r} {has} of the corpus {run.task.corpus}")
            continue
        n_targets = min(run.data.n_heldout_tokens, len(tokens) - 1)
        found[name] = windows(tokens, n_targets, context)
    if problems:
        raise UserError("a language run", problems)
    return found


def _banded(sums: np.ndarray, n: int) -> list[dict[str, Any]]:
    """The mean loss in each band of positions, from the sums over `n` windows at each."""
    rows = []
    for first, last in bands(len(sums)):
        n_targets = n * (last - first + 1)
        loss = math.fsum(sums[first - 1 : last]) / n_targets
        rows.append(
            {"first_position": first, "last_position": last, "n_targets": n_targets, "loss": loss}
        )
    return rows


def bands(context: int) -> list[tuple[int, int]]:
    """The first and the last position of each band: half an octave wide, from position 1."""
    firsts = sorted({math.isqrt(2**k) for k in range(2 * context.bit_length())})
    firsts = [first for first in firsts if first <= context]
    return list(zip(firsts, [*(first - 1 for first in firsts[1:]), context], strict=True))


def inputs_and_targets(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The token ids of windows without the last, and without the first, int32."""
    ids = rows.astype(np.int32)
    return np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])


def _check_size(run: LanguageRun, corpus: Corpus, n_unique: int) -> None:
    problems = [
        f"data.{key}: {wanted} needs {wanted + 1} tokens, but the {part} part of corpus "
        f"{run.task.corpus} has {len(tokens)}"
        for key, wanted, part, tokens in (
            ("n_unique_tokens" if run.data.n_unique_tokens else "n_tokens", n_unique,
             "training", corpus.train),
            ("n_heldout_tokens", run.data.n_heldout_tokens, "held-out", corpus.heldout),
        )
        if wanted >= len(tokens)
    ]  # fmt: skip
    if n_unique < run.task.context:  # for a whole corpus; the settings check a number
        problems.append(
            f"data.n_unique_tokens: {n_unique} is smaller than one context of {run.task.context}"
        )
    if problems:
        raise UserError("a language run", problems)
