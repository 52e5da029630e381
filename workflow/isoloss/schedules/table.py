"""Read learning curves from users' tables: a row for each evaluation, one file or many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isoloss.errors import UserError, nearest
from isoloss.schedules.fit import LearningCurve
from isoloss.schedules.rates import Schedule
from isoloss.tables.asking import rows_text
from isoloss.tables.read import read_table

if TYPE_CHECKING:
    import pandas as pd

KNOWN = {
    "run": "run run_id run_name name",
    "step": "step steps _step global_step iteration iter",
    "lr": "lr learning_rate rate learning_rates eta train/lr",
    "loss": "loss eval_loss val_loss valid_loss validation_loss eval/loss val/loss test_loss "
    "train_loss train/loss",
}
KNOWN = {name: tuple(words.split()) for name, words in KNOWN.items()}


def read_curves(
    paths: Sequence[Path], columns: Mapping[str, str] | None = None, warmup: float | None = None
) -> tuple[list[LearningCurve], list[str]]:
    """The runs of some files, and what was assumed.

    A file has columns `step` and `lr`, and `loss` where it was measured. Without a column `run`, a
    file is one run of the file's name. Cells of `loss` may be empty: a schedule that was not run.

    Parameters
    ----------
    paths : sequence of path
    columns : mapping
        Our name (run, step, lr, loss) -> the tables' name.
    warmup : float, optional
        Steps in which the rate rose from 0, where the first row lies behind them.

    Raises
    ------
    UserError
        A file cannot be read, lacks a column, or has cells that cannot be; all problems at once.
    """
    columns = dict(columns or {})
    problems = [f"--column {name}: no such column{nearest(name, KNOWN)}; one of {', '.join(KNOWN)}"
                for name in columns if name not in KNOWN]  # fmt: skip
    if problems:
        raise UserError("arguments", problems)
    found: dict[str, LearningCurve] = {}
    notes: list[str] = []
    for path in paths:
        table = read_table(path)
        named = _columns(table, columns, str(path), problems)
        if "step" not in named or "lr" not in named:
            continue
        for run, rows in _runs(table, named, Path(path)):
            if run in found:
                problems.append(f"{path}: run {run!r} is there twice")
                continue
            curve = _curve(run, rows, named, warmup, f"{path}, run {run}", problems)
            if curve is not None:
                found[run] = curve
        notes += [
            f"{path}: {name} is column {column!r}"
            for name, column in named.items()
            if name not in columns and column != name
        ]
    if problems:
        raise UserError("learning curves", problems)
    late = [curve for curve in found.values() if curve.step[0] > 0 and warmup is None]
    if late:
        first = sorted({float(curve.step[0]) for curve in late})
        said = f"{first[0]:g}" if len(first) == 1 else f"{first[0]:g} to {first[-1]:g}"
        notes.append(f"before the first row (step {said}) the rate rose in a line from 0 "
                     "(--warmup STEPS says otherwise)")  # fmt: skip
    return list(found.values()), notes


def _columns(table, columns, where, problems) -> dict[str, str]:
    """Our names -> the table's."""
    named = {}
    lower = {str(column).lower(): str(column) for column in table.columns}
    for name, words in KNOWN.items():
        if name in columns:
            if columns[name] in table.columns:
                named[name] = columns[name]
            else:
                problems.append(f"{where}: there is no column {columns[name]!r}"
                                f"{nearest(columns[name], table.columns)}")  # fmt: skip
        elif hit := next((lower[word] for word in words if word in lower), None):
            named[name] = hit
        elif name in ("step", "lr"):
            there = ", ".join(map(str, table.columns))
            problems.append(f"{where}: no column of {name}; there are {there}; name it: "
                            f"--column {name}=COLUMN")  # fmt: skip
    return named


def _runs(table: pd.DataFrame, named: Mapping[str, str], path: Path):
    if "run" not in named:
        return [(path.stem, table)]
    return [(str(run), rows) for run, rows in table.groupby(named["run"], sort=False)]


def _curve(run, rows, named, warmup, where, problems) -> LearningCurve | None:
    """One run, by rising step; None with a problem if cells cannot be."""
    import pandas as pd

    cells = {
        name: pd.to_numeric(rows[named[name]], errors="coerce").to_numpy("float64", na_value=np.nan)
        for name in ("step", "lr")
    }
    given = rows[named["loss"]] if "loss" in named else pd.Series(np.nan, index=rows.index)
    loss = pd.to_numeric(given, errors="coerce").to_numpy("float64", na_value=np.nan)
    empty = given.isna().to_numpy() | (given.astype(str).str.strip() == "").to_numpy()
    wrong = {
        "step must be a number of 0 or more": ~(np.isfinite(cells["step"]) & (cells["step"] >= 0)),
        "lr must be a number of 0 or more": ~(np.isfinite(cells["lr"]) & (cells["lr"] >= 0)),
        "loss must be positive, or empty": ~empty & ~(np.isfinite(loss) & (loss > 0)),
    }
    bad = [f"{where}: {what}: {rows_text(np.flatnonzero(rows_bad))}"
           for what, rows_bad in wrong.items() if rows_bad.any()]  # fmt: skip
    if not bad:
        order = np.argsort(cells["step"], kind="stable")
        step, rate, loss = cells["step"][order], cells["lr"][order], loss[order]
        if len(step) < 2 or (np.diff(step) == 0).any():
            bad.append(f"{where}: needs two rows or more, each of another step")
        elif not rate.max() > 0:
            bad.append(f"{where}: lr is 0 throughout")
    problems += bad
    if bad:
        return None
    if warmup is not None and not (math.isfinite(warmup) and warmup >= 0):
        problems.append(f"--warmup: must be 0 or more, got {warmup:g}")
        return None
    schedule = Schedule.of_rows(step, rate, warmup)
    after = step > 0  # at step 0 nothing has been summed
    return LearningCurve(run, step[after], loss[after], schedule)
