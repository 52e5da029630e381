"""`read_runs`: the rows of a table that count, with their units and what was assumed."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.api.shown import Shown, listed
from isoloss.errors import UserError
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings, said

if TYPE_CHECKING:
    import pandas as pd

UNITS = {"n_params": "parameters", "n_tokens": "tokens", "n_unique_tokens": "tokens",
         "compute": "FLOP"}  # fmt: skip
BITS = "is in bits by its name"  # the start of the note on a loss that stays in bits
OF_METRIC = {"accuracy": "odds of a mistake", "error": "odds of a mistake", "inverse": "1 / column"}
DIGITS = 12  # of the numbers in `Runs.values`
STATUS = ("done", "all")
ONE = "chinchilla"  # the law of the parameters where none is named, as for `isoloss fit`
FIRST = 8  # runs that a notebook shows


@dataclass(frozen=True, repr=False, eq=False)
class Runs(Shown):
    """Runs of a table: their sizes, tokens and losses, each in one unit.

    Attributes
    ----------
    table : pandas.DataFrame, shape (run, column)
        The rows that are fitted, with the cells of the file. Messages count rows from 1: the index
        is that number less one.
    values : pandas.DataFrame, shape (run, variable)
        The law's variables (for most laws `n_params` and `n_tokens`) and `loss`, as they are
        fitted, to 12 digits. The index is that of `table`.
    units : dict of str to str
        Column of `values` -> its unit: parameters, tokens, FLOP, and "nats", "bits" or the like.
    settings : FitSettings
        What was said about the columns; a fit takes these settings too.
    notes : tuple of str
        What was assumed: which column is what, in which unit, and which rows do not count.
    warnings : tuple of str
        What limits the trust in the table.
    """

    table: pd.DataFrame
    values: pd.DataFrame
    units: dict[str, str]
    settings: FitSettings
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.table)

    def parts(self) -> Iterator[str]:
        """The ranges of the variables, and what was assumed."""
        from isoloss.fit.text import ranges

        logs = {name: np.log(self.values[name].to_numpy()) for name in self.values}
        loss = np.exp(logs.pop("loss"))
        yield f"{self.settings.where}: {ranges(logs)}"
        yield f"loss {loss.min():.4g} to {loss.max():.4g} ({self.units['loss']})"
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"assumed: {text}" for text in self.notes)

    def _repr_html_(self) -> str:
        from html import escape

        named = {name: f"{name} ({unit})" for name, unit in self.units.items()}
        shown = self.values.head(FIRST).rename(columns=named).rename(index=lambda i: i + 1)
        first, second, *said = self.parts()
        more = f"<div>... {len(self) - FIRST} more</div>" if len(self) > FIRST else ""
        html = shown.to_html(float_format="{:.5g}".format, border=0)
        head = f"<div><b>{escape(first)}</b>; {escape(second)}</div>"
        return f"<div>{head}{html}{more}{listed(said)}</div>"


def read_runs(
    table: str | os.PathLike | Any,
    *,
    where: str | None = None,
    without: str | Sequence[int] | None = None,
    status: str = "done",
    best_of: str | Sequence[str] | None = None,
    mean_of: str | Sequence[str] | None = None,
    **settings: Any,
) -> Runs:
    """Read a table of runs: which rows count, which column is what, and in which unit.

    Parameters
    ----------
    table : path, DataFrame of pandas, Polars or Arrow, or mapping of str to array
        A row for each run, or each evaluation. Of files, CSV and its relatives, Markdown, JSON,
        Parquet and SQLite (docs/fitting.md); a pattern such as "runs/*.csv" reads many. Nothing
        is modified.
    where : str, optional
        The rows to read, e.g. 'dataset == "dclm" and n_params > 1e8'.
    without : str or sequence of int, optional
        Rows to leave out, e.g. "1-5,9" or [1, 9]; the first row below the header is 1.
    status : {"done", "all"}
        Whether rows count that a column calls crashed, diverged or unfinished; "done": they do not.
    best_of, mean_of : str or sequence of str, optional
        Settings that were swept, e.g. "lr,batch_size": of each point the row of the lowest loss,
        or the mean of the losses.
    **settings
        Settings of `isoloss.FitSettings` that say what columns mean, such as `columns`, `cluster`,
        `metric` and `x`. Name the `law` here where the table has no N and D for it. `isoloss.fit`
        takes the same settings.

    Returns
    -------
    Runs

    Raises
    ------
    UserError
        The file is missing or unreadable, a row or column that is named is not there, or the table
        has no sizes, tokens or losses that can be told. The error lists every problem.
    """
    given = {"where": where, "without": without, "status": status, "best_of": best_of,
             "mean_of": mean_of}  # fmt: skip
    name = str(table) if isinstance(table, str | os.PathLike) else "table"
    asked = FitSettings.of(None, {"law": AVERAGE_OF_LAWS} | settings | {"where": name})
    problems = [said(*problem) for problem in of_one_law(asked).problems()]
    if status not in STATUS:
        problems.append(f"status: {status!r} is none of {', '.join(STATUS)}")
    if where is not None and not isinstance(where, str):
        problems.append(f"where: must be a condition as text, got {where!r}")
    for key, swept in (("best_of", best_of), ("mean_of", mean_of)):
        several = isinstance(swept, Sequence) and all(isinstance(one, str) for one in swept)
        if swept is not None and not several:
            problems.append(f"{key}: must be the names of columns, got {swept!r}")
    ranges = rows_of(without, problems)
    if problems:
        raise UserError("read_runs", problems)
    return runs_of(chosen(_frame(table), asked, given | {"without": ranges}), asked)


def of_one_law(settings: FitSettings) -> FitSettings:
    """The settings of the fit of one law: that of `isoloss fit` where none is named."""
    if settings.law != AVERAGE_OF_LAWS:
        return settings
    return dataclasses.replace(settings, law=ONE)


def runs_of(table: pd.DataFrame, settings: FitSettings) -> Runs:
    """The runs of a table whose rows are chosen.

    Raises
    ------
    UserError
        The columns of the law cannot be told, or a cell is wrong.
    """
    import pandas as pd

    from isoloss.laws import law as law_named
    from isoloss.tables.data import read

    law = law_named(of_one_law(settings).law)
    data = read(table, law, settings.columns_of(law), cluster=settings.cluster,
                weights=settings.weights, vocabulary=settings.vocabulary, n_free=1,
                flops_per_param_token=settings.flops_per_param_token, metric=settings.metric,
                where=settings.where)  # fmt: skip
    logs = {**data.log_x, "loss": data.log_loss}
    values = {name: [float(f"{x:.{DIGITS}g}") for x in np.exp(log)] for name, log in logs.items()}
    units = {name: UNITS.get(name, "") for name in data.log_x}
    bits = any(BITS in note for note in data.notes)
    units["loss"] = "bits" if bits else OF_METRIC.get(settings.metric or "", "nats")
    return Runs(table, pd.DataFrame(values, index=table.index), units, settings, data.notes,
                data.warnings)  # fmt: skip


def chosen(table: pd.DataFrame, settings: FitSettings, given: dict[str, Any]) -> pd.DataFrame:
    """The rows of a table that options choose.

    Parameters
    ----------
    table : pandas.DataFrame
        As `read_table` reads it.
    given : dict
        where, without (as `rows_of` returns it), status, best_of and mean_of of `read_runs`.

    Raises
    ------
    UserError
        A row, a column or a condition is wrong.
    """
    from isoloss.tables import rows
    from isoloss.tables.shapes import turned

    table = rows.filled(_without(turned(table), given.get("without") or []))
    columns = dict(settings.columns) | ({"loss": settings.y} if settings.y else {})
    if given.get("where"):
        table = rows.matching(table, given["where"])
    if given.get("status", rows.ALL) != rows.ALL:
        table = rows.without_empty_losses(rows.counted(table), columns)
    for option, mean in (("best_of", False), ("mean_of", True)):
        swept = given.get(option)
        if isinstance(swept, str):
            swept = [swept] if swept in table else [part.strip() for part in swept.split(",")]
        if swept:
            table = rows.best_of(table, swept, columns, mean=mean)
    return table


def rows_of(text: str | Sequence[int] | None, problems: list[str]) -> list[tuple[int, int]]:
    """First and last row of each part of "1-5,9"; a range may be longer than memory."""
    if text is None:
        return []
    rows = np.atleast_1d(text).tolist() if not isinstance(text, str) else text.split(",")
    parts = [str(row) for row in rows]
    ranges = []
    for part in parts:
        first, _, last = part.strip().partition("-")
        try:
            ends = int(first), int(last or first)
        except ValueError:
            ends = 0, 0
        if 1 <= ends[0] <= ends[1]:
            ranges.append(ends)
        else:
            said = text if isinstance(text, str) else ",".join(parts)
            problems.append(f"--without {said}: {part!r} is no row or range such as 3 or 1-5")
    return ranges


def _without(table, ranges):
    n_rows = len(table)
    missing = [max(first, n_rows + 1) for first, last in ranges if last > n_rows]
    if missing:
        found = f"there is no row {min(missing)}; the table has {n_rows}"
        raise UserError("--without", [found])
    rows = {row for first, last in ranges for row in range(first, last + 1)}
    return table.drop(index=[table.index[row - 1] for row in rows]) if rows else table


def number(table: pd.DataFrame, row: int) -> int:
    """The number of a row in the file; `row` counts from 1 among the rows that are kept."""
    return int(table.index[row - 1]) + 1


def _frame(table):
    """A table as `read_table` reads one: rows are counted from 1."""
    import pandas as pd

    from isoloss.tables.read import read_table

    if isinstance(table, str | os.PathLike):
        return read_table(Path(table))
    if isinstance(table, pd.DataFrame):
        made = table.reset_index(drop=True)
        made.attrs = table.attrs
        return made
    if hasattr(table, "to_pandas"):  # of Arrow and Polars
        return table.to_pandas()
    try:
        return pd.DataFrame({str(name): np.asarray(values) for name, values in table.items()})
    except (AttributeError, ValueError) as error:
        kind = type(table).__name__
        raise UserError(
            "table", [f"is no table: a path, a DataFrame or a mapping is needed, got {kind}"]
        ) from error
