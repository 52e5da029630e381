"""The tables of a study: its runs and their learning curves."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from isoloss.errors import UserError
from isoloss.files import read_json, read_parquet
from isoloss.tables.schema import (
    CURVE_COLUMNS,
    EVALUATION_COLUMNS,
    RUN_COLUMNS,
    SWEEP,
    typed,
)
from isoloss.tasks.problem import FURTHER


class Tables(NamedTuple):
    """The tables of a study, by the names of their files."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    evaluations: pd.DataFrame  # on parts of the held-out text, where the runs made some


def without_training(runs: pd.DataFrame) -> Tables:
    """The tables of runs that isoloss has not trained: they have no curves."""
    return Tables(runs, typed([], CURVE_COLUMNS), typed([], EVALUATION_COLUMNS))


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
    members, rows, curves, evaluations, problems = list(members), {}, [], [], []
    for run_id in dict.fromkeys(run_id for _, run_id in members):
        folder = Path(runs_folder) / run_id
        try:
            row = read_json(folder / "row.json")
            evaluations += row.pop(FURTHER, [])
            rows[run_id] = row | {"lineage": lineages.get(run_id)}
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
    curve = pd.concat(curves, ignore_index=True) if curves else typed([], CURVE_COLUMNS)
    return Tables(table, curve, typed(evaluations, EVALUATION_COLUMNS))


def of_studies(tables: dict[str, Tables]) -> Tables:
    """The runs of several studies; the column `sweep` holds the study of each run."""
    runs = [
        of.runs.assign(sweep=pd.array([study] * len(of.runs), dtype=SWEEP.dtype)).drop_duplicates(
            "run_id"
        )
        for study, of in tables.items()
    ]
    curves = _joined([of.curves for of in tables.values()], ["run_id", "step"])
    part = ["run_id", "step", "text", "first_position"]
    evaluations = _joined([of.evaluations for of in tables.values()], part)
    return Tables(pd.concat(runs, ignore_index=True), curves, evaluations)


def _joined(tables: list[pd.DataFrame], key: list[str]) -> pd.DataFrame:
    joined = pd.concat(tables, ignore_index=True).drop_duplicates(key)
    return joined.reset_index(drop=True)
