"""A user's table of losses as the runs of a study."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from isoloss.config.study import Table
from isoloss.errors import UserError, nearest
from isoloss.tables.asking import IN_STUDY, rows_text
from isoloss.tables.checks import FEWEST, UNITS
from isoloss.tables.data import read_named
from isoloss.tables.read import READERS
from isoloss.tables.read import read_table as read_file
from isoloss.tables.recognised import times
from isoloss.tables.schema import MAY_BE_ZERO, NUMBERS, RUN_COLUMNS, SWEEP, WHOLE, typed

MOST = 2**63  # whole columns are 64-bit
# Counts that users computed, e.g. from FLOPs, have meaningless fractions. A count counts as whole
# if rounding changes it by at most this share; in a column of known unit, the share is larger.
ROUNDED, ROUNDED_IN_A_UNIT = 5e-7, 1e-3
# Our column -> the quantity of `isoloss fit` with the same cells and units.
QUANTITIES = {"n_params_non_embedding": "n_params", "steps": "n_steps"} | {
    name: "compute" for name in NUMBERS if name.startswith("compute_")
}


class Imported(NamedTuple):
    """A user's table as runs, and the assumptions about its units and cells."""

    runs: Any  # a pandas DataFrame
    notes: list[str]


def path_problems(path: str, root: str | Path) -> list[str]:
    """Problems of the path of a study's table.

    Without this check, Snakemake would silently keep the results of a table that was removed.
    """
    if any(character in "{}" or not character.isprintable() for character in path):
        return [f"path: must have no braces and no control characters, got {path!r}"]
    if Path(path).suffix.lower() not in READERS:
        return [f"path: the name must end in one of {', '.join(READERS)}, got {path!r}"]
    if not (Path(root) / path).is_file():
        return [f"path: there is no file {path}"]
    return []


def read_table(study: Table) -> Imported:
    """The rows of a table as runs, in the table's order; the sweep of all of them is "table".

    Columns, units and cells are understood as by `isoloss fit`. Two rules are stricter, because all
    studies share one form of the table of runs. The study names the columns, because it is planned
    before the table is read. Counts are whole numbers below 2^63.

    Raises
    ------
    UserError
        The file cannot be read, columns are missing, or a value is not possible in its column. The
        error lists all problems; rows are counted from 1 below the header.
    """
    path = Path(study.path)
    table = read_file(path)
    problems = [
        f"columns.{ours}: is not a column of runs with numbers{nearest(ours, NUMBERS)}"
        for ours in study.columns
        if ours not in NUMBERS
    ]
    if "loss" not in study.columns:
        problems.append("columns.loss: missing")
    if problems:
        raise UserError(str(path), problems)
    named = read_named(
        table,
        study.columns,
        quantities=QUANTITIES,
        may_be_zero=MAY_BE_ZERO,
        problems_of=_count_problems,
        where=str(path),
    )
    numbers = {
        ours: [round(value) for value in values.tolist()]
        if NUMBERS[ours] == WHOLE
        else values.tolist()
        for ours, values in named.values.items()
    }
    rows = [
        {"sweep": "table", "run_id": f"{path.stem}-row{i + 1}", "task": "table", "status": "done"}
        | {name: column[i] for name, column in numbers.items()}
        for i in range(len(table))
    ]
    return Imported(typed(rows, (SWEEP, *RUN_COLUMNS)), [*named.notes, *named.warnings])


def _count_problems(ours: str, theirs: str, values: np.ndarray, scaled: bool) -> Iterator[str]:
    """Problems of a column whose numbers must be whole, or FLOP."""
    less = np.flatnonzero((values > 0) & (values < 1))
    if QUANTITIES.get(ours) == "compute" and len(less):
        asked = IN_STUDY.column(ours, times(theirs, 1e15))
        yield (
            f"column {theirs!r} is below 1: {rows_text(less)}; compute is wanted in FLOP, "
            f"for PFLOP write {asked}"
        )
    if NUMBERS[ours] != WHOLE:
        return
    share = ROUNDED_IN_A_UNIT if scaled else ROUNDED
    large = np.flatnonzero(values >= MOST)
    apart = np.flatnonzero(np.abs(values - np.round(values)) > share * np.abs(values))
    if len(large):
        yield f"column {theirs!r} must be below 2^63 (9.2e18): {rows_text(large)}"
    if len(apart) and not (ours in UNITS and values.max() < FEWEST):  # has a message about its unit
        found = f"{values[apart[0]]:g}"
        yield f"column {theirs!r} must be whole, got {found}: {rows_text(apart)}"
