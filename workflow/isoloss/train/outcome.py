"""The row of a trained run: the columns that training measures or counts."""

import math
from typing import Any

from isoloss.config.runs import Optimisation
from isoloss.counting import six_nd_columns
from isoloss.tasks import task_of
from isoloss.train.schedule import learning_rate, warmup_steps
from isoloss.train.session import Session

MEASURED = ("train_loss", "loss", "excess_loss", "exact_match")


def row_of(session: Session, reason: str | None) -> dict[str, Any]:
    """The row of a run that was trained, or that diverged for a `reason`."""
    facts, trainer = session.facts, session.trainer
    curve, steps = trainer.rows, facts.steps if reason else trainer.step
    # A run that diverged has no final loss, whatever losses it had before.
    last = {} if reason else curve[-1]
    best = {} if reason else min(curve, key=lambda row: row["loss"])
    tokens = None if facts.tokens_per_step is None else steps * facts.tokens_per_step
    seen = steps * facts.samples_per_step if tokens is None else tokens
    counts = facts.counts
    own = [column.name for column in task_of(session.run).measures]
    vocab_size = counts.get("vocab_size")
    return (
        counts
        | {"status": "diverged" if reason else "done", "reason": reason}
        | {name: last.get(name) for name in (*MEASURED, *own)}
        | {
            "best_loss": best.get("loss"),
            "best_step": best.get("step"),
            "steps": steps,
            "n_tokens": tokens,
            "compute_flops": steps * facts.flops_per_step,
        }
        | rates(session.run.training, facts.steps, facts.width, done=steps)
        | six_nd_columns(
            counts["n_params"],
            counts["n_params_non_embedding"],
            seen,
            logits=vocab_size and vocab_size * facts.width,
        )
        | session.trunk_columns()
    )


def rates(training: Optimisation, steps: int, width: int, *, done: int) -> dict[str, float]:
    """The sum of the learning rates of the steps that were `done`, and the steps of warm-up."""
    used = (learning_rate(training, step, steps, width) for step in range(1, done + 1))
    return {"lr_sum": math.fsum(used), "warmup_steps": warmup_steps(training, steps)}
