"""Repeat a random string of characters after a separator."""

from collections.abc import Callable
from typing import Any

import numpy as np

from isoloss.models.shapes import TransformerShape
from isoloss.tasks.copy.settings import CopyRun, CopyTask
from isoloss.tasks.copy.task import TASK, context, vocabulary
from isoloss.tasks.problem import ArrayProblem, Judged
from isoloss.tasks.streams import Stream, derived_seed

HELDOUT_SEED = 0  # the held-out strings are the same for every seed and every run


def arrays(run: CopyRun, seed: int, corpus: Any) -> ArrayProblem:
    """The problem of one run: fresh strings at every step, loss over the copied characters only.

    Initial weights and strings come from streams of `seed`. `corpus` is not used, because this
    task makes its own data.
    """
    task, batch_size = run.task, run.training.batch_size
    cost = TASK.cost(run)
    shape = TransformerShape(
        model=run.model, vocab_size=vocabulary(run), context=context(task.length)
    )
    return ArrayProblem(
        shape=shape,
        weights=shape.initial(Stream(seed, "init")),
        width=run.model.d_model,
        steps=cost.steps,
        batch=lambda step: sequences(task, batch_size, Stream(seed, "data", step)),
        evaluate=heldout(task, run.data.n_heldout),
        samples_per_step=cost.samples_per_step,
        tokens_per_step=cost.tokens_per_step,
        flops_per_step=float(cost.flops_per_step),
        counts={
            "n_params": cost.n_params,
            "n_params_non_embedding": cost.n_params_non_embedding,
            "n_samples": cost.steps * batch_size,
            "n_tokens": cost.n_tokens,
        },
        dropout_seed=_dropout_seed(seed) if run.model.dropout else None,
    )


def _dropout_seed(seed: int) -> Callable[[int], int]:
    return lambda step: derived_seed(seed, "dropout", step)


def sequences(task: CopyTask, n: int, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    """`n` uniform random strings, as inputs and targets of the model.

    Returns
    -------
    ids : ndarray, shape (n, 2 length), int32
        The string, the separator (id `n_symbols`), and the copy without its last character.
    targets : ndarray, shape (n, length), int32
        The copy: the target after the separator and after each character of the copy.
    """
    strings = stream.integers(task.n_symbols, n, task.length).astype(np.int32)
    separators = np.full((n, 1), task.n_symbols, np.int32)
    return np.concatenate([strings, separators, strings[:, :-1]], axis=1), strings


def heldout(task: CopyTask, n: int) -> Callable[[Judged], dict[str, float]]:
    """The evaluation on `n` fixed strings.

    "loss": nats per copied character. "exact_match": the share of strings copied without an error.
    The model's input is the true copy (teacher forcing). The share equals that of greedy decoding,
    because a string counts only if all characters are right; both then have the same input.
    """
    ids, targets = sequences(task, n, Stream(HELDOUT_SEED, "heldout"))

    def evaluate(model: Judged) -> dict[str, float]:
        loss, matches = model.loss_and_matches(ids, targets)
        return {"loss": loss / targets.size, "exact_match": matches / n}

    return evaluate
