"""Select runs of a table by sweep, by values of columns, and by status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from isoloss.tables.schema import with_values

if TYPE_CHECKING:
    import pandas as pd


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


def is_finished(runs: pd.DataFrame) -> pd.Series:
    """Whether each run reached its planned end: its `status` is "done"."""
    return runs["status"] == "done"


def finished_in(
    runs: pd.DataFrame, sweeps: Iterable[str], measured: str | None = None
) -> pd.DataFrame:
    """The finished runs of some sweeps, each once, in the table's order.

    Parameters
    ----------
    runs : DataFrame
        Columns `status`, `sweep` and `run_id`. A run has a row for each sweep that wants it.
    sweeps : iterable of str
    measured : str, optional
        A column in which the runs must have a value.
    """
    found = runs[is_finished(runs) & runs["sweep"].isin(list(sweeps))]
    if measured is not None:
        found = found[found[measured].notna()]
    return found.drop_duplicates("run_id")


def finished(runs: pd.DataFrame, y: str) -> tuple[pd.DataFrame, list[str]]:
    """The finished runs with a finite `y`, and a note about the others."""
    good = runs[y].notna() & ~runs[y].isin([float("inf"), float("-inf")])
    if "status" in runs.columns:
        good &= is_finished(runs)
    lost = int((~good).sum())
    if not lost:
        return runs, []
    of = f"{len(runs)} run" + ("s" if len(runs) != 1 else "")
    return runs[good], [f"{lost} of {of} diverged or has no {y}, and is not drawn."
                        if lost == 1 else
                        f"{lost} of {of} diverged or have no {y}, and are not drawn."]  # fmt: skip
