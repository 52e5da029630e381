"""The training loop: an engine in, the rows of its learning curve out. It writes no file."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from isoloss.config.runs import Optimisation
from isoloss.tasks.evaluations import evaluation_steps
from isoloss.train.engines.base import Engine
from isoloss.train.schedule import learning_rate
from isoloss.train.state import State


class TrainingDiverged(Exception):
    """The loss of a run was no longer a finite number."""

    def __init__(self, reason: str, rows: list[dict[str, Any]]):
        super().__init__(reason)
        self.rows = rows  # the learning curve up to that step


class Trainer:
    """An engine and the state of its training.

    Attributes
    ----------
    step : int
        The last step that was done; 0 at first.
    rows : list of dict
        One row per evaluation: step, n_samples_seen, n_tokens (None where the task has none),
        compute_flops, lr, train_loss (mean over the steps since the last row) and elapsed_s. A row
        also has the columns of the engine's `evaluate` ("loss" and more), and grad_sq and
        grad_noise if the training has `noise_scale`.
    stopped_early : bool
        Whether `patience` ended the training before the problem's last step.
    """

    def __init__(self, engine: Engine, training: Optimisation):
        self.engine, self.facts, self.training = engine, engine.facts, training
        self.step = 0
        self.rows: list[dict[str, Any]] = []
        self.stopped_early = False
        self._summed_steps = 0  # since the last row
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
        training, steps, width = self.training, self.facts.steps, self.facts.width
        evaluate_at = set(evaluation_steps(steps, training) if evaluate_at is None else evaluate_at)
        self._start_s, self._cpu_start_s = time.perf_counter(), time.process_time()
        for step in range(self.step + 1, steps + 1):
            lr = learning_rate(training, step, steps, width)
            self.engine.step(step, lr)
            self.step = step
            self._summed_steps += 1
            if step in evaluate_at:
                self._evaluate(lr)
                if self._patience_is_over():
                    self.stopped_early = step < steps
                    return
            if after_step:
                after_step(self)

    def _evaluate(self, lr: float) -> None:
        facts, step = self.facts, self.step
        train_loss, grad_sq, grad_noise = (x / self._summed_steps for x in self.engine.sums())
        measured = self.engine.evaluate()
        for what, value in {"training": train_loss, "held-out": measured["loss"]}.items():
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"the {what} loss was {value} at step {step} of {facts.steps}", self.rows
                )
        if self.training.noise_scale:
            measured |= {"grad_sq": grad_sq, "grad_noise": grad_noise}
        tokens = facts.tokens_per_step
        row = {
            "step": step,
            "n_samples_seen": step * facts.samples_per_step,
            "n_tokens": None if tokens is None else step * tokens,
            "compute_flops": step * facts.flops_per_step,
            "lr": lr,
            "train_loss": train_loss,
            "elapsed_s": self.elapsed_s,
        }
        self.rows.append(row | measured)
        self.engine.clear_sums()
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
        return State(
            tensors=self.engine.tensors(),
            step=self.step,
            summed_steps=self._summed_steps,
            rows=self.rows,
            elapsed_s=self.elapsed_s,
            cpu_s=self.cpu_s,
        )

    def load(self, state: State, *, own: bool = True) -> None:
        """Continue from a state: this job's `own`, or that of its trunk."""
        self.engine.load(state.tensors)
        self.step, self._summed_steps = state.step, state.summed_steps
        self.rows = [dict(row) for row in state.rows]
        self._before_s, self._cpu_before_s = state.elapsed_s, state.cpu_s if own else 0.0
