"""Weights & Biases: exported tables of runs and histories, and folders of offline runs.

Checked with wandb 0.31. `_step` counts calls of `log` unless the script gave a step. A chart's
export is thinned out and refused. Files `.wandb` of one id are stretches of one run.
"""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any

from isoloss.errors import UserError
from isoloss.logs import tags
from isoloss.logs.reading import settings_of
from isoloss.logs.records import FLOP, HELD_OUT, OTHER, TOKENS, Log, Options, Place, series
from isoloss.logs.wandb_file import read_file
from isoloss.tables import names

NAME = "wandb"
ASKS = True  # `read` takes the user's options
STEPS = ("trainer/global_step", "train/global_step", "global_step", "train/step", "iteration",
         "iter", "step")  # fmt: skip
OWN = ("_step", "_runtime", "_timestamp")
RUN_NAMES = ("Name", "name", "run", "run_name", "run_id", "id", "ID")
ENDS = {"finished": "", "crashed": "incomplete", "failed": "incomplete", "killed": "incomplete",
        "running": "incomplete", "preempted": "incomplete", "preempting": "incomplete"}  # fmt: skip
OF_RUN = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-\w+|latest-run")  # the folder of a run
MOST_PROBLEMS = 8


def place_of(path: Path) -> Path | None:
    """The file itself, if W&B wrote it; for files of an offline run, a path that has its id."""
    if path.suffix == ".wandb":
        folder = path.parent
        return (folder.parent if OF_RUN.fullmatch(folder.name) else folder) / path.name
    if path.suffix == ".csv":
        header = _header(path)
        return path if _is_history(header) or _is_runs(header) or _is_chart(header) else None
    if path.suffix == ".parquet":
        return path if _is_history(_parquet_header(path)) else None
    return None


def _header(path: Path) -> list[str]:
    import csv

    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, csv.Error):
        return []


def _parquet_header(path: Path) -> list[str]:
    import pyarrow
    import pyarrow.parquet

    try:
        return list(pyarrow.parquet.read_schema(path).names)
    except (OSError, pyarrow.ArrowException):
        return []


def _is_history(columns) -> bool:
    return "_step" in columns and len(columns) > 1


def _is_runs(columns) -> bool:
    return "State" in columns and any(name in columns for name in RUN_NAMES)


def _is_chart(columns) -> bool:
    ends = ("__MIN", "__MAX")
    return len(columns) > 1 and any(" - " in c and c.endswith(ends) for c in columns)


def read(place: Place, options: Options) -> list[Log]:
    """The logs of a file.

    Raises
    ------
    UserError
        The file is damaged, is the export of a chart, or its steps count calls and not steps.
    """
    path = place.folder
    if path.suffix == ".wandb":
        files = {file.read_bytes(): file for file in reversed(place.files)}  # a copy counts once
        name = place.name.removesuffix(".wandb")
        return [_offline(file, name, options) for file in sorted(files.values())]
    from isoloss.tables.read import read_table

    if path.suffix == ".csv" and _is_chart(_header(path)):
        raise UserError(
            str(path),
            [
                "is the export of a chart: a column a run, thinned out, and means of groups; "
                "export the table of runs, or the history of each run (run.scan_history())"
            ],
        )
    rows = read_table(path).to_dict("records")
    if not rows:
        raise UserError(str(path), ["has no rows"])
    if _is_history(rows[0]):
        run_column = next((name for name in RUN_NAMES if name in rows[0]), None)
        groups: dict[str, list[tuple[str, dict]]] = {}
        for number, row in enumerate(rows, start=2):
            run = str(row[run_column]) if run_column else place.name
            groups.setdefault(run, []).append((f"line {number}", row))
        return [_history(path, run, history, options) for run, history in groups.items()]
    logs = [_summary(path, row, number) for number, row in enumerate(rows, start=2)]
    named = [log.run for log in logs]
    for number, (log, row) in enumerate(zip(logs, rows, strict=True), start=2):
        if named.count(log.run) > 1:  # W&B lets runs share a name
            log.run += f"-{row['ID'] if _there(row.get('ID')) else f'line-{number}'}"
            log.notes.append("several runs have this name")
    return logs


def _kind(tag: str) -> str:
    last = names.plain(tag.rpartition("/")[2])
    if last in names.KNOWN["n_tokens"]:
        return TOKENS
    if last in ("total_training_flops", "total_flops", "training_flops"):
        return FLOP
    return tags.kind_of(tag)


def _value(cell: Any) -> float | None:
    """The number of a cell, with W&B's texts for what is none; None for other cells."""
    if isinstance(cell, str):
        special = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf, "inf": math.inf}
        text = cell.strip().lower()
        if text in special:
            return special[text]
        try:
            return float(text)
        except ValueError:
            return None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    return float(cell)


def _history(path: Path, run: str, placed: list[tuple[str, dict]], options: Options) -> Log:
    """The history of a run: rows of `_step` and of what was logged then, with their places."""
    log = Log(run, path)
    rows = [row for _, row in placed]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    step_column = _step_column(path, columns, rows, options)
    points: dict[str, list] = {}
    problems = []
    for where, row in placed:
        at = _value(row.get(step_column))
        time_s = _value(row.get("_timestamp"))
        logged = [c for c in columns if c not in (*OWN, step_column) and _there(row.get(c))]
        if at is None or not math.isfinite(at):
            if any(_kind(c) in (HELD_OUT, "training") for c in logged) and step_column in row:
                problems.append(f"{where}: {step_column} is no number, got {row[step_column]!r}")
            continue
        if at != at // 1 or not 0 <= at < 2**53:
            problems.append(f"{where}: {step_column} is no whole number, got {at:g}")
            continue
        for column in logged:
            value = _value(row[column])
            kind = _kind(column)
            if value is not None:
                mark = math.nan if time_s is None else time_s
                points.setdefault(column, []).append((int(at), value, mark))
            elif kind != OTHER:
                problems.append(f"{where}: {column} is no number, got {row[column]!r:.40}")
    if problems:
        raise UserError(str(path), problems[:MOST_PROBLEMS])
    for tag, found in points.items():
        log.tags[tag] = series(found, _kind(tag))
    log.notes.append(f"steps are column {step_column!r}")
    return log


def _there(cell) -> bool:
    """Whether a cell was logged: an empty one is NaN in a table, a NaN that was logged a text."""
    if cell is None or isinstance(cell, dict | list):
        return False
    return not (isinstance(cell, float) and math.isnan(cell)) and cell != ""


def _step_column(path, columns, rows, options: Options) -> str:
    """The column of optimizer steps."""
    if options.step:
        if options.step not in columns:
            problem = f"--step: no column {options.step!r} (columns: {', '.join(columns):.300})"
            raise UserError(str(path), [problem])
        return options.step
    losses = [c for c in columns if _kind(c) in (HELD_OUT, "training")]
    for name in STEPS:
        # a column that is there wherever a loss is
        if name in columns and all(
            _there(row.get(name)) for row in rows if any(_there(row.get(c)) for c in losses)
        ):
            return name
    if any(_kind(c) == TOKENS for c in columns):
        return "_step"
    steps = sorted({row.get("_step") for row in rows if isinstance(row.get("_step"), int | float)})
    gaps = {b - a for a, b in itertools.pairwise(steps)}
    if gaps <= {1}:
        raise UserError(
            str(path),
            [
                "_step counts calls of log() unless the script gave its step, and no column says "
                "steps or tokens: --step _step says that it is the optimizer's step"
            ],
        )
    return "_step"


def _summary(path: Path, row: dict, line: int) -> Log:
    """A row of the table of runs: the last values that a run logged."""
    from isoloss.tables.recognised import options_of

    run = next((str(row[name]) for name in RUN_NAMES if name in row and _there(row[name])), None)
    log = Log(run or f"{path.stem}-{line}", path)
    state = str(row.get("State", "")).lower()
    log.status = ENDS.get(state, "")
    if log.status:
        log.notes.append(f"W&B says {state}")
    named = {c: [v] for c, v in row.items()}
    for name in ("n_params", "n_tokens"):
        found = options_of(name, named)
        value = _value(row[found[0].column]) if found else None
        if value is not None and math.isfinite(value) and value > 0:
            log.set(name, value * found[0].factor, f"column {found[0].column!r}")
    for name, value in settings_of({c: v for c, v in row.items() if _there(v)}).items():
        if name != "learning_rate":  # a column may be the last one logged, which has decayed
            log.set(name, value, "the table of runs")
    steps = next((_value(row[c]) for c in (*STEPS, "_step") if c in row and _there(row[c])), None)
    at = int(steps) if steps is not None and math.isfinite(steps) and steps >= 0 else 0
    for column, cell in row.items():
        kind = _kind(column)
        value = _value(cell) if _there(cell) else None
        if kind == OTHER or value is None:
            if kind in (HELD_OUT, "training") and _there(cell) and value is None:
                problem = f"line {line}: {column} is no number, got {cell!r:.40}"
                raise UserError(str(path), [problem])
            continue
        log.tags[column] = series([(at, value)], kind)
    log.notes.append("a table of runs has the last values logged, at the last step logged")
    return log


def _offline(path: Path, name: str, options: Options) -> Log:
    """A run that W&B keeps in a file of its own."""
    found = read_file(path)
    if found.damage and not found.rows:
        raise UserError(str(path), [found.damage])
    run = found.name or name
    log = _history(path, run, found.rows, options) if found.rows else Log(run, path)
    config = {key: value for key, value in found.config.items() if not key.startswith("_wandb")}
    for setting, value in settings_of(config).items():
        log.set(setting, value, "the run's config")
    if found.damage:
        log.notes.append(f"{path.name} {found.damage}")
    if not found.ended:
        log.status = "incomplete"
        log.notes.append("the run has not ended, or has ended with an error")
    return log
