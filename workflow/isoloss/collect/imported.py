"""A table of losses that a user has, as the runs of a study."""

from pathlib import Path

import numpy as np
import pandas as pd

from isoloss.columns import REAL, RUNS, SWEEP, WHOLE, typed
from isoloss.config.study import Table
from isoloss.errors import UserError, nearest

READERS = {
    ".csv": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.read_json(path, lines=True),
}
NUMBERS = {column.name: column.dtype for column in RUNS if column.dtype in (WHOLE, REAL)}
SHOWN_ROWS = 5  # of the rows that have the same problem


def read_table(study: Table) -> pd.DataFrame:
    """The rows of a table as runs, in the table's order; the sweep of all of them is "table".

    Numbers are in units (not thousands or millions), losses in nats.

    Raises
    ------
    UserError
        The file cannot be read, columns are missing, or a value is no positive number: all of it,
        with the rows, counted from 1 below the header.
    """
    path = Path(study.path)
    table = _read(path)
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
        values = pd.to_numeric(table[theirs], errors="coerce").to_numpy(float)
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            rows = ", ".join(str(row + 1) for row in bad[:SHOWN_ROWS])
            more = f" and {len(bad) - SHOWN_ROWS} more" if len(bad) > SHOWN_ROWS else ""
            found = str(table[theirs].iloc[bad[0]])
            problems.append(
                f"column {theirs!r}: must be positive and finite, row {rows}{more}: got {found!r}"
            )
        numbers[ours] = [
            round(value) if NUMBERS[ours] == WHOLE and np.isfinite(value) else value
            for value in values.tolist()
        ]
    if problems:
        raise UserError(str(path), problems)
    rows = [
        {"sweep": "table", "run_id": f"{path.stem}-row{i + 1}", "task": "table", "status": "done"}
        | {name: column[i] for name, column in numbers.items()}
        for i in range(len(table))
    ]
    return typed(rows, (SWEEP, *RUNS))


def _read(path: Path) -> pd.DataFrame:
    if path.suffix not in READERS:
        allowed = ", ".join(READERS)
        raise UserError(str(path), [f"the name must end in one of {allowed}"])
    try:
        return READERS[path.suffix](path)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise UserError(str(path), [f"could not be read: {error}"]) from error
