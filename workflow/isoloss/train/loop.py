"""The training loop: a problem in, the rows of its learning curve out. It writes no file."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from isoloss.config.runs import Optimisation
from isoloss.tasks.problem import Problem
from isoloss.train.optim import AdamW, clip_gradients
from isoloss.train.schedule import evaluation_steps, learning_rate
from isoloss.train.state import State


class TrainingDiverged(Exception):
    """The loss of a run was no longer a finite number."""

    def __init__(self, reason: str, rows: list[dict[str, Any]]):
        super().__init__(reason)
        self.rows = rows  # the learning curve up to that step


def train(problem: Problem, training: Optimisation) -> list[dict[str, Any]]:
    """Train a problem's model in place, from the first step to the last; see `Trainer`."""
    trainer = Trainer(problem, training)
    trainer.run()
    return trainer.rows


class Trainer:
    """A problem and the state of its training.

    Attributes
    ----------
    step : int
        The last step that was done; 0 at first.
    rows : list of dict
        One row per evaluation: step, n_samples_seen, n_tokens (None where the task has none),
        compute_flops, lr, train_loss (mean over the steps since the last row) and elapsed_s. A row
        also has the columns of the problem's `evaluate` ("loss" and more), and grad_sq and
        grad_noise if the training has `noise_scale`.
    stopped_early : bool
        Whether `patience` ended the training before the problem's last step.
    """

    def __init__(self, problem: Problem, training: Optimisation):
        self.problem, self.training = problem, training
        self.optimizer = AdamW(
            problem.model,
            beta1=training.beta1,
            beta2=training.beta2,
            weight_decay=training.weight_decay,
        )
        self.step = 0
        self.rows: list[dict[str, Any]] = []
        self.stopped_early = False
        # Sums of the loss and of the two parts of the noise scale, since the last row.
        self._sums = torch.zeros(3, device=self.optimizer.parameters[0].device)
        self._loss_sum, self._square_sum, self._noise_sum = self._sums.unbind()
        self._summed_steps = 0
        self._before_s, self._cpu_before_s = 0.0, 0.0  # before the last interruption
        self._start_s, self._cpu_start_s = time.perf_counter(), time.process_time()

    def run(
        self,
        evaluate_at: Iterable[int] | None = None,
        after_step: Callable[["Trainer"], None] | None = None,
    ) -> None:
        """Train to the problem's last step, or until the patience is over.

        Parameters
        ----------
        evaluate_at : iterable of int
            The steps with an evaluation; None: those of the training's settings.
        after_step : callable
            Called with the trainer after every step. It may write the state, or raise to end.

        Raises
        ------
        TrainingDiverged
            A training or held-out loss was NaN or infinite.
        """
        problem, training = self.problem, self.training
        evaluate_at = set(
            evaluation_steps(problem.steps, training) if evaluate_at is None else evaluate_at
        )
        self._start_s, self._cpu_start_s = time.perf_counter(), time.process_time()
        for step in range(self.step + 1, problem.steps + 1):
            lr = learning_rate(training, step, problem.steps, problem.width)
            if problem.before_step:
                problem.before_step(step)
            self._backward(problem.batch(step))
            if training.clip_norm is not None:
                clip_gradients(self.optimizer.parameters, training.clip_norm)
            self.optimizer.step(lr)
            self.step = step
            if step in evaluate_at:
                self._evaluate(lr)
                if self._patience_is_over():
                    self.stopped_early = step < problem.steps
                    return
            if after_step:
                after_step(self)

    def _backward(self, batch: tuple[Tensor, ...]) -> None:
        """Set the gradients; sum losses on the device, because reading each loss would wait."""
        problem, optimizer = self.problem, self.optimizer
        self._summed_steps += 1
        if not self.training.noise_scale:
            loss = problem.loss(problem.model, *batch)
            optimizer.zero_grad()
            loss.backward()
            self._loss_sum += loss.detach()
            return
        half = len(batch[0]) // 2
        gradients = []
        for part in (slice(half), slice(half, None)):
            loss = problem.loss(problem.model, *(tensor[part] for tensor in batch))
            optimizer.zero_grad()
            loss.backward()
            self._loss_sum += loss.detach() / 2
            gradients.append([parameter.grad for parameter in optimizer.parameters])
        first, second = gradients
        # With g the mean gradient of half a batch, E g1.g2 = |G|^2 and E |g1 - g2|^2 = 4 tr(S) / B
        # (McCandlish et al. 2018, arXiv:1812.06162, App. A.1, for B/2 and B).
        difference = torch._foreach_sub(first, second)
        self._square_sum += sum((a * b).sum() for a, b in zip(first, second, strict=True))
        self._noise_sum += sum((d * d).sum() for d in difference) * (len(batch[0]) / 4)
        for parameter, a, b in zip(optimizer.parameters, first, second, strict=True):
            parameter.grad = (a + b) / 2

    def _evaluate(self, lr: float) -> None:
        problem, step, n = self.problem, self.step, self._summed_steps
        train_loss, grad_sq, grad_noise = (float(value) / n for value in self._sums)
        problem.model.eval()  # without dropout
        measured = problem.evaluate(problem.model)
        problem.model.train()
        for what, value in {"training": train_loss, "held-out": measured["loss"]}.items():
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"the {what} loss was {value} at step {step} of {problem.steps}", self.rows
                )
        if self.training.noise_scale:
            measured |= {"grad_sq": grad_sq, "grad_noise": grad_noise}
        tokens = problem.tokens_per_step
        row = {
            "step": step,
            "n_samples_seen": step * problem.samples_per_step,
            "n_tokens": None if tokens is None else step * tokens,
            "compute_flops": step * problem.flops_per_step,
            "lr": lr,
            "train_loss": train_loss,
            "elapsed_s": self.elapsed_s,
        }
        self.rows.append(row | measured)
        self._sums.zero_()
        self._summed_steps = 0

    @property
    def elapsed_s(self) -> float:
        """Wall-clock time of the training in seconds, over all interruptions, with its trunk."""
        return self._before_s + time.perf_counter() - self._start_s

    @property
    def cpu_s(self) -> float:
        """CPU time of the training in seconds, over all interruptions, without its trunk."""
        return self._cpu_before_s + time.process_time() - self._cpu_start_s

    def _patience_is_over(self) -> bool:
        patience = self.training.patience
        if patience is None:
            return False
        losses = [row["loss"] for row in self.rows]
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    def state(self) -> State:
        """The state from which another process continues with the same bits."""
        model = {f"model.{name}": p.detach() for name, p in self.problem.model.named_parameters()}
        optimizer = {f"optimizer.{i}": t for i, t in enumerate(self.optimizer.state())}
        return State(
            tensors=model | optimizer | {"sums": self._sums},
            step=self.step,
            summed_steps=self._summed_steps,
            rows=self.rows,
            elapsed_s=self.elapsed_s,
            cpu_s=self.cpu_s,
        )

    @torch.no_grad()
    def load(self, state: State, *, own: bool = True) -> None:
        """Continue from a state: this job's `own`, or that of its trunk."""
        for name, parameter in self.problem.model.named_parameters():
            parameter.copy_(state.tensors[f"model.{name}"])
        saved = len(state.tensors) - 1 - len(list(self.problem.model.parameters()))
        self.optimizer.load_state(state.tensors[f"optimizer.{i}"] for i in range(saved))
        self._sums.copy_(state.tensors["sums"])
        self.step, self._summed_steps = state.step, state.summed_steps
        self.rows = [dict(row) for row in state.rows]
        self._before_s, self._cpu_before_s = state.elapsed_s, state.cpu_s if own else 0.0


def pick_device(name: str) -> torch.device:
    """The device of a config; "auto" is CUDA, else Apple's MPS, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return torch.device(name)
