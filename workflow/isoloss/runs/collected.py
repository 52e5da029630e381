"""The tables of a study: its runs and their learning curves."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from isoloss.errors import UserError
from isoloss.files import read_json, read_parquet
from isoloss.tables.schema import CURVE_COLUMNS, RUN_COLUMNS, SWEEP, typed

Tables = tuple[pd.DataFrame, pd.DataFrame]  # runs, curves


def of_training(
    members: Iterable[tuple[str, str]],
    runs_folder: str | Path,
    lineages: Mapping[str, str] = MappingProxyType({}),
) -> Tables:
    """The runs that a study trained.

    Parameters
    ----------
    members : iterable of (sweep, run_id)
        A run that several sweeps want has a row for each sweep, and one curve.
    runs_folder : path
        The folder with one folder per run.
    lineages : mapping
        Run -> the name that it has in common with all runs that share its trunk.

    Raises
    ------
    UserError
        Files of runs are missing or damaged; the error names all of them.
    """
    members, rows, curves, problems = list(members), {}, [], []
    for run_id in dict.fromkeys(run_id for _, run_id in members):
        folder = Path(runs_folder) / run_id
        try:
            rows[run_id] = read_json(folder / "row.json") | {"lineage": lineages.get(run_id)}
            curves.append(read_parquet(folder / "curve.parquet"))
        except UserError as error:
            problems += [f"{error.where}: {problem}" for problem in error.problems]
    if problems:
        raise UserError(
            "the runs", [f"{problem}; remove the file to redo it" for problem in problems]
        )
    table = typed(
        [{"sweep": sweep} | rows[run_id] for sweep, run_id in members if run_id in rows],
        (SWEEP, *RUN_COLUMNS),
    )
    return table, pd.concat(curves, ignore_index=True) if curves else typed([], CURVE_COLUMNS)


def of_studies(tables: dict[str, Tables]) -> Tables:
    """The runs of several studies; the column `sweep` holds the study of each run."""
    runs = [
        runs.assign(sweep=pd.array([study] * len(runs), dtype=SWEEP.dtype)).drop_duplicates(
            "run_id"
        )
        for study, (runs, _) in tables.items()
    ]
    curves = [curves for _, curves in tables.values()]
    joined = pd.concat(curves, ignore_index=True).drop_duplicates(["run_id", "step"])
    return pd.concat(runs, ignore_index=True), joined.reset_index(drop=True)
