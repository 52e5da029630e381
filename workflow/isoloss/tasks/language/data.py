"""Predict the next token of a corpus."""

from collections.abc import Callable

import numpy as np

from isoloss.corpus.load import Corpus
from isoloss.errors import UserError
from isoloss.models.shapes import TransformerShape
from isoloss.tasks.language.settings import LanguageRun
from isoloss.tasks.language.task import TASK
from isoloss.tasks.problem import ArrayProblem, Judged
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
    shape = TransformerShape(model=run.model, vocab_size=corpus.vocab_size, context=context)
    train = windows(corpus.train, n_unique, context)
    return ArrayProblem(
        shape=shape,
        weights=shape.initial(Stream(seed, "init")),
        width=run.model.d_model,
        steps=cost.steps,
        batch=batches(train, batch_size, seed),
        evaluate=heldout(windows(corpus.heldout, data.n_heldout_tokens, context)),
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
        dropout_seed=_dropout_seed(seed) if run.model.dropout else None,
    )


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


def heldout(held: np.ndarray) -> Callable[[Judged], dict[str, float]]:
    """The evaluation on every window: "loss", in nats per token."""
    n, context = held.shape[0], held.shape[1] - 1
    size = max(1, PIECE // context)

    def evaluate(model: Judged) -> dict[str, float]:
        total = 0.0
        for first in range(0, n, size):
            total += model.loss_sum(*inputs_and_targets(held[first : first + size]))
        return {"loss": total / (n * context)}

    return evaluate


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
