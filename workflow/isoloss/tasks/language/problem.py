"""Predict the next token of a corpus."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from isoloss.corpus.load import Corpus
from isoloss.errors import UserError
from isoloss.models.precision import precision_for, prepare
from isoloss.models.transformer import Transformer, next_token_loss
from isoloss.tasks.language.settings import LanguageRun
from isoloss.tasks.language.task import TASK
from isoloss.tasks.problem import Problem
from isoloss.tasks.streams import derived_seed, torch_stream

# Tokens in one forward pass of an evaluation: on the CPU, their logits stay in the cache.
EVALUATION_TOKENS = {"cpu": 2048, "mps": 16384, "cuda": 32768}


def build(run: LanguageRun, seed: int, corpus: Corpus, device: torch.device) -> Problem:
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
    model = Transformer(run.model, corpus.vocab_size, context, torch_stream(seed, "init"))
    model = prepare(model, device, precision_for(device, cost.steps, cost.flops))
    train = windows(corpus.train, n_unique, context)
    return Problem(
        model=model,
        width=run.model.d_model,
        steps=cost.steps,
        batch=batches(train, batch_size, seed, device),
        loss=next_token_loss,
        evaluate=heldout(windows(corpus.heldout, data.n_heldout_tokens, context), device),
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
        before_step=_dropout_of_a_step(seed) if run.model.dropout else None,
    )


def _dropout_of_a_step(seed: int) -> Callable[[int], None]:
    """Set the random state of dropout from the step, so that a run can resume at any step."""
    return lambda step: torch.manual_seed(derived_seed(seed, "dropout", step))


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
    train: np.ndarray, batch_size: int, seed: int, device: torch.device
) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Step -> inputs and targets, each (batch_size, context): shuffled epochs, end to end."""
    orders: dict[int, np.ndarray] = {}

    def order(epoch: int) -> np.ndarray:
        if epoch not in orders:
            for old in [e for e in orders if e < epoch - 1]:
                del orders[old]
            rng = torch_stream(seed, "batches", epoch)
            orders[epoch] = torch.randperm(len(train), generator=rng).numpy()
        return orders[epoch]

    def batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, first = divmod((step - 1) * batch_size, len(train))
        rows = order(epoch)[first : first + batch_size]
        while len(rows) < batch_size:
            epoch += 1
            rows = np.concatenate([rows, order(epoch)[: batch_size - len(rows)]])
        return _inputs_and_targets(train[rows], device)

    return batch


def heldout(held: np.ndarray, device: torch.device) -> Callable[[nn.Module], dict[str, float]]:
    """The evaluation on every window: "loss", in nats per token."""
    size = max(1, EVALUATION_TOKENS[device.type] // (held.shape[1] - 1))

    def evaluate(model: nn.Module) -> dict[str, float]:
        total = torch.zeros((), dtype=torch.float64, device="cpu")
        with torch.no_grad():
            for first in range(0, len(held), size):
                rows = held[first : first + size]
                total += next_token_loss(model, *_inputs_and_targets(rows, device)).cpu() * len(
                    rows
                )
        return {"loss": total.item() / len(held)}

    return evaluate


def _inputs_and_targets(rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    ids = torch.from_numpy(rows.astype(np.int64))
    if device.type == "cuda":
        ids = ids.pin_memory().to(device, non_blocking=True)  # while the GPU computes
    elif device.type != "cpu":
        ids = ids.to(device)
    return ids[:, :-1], ids[:, 1:]


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
