"""A study's sweeps, expanded to the settings of single runs."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from isoloss.config.load import merged
from isoloss.config.runs import RUNS, LanguageRun, Run
from isoloss.config.section import problems_of
from isoloss.config.study import Grid, Sweep
from isoloss.errors import UserError, nearest


def expand(study: Grid) -> dict[str, list[Run]]:
    """The runs of every sweep of a study, seeds aside, in the order of the grid.

    Raises
    ------
    UserError
        A combination of settings is impossible; each problem is said once, with its key.
    """
    sweeps, problems = {}, {}
    for name, sweep in study.sweeps.items():
        sweeps[name] = []
        for settings in _combinations(study.settings, sweep):
            try:
                sweeps[name].append(_run(settings))
            except UserError as error:
                for problem in error.problems:
                    problems.setdefault(problem, []).append(name)
    if problems:
        raise UserError("the runs", _placed(problems, set(study.sweeps)))
    return sweeps


def _placed(problems: dict[str, list[str]], all_sweeps: set[str]) -> list[str]:
    """Each problem with its place: a sweep, or the settings if every sweep has it."""
    return [
        f"settings.{problem}" if set(where) == all_sweeps else f"sweeps.{where[0]}: {problem}"
        for problem, where in problems.items()
    ]


def _combinations(settings: dict[str, Any], sweep: Sweep) -> Iterator[dict[str, Any]]:
    base = copy.deepcopy(settings)
    for key, value in sweep.set.items():
        base = _with(base, key, value)
    for values in itertools.product(*sweep.grid.values()):
        combination = base
        for key, value in zip(sweep.grid, values, strict=True):
            combination = _with(combination, key, value)
        yield combination


def _with(settings: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """`settings` with `value` at a key with dots; a section is merged into the one there."""
    change: Any = value
    for part in reversed(key.split(".")):
        change = {part: change}
    return merged(settings, change)


def _run(settings: dict[str, Any]) -> Run:
    task = settings.get("task")
    kind = task.get("kind") if isinstance(task, dict) else None
    if not isinstance(kind, str) or kind not in RUNS:
        allowed = ", ".join(RUNS)
        found = "missing" if kind is None else f"got {kind!r}"
        raise UserError(
            "a run", [f"task.kind: {found}, allowed are {allowed}{nearest(str(kind), RUNS)}"]
        )
    try:
        return RUNS[kind].model_validate(settings)
    except ValidationError as error:
        raise UserError("a run", problems_of(error, RUNS[kind])) from error


def named_corpora(study: Grid) -> list[str]:
    """The corpora that the runs of a study name, each once.

    Raises
    ------
    UserError
        As `expand`.
    """
    runs = itertools.chain.from_iterable(expand(study).values())
    return list(dict.fromkeys(run.task.corpus for run in runs if isinstance(run, LanguageRun)))
