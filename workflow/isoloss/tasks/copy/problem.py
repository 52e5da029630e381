"""Repeat a random string of characters after a separator."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.models.precision import precision_for, prepare
from isoloss.models.transformer import Transformer, next_token_loss
from isoloss.tasks.copy.settings import CopyRun, CopyTask
from isoloss.tasks.copy.task import TASK, context, vocabulary
from isoloss.tasks.problem import Problem
from isoloss.tasks.streams import torch_stream

HELDOUT_SEED = 0  # the held-out strings are the same for every seed and every run
EVALUATION_SEQUENCES = 256  # in one forward pass


def build(run: CopyRun, seed: int, corpus: Any, device: torch.device) -> Problem:
    """The problem of one run: fresh strings at every step, loss over the copied characters only.

    Initial weights and strings come from streams of `seed`. `corpus` is not used, because this
    task makes its own data.
    """
    task, batch_size = run.task, run.training.batch_size
    cost = TASK.cost(run)
    weights = torch_stream(seed, "init")
    model = Transformer(run.model, vocabulary(run), context(task.length), weights)
    model = prepare(model, device, precision_for(device, cost.steps, cost.flops))

    def batch(step: int) -> tuple[Tensor, Tensor]:
        ids, targets = sequences(task, batch_size, torch_stream(seed, "data", step))
        return ids.to(device), targets.to(device)

    return Problem(
        model=model,
        width=run.model.d_model,
        steps=cost.steps,
        batch=batch,
        loss=next_token_loss,
        evaluate=heldout(task, run.data.n_heldout, device),
        samples_per_step=cost.samples_per_step,
        tokens_per_step=cost.tokens_per_step,
        flops_per_step=float(cost.flops_per_step),
        counts={
            "n_params": cost.n_params,
            "n_params_non_embedding": cost.n_params_non_embedding,
            "n_samples": cost.steps * batch_size,
            "n_tokens": cost.n_tokens,
        },
    )


def sequences(task: CopyTask, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` uniform random strings, as inputs and targets of the model.

    Returns
    -------
    ids : Tensor, shape (n, 2 length), int64
        The string, the separator (id `n_symbols`), and the copy without its last character.
    targets : Tensor, shape (n, length), int64
        The copy: the target after the separator and after each character of the copy.
    """
    strings = torch.randint(task.n_symbols, (n, task.length), generator=rng)
    separators = torch.full((n, 1), task.n_symbols)
    return torch.cat([strings, separators, strings[:, :-1]], dim=1), strings


def heldout(
    task: CopyTask, n: int, device: torch.device
) -> Callable[[nn.Module], dict[str, float]]:
    """The evaluation on `n` fixed strings.

    "loss": nats per copied character. "exact_match": the share of strings copied without an error.
    The model's input is the true copy (teacher forcing). The share equals that of greedy decoding,
    because a string counts only if all characters are right; both then have the same input.
    """
    ids, targets = sequences(task, n, torch_stream(HELDOUT_SEED, "heldout"))
    ids, targets = ids.to(device), targets.to(device)

    def evaluate(model: nn.Module) -> dict[str, float]:
        loss, matches = 0.0, 0
        with torch.no_grad():
            for part, wanted in zip(
                ids.split(EVALUATION_SEQUENCES), targets.split(EVALUATION_SEQUENCES), strict=True
            ):
                logits = model(part, last=task.length)
                loss += functional.cross_entropy(
                    logits.flatten(0, 1), wanted.flatten(), reduction="sum"
                ).item()
                matches += (logits.argmax(-1) == wanted).all(-1).sum().item()
        return {"loss": loss / targets.numel(), "exact_match": matches / n}

    return evaluate
