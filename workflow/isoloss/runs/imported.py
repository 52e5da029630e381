"""A table of losses that a user has, as the runs of a study."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isoloss.config.study import Table
from isoloss.errors import UserError, nearest
from isoloss.tables.read import read_table as read_file
from isoloss.tables.schema import MAY_BE_ZERO, NUMBERS, RUN_COLUMNS, SWEEP, WHOLE, typed

SHOWN_ROWS = 5  # of the rows that have the same problem
MOST = 2**63  # whole columns are 64-bit
# Counts that others computed, as from FLOPs, have fractions that mean nothing; of a number as small
# as this, a fraction says that it is in another unit.
COMPUTED = 1e6


def read_table(study: Table) -> pd.DataFrame:
    """The rows of a table as runs, in the table's order; the sweep of all of them is "table".

    Numbers are in units (not thousands or millions), losses in nats.

    Raises
    ------
    UserError
        The file cannot be read, columns are missing, or a value is none that its column can have:
        all of it, with the rows, counted from 1 below the header.
    """
    path = Path(study.path)
    table = read_file(path)
    problems = [
        f"columns.{ours}: the table has no column {theirs!r}{nearest(theirs, table.columns)}"
        for ours, theirs in study.columns.items()
        if theirs not in table.columns
    ]
    problems += [
        f"columns.{ours}: is not a column of runs with numbers{nearest(ours, NUMBERS)}"
        for ours in study.columns
        if ours not in NUMBERS
    ]
    if "loss" not in study.columns:
        problems.append("columns.loss: missing")
    if not len(table):
        problems.append("the table has no rows")
    if problems:
        raise UserError(str(path), problems)
    numbers = {}
    for ours, theirs in study.columns.items():
        values = np.array([_number(cell) for cell in table[theirs]])
        problems += _value_problems(ours, theirs, values, table[theirs])
        numbers[ours] = values.tolist()
    if problems:
        raise UserError(str(path), problems)
    for ours in numbers:
        if NUMBERS[ours] == WHOLE:
            numbers[ours] = [round(value) for value in numbers[ours]]
    rows = [
        {"sweep": "table", "run_id": f"{path.stem}-row{i + 1}", "task": "table", "status": "done"}
        | {name: column[i] for name, column in numbers.items()}
        for i in range(len(table))
    ]
    return typed(rows, (SWEEP, *RUN_COLUMNS))


def _number(cell: Any) -> float:
    """NaN for what is no number."""
    try:
        return math.nan if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _value_problems(ours: str, theirs: str, values: np.ndarray, cells: pd.Series) -> list[str]:
    least = values >= 0 if ours in MAY_BE_ZERO else values > 0
    sign = "not negative" if ours in MAY_BE_ZERO else "positive"
    bad = {f"must be {sign} and finite": ~(np.isfinite(values) & least)}
    if NUMBERS[ours] == WHOLE:
        bad["must be below 2^63 (9.2e18)"] = np.isfinite(values) & (values >= MOST)
        apart = np.abs(values - np.round(values)) > 1e-9 * np.abs(values)
        unit = "must be whole; in millions or billions? Multiply the column, so that it is in units"
        bad[unit] = np.isfinite(values) & apart & (values > 0) & (values < COMPUTED)
    problems = []
    for must, wrong in bad.items():
        rows = np.flatnonzero(wrong)
        if len(rows):
            shown = ", ".join(str(row + 1) for row in rows[:SHOWN_ROWS])
            more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
            found = str(cells.iloc[rows[0]])[:60]
            problems.append(f"column {theirs!r}: {must}, row {shown}{more}: got {found!r}")
    return problems
