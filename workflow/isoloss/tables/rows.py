"""Which rows of a table are fitted: those that count, those of a condition, the best of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoloss.errors import UserError, nearest
from isoloss.tables.asking import rows_text
from isoloss.tables.cells import is_empty, read_cells
from isoloss.tables.grouping import SETTINGS, plain_name
from isoloss.tables.names import is_held_out, is_loss, is_training
from isoloss.tables.recognised import listed, options_of, recognise
from isoloss.tables.states import not_counted
from isoloss.tables.where import kept

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"  # of --status: rows count whatever a column says
POINT = ("n_params", "n_tokens", "compute")
UNRELIABLE, ACCURATE = 16, 256  # settings behind a best loss, in Lourie et al. (2026)


def with_note(table, rows, note: str):
    """Some rows of a table, with the assumption behind them in `attrs`; they keep their numbers."""
    attrs = {**table.attrs, "notes": [*table.attrs.get("notes", ()), note]}
    table = table.loc[rows]
    table.attrs = attrs
    return table


def matching(table: pd.DataFrame, condition: str) -> pd.DataFrame:
    """The rows for which a condition holds (see `where.kept`), with a note."""
    rows = kept(table, condition)
    note = f"--where {condition}: {int(rows.sum())} of {len(rows)} rows"
    return with_note(table, rows, note)


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that no column of states or flags calls crashed, diverged or unfinished."""
    for column, (rows, said) in not_counted({c: table[c].to_numpy() for c in table}).items():
        if len(rows) == len(table):
            continue
        left = np.ones(len(table), dtype=bool)
        left[rows] = False
        numbers = numbers_of(table)
        note = (
            f"{len(rows)} of {len(table)} rows do not count, as column {column!r} is {said}: "
            f"{rows_text(rows, numbers)} (--status all fits them too)"
        )
        table = with_note(table, left, note)
        return counted(table)
    return table


def filled(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a cell that is not empty; sheets have empty lines between groups."""
    empty = np.logical_and.reduce([_empty(table[column]) for column in table])
    if not empty.any() or empty.all():
        return table
    lines = rows_text(np.flatnonzero(empty), numbers_of(table))
    return with_note(table, ~empty, f"empty in every column, and left out: {lines}")


def without_empty_losses(table: pd.DataFrame, columns) -> pd.DataFrame:
    """The rows with a held-out loss, where other rows hold the training loss instead.

    A logger writes training and held-out losses in rows of their own. Rows without either stay,
    and are reported as broken.
    """
    loss = columns.get("loss") or recognise("loss", table)
    if loss not in table.columns or is_training(loss):
        return table
    empty = _empty(table[loss])
    others = [c for c in table if c != loss and is_loss(str(c)) and not is_held_out(str(c))]
    filled = np.zeros(len(table), dtype=bool)
    for other in others:
        filled |= ~_empty(table[other])
    sparse = empty & filled
    if not sparse.any() or empty.all() or 4 * sparse.sum() < len(table):
        return table
    note = (
        f"{int(sparse.sum())} of {len(table)} rows have no {loss!r} and are left out: they hold "
        f"{listed([repr(str(other)) for other in others])} of the same runs"
    )
    return with_note(table, ~sparse, note)


def _empty(column) -> np.ndarray:
    cells = column.to_numpy()
    if cells.dtype.kind in "fiu":
        return np.isnan(cells.astype(float))
    return np.array([is_empty(cell) for cell in cells], dtype=bool)


def best_of(
    table: pd.DataFrame, swept: Sequence[str], columns, *, mean: bool = False
) -> pd.DataFrame:
    """One row for each point of a sweep: that of the lowest loss, or the mean of the losses.

    Parameters
    ----------
    swept : sequence of str
        Columns of the settings that were swept.
    columns : mapping
        Quantity -> column, as the user names them.
    mean : bool
        Whether the loss of a point is the mean over the settings; the best if not.

    Raises
    ------
    UserError
        A column is not there, or no column of the loss or of sizes can be told.
    """
    option = "--mean-of" if mean else "--best-of"
    listed = [str(c) for c in table.columns]
    problems = [
        f"there is no column {name!r}{nearest(name, listed)} (columns: {', '.join(listed[:12])})"
        for name in swept
        if name not in listed
    ]
    loss = columns.get("loss") or recognise("loss", table)
    point = [c for name in POINT for c in _columns_of(columns.get(name), name, table, swept)]
    if loss not in listed:
        problems.append("the column of the loss is not known: --column loss=COLUMN")
    if not point:
        problems.append("no column of sizes, tokens or compute is known: --column n_params=COLUMN")
    if problems:
        raise UserError(option, problems)
    point += [c for c in listed if plain_name(c) in SETTINGS and c not in (*swept, *point, loss)]
    numbers = read_cells(table[loss].to_numpy(), "loss").numbers
    keys: dict[tuple, list[int]] = {}
    for i, key in enumerate(zip(*(map(str, table[c].tolist()) for c in point), strict=True)):
        keys.setdefault(key, []).append(i)
    rows, losses = [], []
    for members in keys.values():
        good = [i for i in members if np.isfinite(numbers[i])]
        if good:
            rows.append(min(good, key=lambda i: numbers[i]))
            losses.append(float(np.mean(numbers[good])))
    if not rows:
        raise UserError(option, [f"no row has a number in column {loss!r}"])
    order = np.argsort(rows, kind="stable")
    sizes = np.array([len(members) for members in keys.values()])
    behind = f"{sizes.min()}" if np.ptp(sizes) == 0 else f"{sizes.min()} to {sizes.max()}"
    what = "mean" if mean else "best"
    note = (
        f"loss: the {what} over {', '.join(swept)} at each of {len(rows)} points, {behind} "
        "settings a point"
    )
    if not mean:
        note += f" ({_how_many(int(sizes.min()))}: Lourie et al. 2026, arXiv:2608.11859)"
    table = with_note(table, table.index[np.array(rows)[order]], note)
    if mean:
        table[loss] = np.array(losses)[order]
    # The swept settings are no longer a question.
    attrs = table.attrs
    table = table.drop(columns=[c for c in swept if c != loss])
    table.attrs = attrs
    return table


def _how_many(n_settings: int) -> str:
    """Where the fewest settings of a point stand between those that they find to be too few."""
    few, enough = UNRELIABLE, ACCURATE
    said = f"the best of {few} random settings is unreliable, of {enough} accurate"
    if n_settings <= few:
        return f"{said}, and here are as few as {n_settings}"
    if n_settings >= enough:
        return f"{said}, and here are no fewer than {n_settings}"
    nearer = "few" if n_settings < (few * enough) ** 0.5 else "many"
    return f"{said}; {n_settings} lie between, nearer to the {nearer}"


def _columns_of(text, name, table, swept) -> list[str]:
    """The columns that hold a quantity, whatever the unit: as named, or else as recognised."""
    if text is None:
        options = options_of(name, table, swept)
        return [options[0].column] if options else []
    return [text] if text in table else [part for part in text.split("*") if part in table]


def numbers_of(table) -> np.ndarray:
    """The numbers of a table's rows in the user's file, from 1."""
    return table.index.to_numpy() + 1
