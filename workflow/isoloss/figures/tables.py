"""What a figure is made from, and what it is made into."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from isoloss.errors import UserError, nearest
from isoloss.tables.schema import with_values


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of one study.

    Attributes
    ----------
    runs, curves, fits, analyses : DataFrame
        Columns as docs/data.md lists them; an empty frame where a study has none.
    variables : mapping
        Fit -> the law's variable -> the column of `runs` (as the study's fits say).
    truth : tuple of (law, parameters) or None
        The law that losses were drawn from, where it is known.
    """

    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    fits: pd.DataFrame = field(default_factory=pd.DataFrame)
    analyses: pd.DataFrame = field(default_factory=pd.DataFrame)
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    truth: tuple[str, Mapping[str, float]] | None = None

    def __post_init__(self):
        for name in ("runs", "curves", "fits", "analyses"):
            object.__setattr__(self, name, plain(getattr(self, name)))


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure, every number on it, and what a reader must know beside the caption.

    `table` has the columns panel, series, what, x_quantity, x, y_quantity, y, lo, hi; figures
    that are tables by nature add their own columns.
    """

    figure: Figure
    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with NumPy's numbers in place of nullable ones: NaN where nothing is known."""
    numbers = {
        name: column.to_numpy("int64" if column.dtype.kind in "iu" and column.notna().all()
                              else "float64", na_value=float("nan"))
        for name, column in table.items()
        if isinstance(column.dtype, pd.api.extensions.ExtensionDtype) and column.dtype.kind in "iuf"
    }  # fmt: skip
    return table.assign(**numbers) if numbers else table


def need(table: pd.DataFrame, columns: Iterable[str], where: str, what: str) -> None:
    """Raise a UserError that names every column that `table` lacks."""
    problems = [
        f"there is no column {column!r} in the table of {what}{nearest(column, table.columns)}"
        for column in dict.fromkeys(columns)
        if column not in table.columns
    ]
    if problems:
        raise UserError(where, problems)


def chosen(
    runs: pd.DataFrame,
    sweeps: Iterable[str] | None = None,
    where: Mapping[str, Iterable] | None = None,
) -> pd.DataFrame:
    """The runs of the given sweeps with one of the given values, in a stable order."""
    if sweeps is not None:
        runs = runs[runs["sweep"].isin(list(sweeps))]
    found = with_values(runs, where or {})
    order = [column for column in ("sweep", "run_id") if column in found.columns]
    return found.sort_values(order, kind="stable") if order else found


def finished(runs: pd.DataFrame, y: str) -> tuple[pd.DataFrame, list[str]]:
    """The runs that ended with a finite `y`, and a note about those that did not."""
    good = runs[y].notna() & ~runs[y].isin([float("inf"), float("-inf")])
    if "status" in runs.columns:
        good &= runs["status"] == "done"
    lost = int((~good).sum())
    if not lost:
        return runs, []
    of = f"{len(runs)} run" + ("s" if len(runs) != 1 else "")
    return runs[good], [f"{lost} of {of} diverged or has no {y}, and is not drawn."
                        if lost == 1 else
                        f"{lost} of {of} diverged or have no {y}, and are not drawn."]  # fmt: skip


def where_of(spec) -> str:
    """How messages name a figure."""
    return f"figure {spec.name}"
