"""The tables of a study: its runs and their learning curves."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from isoloss.config.runs import Optimisation
from isoloss.errors import UserError
from isoloss.files import read_json, read_parquet
from isoloss.tables.schema import CURVE_COLUMNS, RUN_COLUMNS, SWEEP, typed
from isoloss.train.schedule import learning_rate

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
            row, about = read_json(folder / "row.json"), read_json(folder / "about.json")
            described = of_settings(about["settings"], row)
            rows[run_id] = described | row | {"lineage": lineages.get(run_id)}
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


def of_settings(settings: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that follow from a run's settings and that its own row lacks.

    Parameters
    ----------
    settings : mapping
        Sections task, model, data and, of a run that is trained in steps, training.
    row : mapping
        The run's columns `width` and `steps`.
    """
    model, columns = settings["model"], {}
    if model.get("kind") == "transformer":
        columns = {"n_head": model["n_head"], "d_ff": model["d_ff"] or 4 * model["d_model"]}
    if (given := settings.get("training")) is None:
        return columns
    known = {key: value for key, value in given.items() if key in Optimisation.model_fields}
    training, steps = Optimisation.model_validate(known), int(row["steps"])
    warmup = training.warmup_steps
    rates = (learning_rate(training, step, steps, row["width"]) for step in range(1, steps + 1))
    return columns | {
        "lr_sum": math.fsum(rates),
        "warmup_steps": round(training.warmup_fraction * steps) if warmup is None else warmup,
        "weight_decay": training.weight_decay,
    }


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
