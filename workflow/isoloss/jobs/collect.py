"""The job that makes the tables of one study."""

import argparse
import json
from pathlib import Path

from isoloss.config.study import SOURCES, Planted, Study
from isoloss.config.study import Table as TableStudy
from isoloss.files import read_json, read_parquet, write_json, write_parquet
from isoloss.runs.collected import Tables, of_studies, of_training
from isoloss.tables.schema import (
    ASSUMED,
    CURVE_COLUMNS,
    RUN_COLUMNS,
    SWEEP,
    completed,
    typed,
)


def main(argv: list[str]) -> None:
    """Write runs.parquet and curves.parquet of the study that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job collect", description=__doc__)
    parser.add_argument("--study", required=True, help="JSON: the source, and what it needs")
    parser.add_argument("--studies-folder", required=True)
    parser.add_argument("--runs-folder", required=True)
    parser.add_argument("--out", required=True, help="the study's folder")
    arguments = parser.parse_args(argv)
    given = json.loads(arguments.study)
    runs, curves = _tables(given, arguments)
    write_parquet(Path(arguments.out) / "runs.parquet", runs)
    write_parquet(Path(arguments.out) / "curves.parquet", curves)


def _tables(given: dict, arguments: argparse.Namespace) -> Tables:
    match given["source"]:
        case "training":
            plan = read_json(Path(arguments.out) / "plan.json")
            return of_training(plan["members"], arguments.runs_folder, plan["lineages"])
        case "studies":
            folder = Path(arguments.studies_folder)
            return of_studies(
                {
                    study: tuple(
                        read_parquet(folder / study / name)
                        for name in ("runs.parquet", "curves.parquet")
                    )
                    for study in given["of"]
                }
            )
        case "planted":
            from isoloss.tasks.planted import simulate

            planted = simulate(_study(given, Planted))
            return completed(planted, (SWEEP, *RUN_COLUMNS)), typed([], CURVE_COLUMNS)
        case "table":
            runs = _imported(_study(given, TableStudy), Path(arguments.out))
            return runs, typed([], CURVE_COLUMNS)
    return typed([], (SWEEP, *RUN_COLUMNS)), typed([], CURVE_COLUMNS)


def _imported(study: TableStudy, out: Path):
    """A user's table as runs; the assumptions go to the log and to the report."""
    from isoloss.runs.imported import read_table

    runs, notes = read_table(study)
    write_json(out / ASSUMED, notes)
    for note in notes:
        print(f"assumed: {note}")
    return runs


def _study(given: dict, model: type[Study]) -> Study:
    """The study without its texts, because its tables do not depend on them."""
    return SOURCES[given["source"]].model_construct(**given)
