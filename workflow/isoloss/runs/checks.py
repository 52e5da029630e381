"""Whether the parts of a finished run agree: its settings, its row, its curve and its corpus."""

import math
from collections.abc import Iterator
from typing import Any

from isoloss.config.load import parse
from isoloss.config.runs import Run
from isoloss.errors import UserError
from isoloss.plan.identity import run_id
from isoloss.tasks import task, task_of
from isoloss.tasks.base import Solved

DONE, DIVERGED = "done", "diverged"


def settings_of(about: Any, where: str) -> Run:
    """The settings that an about.json holds.

    Raises
    ------
    UserError
        The content holds none, or impossible ones.
    """
    settings = about.get("settings") if isinstance(about, dict) else None
    if not isinstance(settings, dict) or not isinstance(about.get("seed"), int):
        raise UserError(where, ["holds no settings and seed of a run"])
    kind = settings["task"].get("kind") if isinstance(settings.get("task"), dict) else None
    try:
        model = task(str(kind)).Run
    except UserError as error:
        raise UserError(where, error.problems) from error
    return parse(model, settings, where)


def of_row(row: Any, about: dict[str, Any], run: Run) -> Iterator[str]:
    """Where a row disagrees with the settings that the run was trained with."""
    if not isinstance(row, dict):
        yield "holds no row of a run"
        return
    vocab_size = row.get("vocab_size")
    planned = task_of(run).planned_columns(run, vocab_size if isinstance(vocab_size, int) else None)
    planned |= {"run_id": run_id(run, about["seed"]), "seed": about["seed"]}
    # A run that diverged, or that stopped early, took fewer steps than planned.
    stopped = {"steps", "n_tokens"} | {name for name in planned if name.startswith("compute_")}
    for name, value in planned.items():
        if name in stopped and row.get("steps") != planned.get("steps"):
            continue
        if not _equal(row.get(name), value):
            yield f"{name} is {row.get(name)!r}, and {value!r} by its settings"
    if row.get("status") == DONE:
        loss = row.get("loss")
        if not isinstance(loss, int | float) or not math.isfinite(loss):
            yield f"the run is done, but its loss is {loss!r}"
    elif row.get("status") != DIVERGED:
        yield f"status is {row.get('status')!r}, allowed are {DONE}, {DIVERGED}"


def _equal(found: Any, value: Any) -> bool:
    numbers = all(isinstance(one, int | float) for one in (found, value))
    return math.isclose(found, value, rel_tol=1e-12) if numbers else found == value


def ends_with(last_loss: float | None, row: dict[str, Any], run: Run) -> bool:
    """Whether the last loss of a curve (None: it has no row) is that of a finished run's row."""
    if row.get("status") != DONE:
        return True
    if isinstance(task_of(run), Solved):
        return last_loss is None  # solved in one step, without a curve
    return last_loss is not None and last_loss == row.get("loss")


def of_corpus(about: dict[str, Any], run: Run) -> Iterator[str]:
    """Where the corpus that a run read is not the one that its settings name."""
    corpus = task_of(run).corpus_of(run)
    found = about.get("corpus")
    trained_on = found.get("corpus_id") if isinstance(found, dict) else None
    if corpus is not None and trained_on != corpus:
        yield f"was trained on corpus {trained_on!r}, and its settings name {corpus!r}"
