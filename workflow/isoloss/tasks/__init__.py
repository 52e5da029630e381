"""The tasks that models learn: each builds the model, the data and the losses of one run.

`task(name)` returns a task by its name, `task_of(run)` the task of a run. To add a task, write its
module (see `isoloss.tasks.base`) and add its line to `TASKS`, or call `register` from an extension.
"""

import importlib
from typing import Any

from isoloss import extensions
from isoloss.config.runs import Run
from isoloss.counting import Cost
from isoloss.errors import UserError, nearest
from isoloss.tables.schema import declare
from isoloss.tasks.base import Task

# Name -> the module that has the task as `TASK`. The module is imported at the first use.
TASKS = {
    "function": "isoloss.tasks.function.task",
    "polynomial": "isoloss.tasks.polynomial.task",
    "copy": "isoloss.tasks.copy.task",
    "language": "isoloss.tasks.language.task",
}
REGISTERED: dict[str, Task] = {}


def register(own: Task) -> None:
    """Add a task from outside the package, for studies to name as `task.kind`.

    Raises
    ------
    UserError
        A task of that name exists, or the package has a column that the task measures.
    """
    if not isinstance(own, Task):
        raise UserError("task", [f"must be an isoloss.tasks.base.Task, got {own!r}"])
    declare(own.measures)
    extensions.add(REGISTERED, own.name, own, "task", built_in=TASKS)


def names() -> list[str]:
    """The names of all tasks."""
    return [*TASKS, *REGISTERED]


def task(name: str) -> Task:
    """A task by its name.

    Raises
    ------
    UserError
        There is no task of that name.
    """
    if name in REGISTERED:
        return REGISTERED[name]
    if name not in TASKS:
        allowed = ", ".join(names())
        problem = f"there is no task {name!r}{nearest(name, names())} (tasks: {allowed})"
        raise UserError("task", [problem])
    return importlib.import_module(TASKS[name]).TASK


def task_of(run: Run) -> Task:
    """The task of a run."""
    return task(run.task.kind)


def run_of(settings: dict[str, Any]) -> Run:
    """The run with these settings, which the plan has checked."""
    return task(settings["task"]["kind"]).Run.model_validate(settings)


def cost_of(run: Run, vocab_size: int | None = None) -> Cost:
    """Count the cost of a run; `vocab_size` is that of its corpus, if it reads one."""
    return task_of(run).cost(run, vocab_size)
