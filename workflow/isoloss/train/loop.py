"""The training loop: a problem in, the rows of its learning curve out. It saves nothing."""

import math
import time
from typing import Any

import torch

from isoloss.config.runs import Optimisation
from isoloss.tasks.problem import Problem
from isoloss.train.optim import AdamW, clip_gradients
from isoloss.train.schedule import evaluation_steps, learning_rate


class TrainingDiverged(Exception):
    """The loss of a run was no longer a finite number."""

    def __init__(self, reason: str, rows: list[dict[str, Any]]):
        super().__init__(reason)
        self.rows = rows  # of the learning curve until then


def train(problem: Problem, training: Optimisation) -> list[dict[str, Any]]:
    """Train a problem's model in place.

    Returns
    -------
    list of dict
        One row an evaluation: step, n_samples_seen, n_tokens (None where the task has none),
        compute_flops, lr, train_loss (mean over the steps since the last row), elapsed_s, and
        what the problem's `evaluate` gives ("loss" and more).

    Raises
    ------
    TrainingDiverged
        A training or held-out loss was NaN or infinite.
    """
    optimizer = AdamW(
        problem.model,
        beta1=training.beta1,
        beta2=training.beta2,
        weight_decay=training.weight_decay,
    )
    evaluate_at = set(evaluation_steps(problem.steps, training.n_evals))
    rows: list[dict[str, Any]] = []
    # The losses are summed where they are: reading each would make every step wait.
    summed, summed_steps = 0.0, 0
    start_s = time.perf_counter()
    for step in range(1, problem.steps + 1):
        lr = learning_rate(training, step, problem.steps, problem.width)
        loss = problem.loss(problem.model, *problem.batch(step))
        optimizer.zero_grad()
        loss.backward()
        if training.clip_norm is not None:
            clip_gradients(optimizer.parameters, training.clip_norm)
        optimizer.step(lr)
        summed, summed_steps = summed + loss.detach(), summed_steps + 1
        if step in evaluate_at:
            train_loss = float(summed) / summed_steps
            problem.model.eval()  # without dropout
            measured = problem.evaluate(problem.model)
            problem.model.train()
            for what, value in {"training": train_loss, "held-out": measured["loss"]}.items():
                if not math.isfinite(value):
                    raise TrainingDiverged(
                        f"the {what} loss was {value} at step {step} of {problem.steps}", rows
                    )
            rows.append(_row(problem, step, lr, train_loss, start_s) | measured)
            summed, summed_steps = 0.0, 0
    return rows


def _row(problem: Problem, step: int, lr: float, train_loss: float, start_s: float) -> dict:
    tokens = problem.tokens_per_step
    return {
        "step": step,
        "n_samples_seen": step * problem.samples_per_step,
        "n_tokens": None if tokens is None else step * tokens,
        "compute_flops": step * problem.flops_per_step,
        "lr": lr,
        "train_loss": train_loss,
        "elapsed_s": time.perf_counter() - start_s,
    }


def pick_device(name: str) -> torch.device:
    """The device that a config names; "auto" is CUDA, else Apple's MPS, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return torch.device(name)
