"""Expand a study's sweeps to the settings of single runs."""

import copy
import itertools
import json
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError

from isoloss.config.load import merged
from isoloss.config.runs import Run
from isoloss.config.section import checked, problems_of
from isoloss.config.study import Grid, Sweep
from isoloss.errors import UserError, nearest
from isoloss.tasks import names, task, task_of


def expand(study: Grid) -> dict[str, list[Run]]:
    """The runs of every sweep of a study, seeds aside, in the order of the grid.

    Raises
    ------
    UserError
        A combination of settings is impossible; the error names each problem once, with its key.
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
        raise UserError("the runs", _placed(problems, study))
    return sweeps


def _placed(problems: dict[str, list[str]], study: Grid) -> list[str]:
    """Each problem with its place: the key of the sweep, or of the settings."""
    return [_place(problem, where, study) + problem for problem, where in problems.items()]


def _place(problem: str, where: list[str], study: Grid) -> str:
    key = problem.partition(" ")[0].rstrip(":")
    for name in where:
        sweep = study.sweeps[name]
        grids = [("grid", grid) for grid in sweep.grids.values()]
        for part, given in (*grids, ("set", {k: [v] for k, v in sweep.set.items()})):
            if any(_sets(at, values, key) for at, values in given.items()):
                return f"sweeps.{name}.{part}."
    return "settings." if set(where) == set(study.sweeps) else f"sweeps.{where[0]}: "


def _sets(at: str, values: list[Any], key: str) -> bool:
    """Whether one of the values at a key with dots sets `key`, itself or as a part."""
    if key == at:
        return True
    if not key.startswith(f"{at}."):
        return False
    for value in values:
        for part in key.removeprefix(f"{at}.").split("."):
            value = value.get(part, Grid) if isinstance(value, dict) else Grid
        if value is not Grid:
            return True
    return False


def _combinations(settings: dict[str, Any], sweep: Sweep) -> Iterator[dict[str, Any]]:
    base, seen = copy.deepcopy(settings), set()
    for key, value in sweep.set.items():
        base = _with(base, key, value)
    for grid in sweep.grids.values():
        for values in itertools.product(*grid.values()):
            combination = base
            for key, value in zip(grid, values, strict=True):
                combination = _with(combination, key, value)
            if len(sweep.grids) > 1:  # a run of two grids is one run
                text = json.dumps(combination, sort_keys=True)
                if text in seen:
                    continue
                seen.add(text)
            yield combination


def _with(settings: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """`settings` with `value` at a key with dots; a section is merged into the one there."""
    change: Any = value
    for part in reversed(key.split(".")):
        change = {part: change}
    return merged(settings, change)


def _run(settings: dict[str, Any]) -> Run:
    section = settings.get("task")
    kind = section.get("kind") if isinstance(section, dict) else None
    if not isinstance(kind, str) or kind not in names():
        found = "missing" if kind is None else f"got {kind!r}"
        allowed = f"{', '.join(names())}{nearest(str(kind), names())}"
        raise UserError("a run", [f"task.kind: {found}, allowed are {allowed}"])
    model = task(kind).Run
    try:
        return checked(model, settings)
    except ValidationError as error:
        raise UserError("a run", problems_of(error, model)) from error


def named_corpora(study: Grid, known: Collection[str]) -> list[str]:
    """The corpora that the runs of a study name, each once.

    Raises
    ------
    UserError
        As `expand`; a name that is not `known`.
    """
    wanted, problems = {}, {}
    for sweep, runs in expand(study).items():
        for run in runs:
            name = task_of(run).corpus_of(run)
            if name is None:
                continue
            wanted[name] = None
            if name not in known:
                allowed = ", ".join(sorted(known)) or "none"
                hint = nearest(name, known)
                problem = f"task.corpus: unknown corpus {name!r}, there are {allowed}{hint}"
                problems.setdefault(problem, []).append(sweep)
    if problems:
        raise UserError("the runs", _placed(problems, study))
    return list(wanted)
