"""The job that makes the tables of one study."""

import argparse
import json
from pathlib import Path

from isoloss.config.study import SOURCES, Planted, Study
from isoloss.config.study import Table as TableStudy
from isoloss.files import read_json, read_parquet, write_json, write_parquet
from isoloss.runs.collected import Tables, of_studies, of_training, without_training
from isoloss.tables.schema import (
    ASSUMED,
    RUN_COLUMNS,
    SWEEP,
    completed,
    typed,
)


def main(argv: list[str]) -> None:
    """Write the tables of the study that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job collect", description=__doc__)
    parser.add_argument("--study", required=True, help="JSON: the source, and what it needs")
    parser.add_argument("--studies-folder", required=True)
    parser.add_argument("--runs-folder", required=True)
    parser.add_argument("--out", required=True, help="the study's folder")
    arguments = parser.parse_args(argv)
    given = json.loads(arguments.study)
    for name, table in _tables(given, arguments)._asdict().items():
        write_parquet(Path(arguments.out) / f"{name}.parquet", table)


def _tables(given: dict, arguments: argparse.Namespace) -> Tables:
    match given["source"]:
        case "training":
            plan = read_json(Path(arguments.out) / "plan.json")
            return of_training(plan["members"], arguments.runs_folder, plan["lineages"])
        case "studies":
            folder = Path(arguments.studies_folder)
            return of_studies(
                {
                    study: Tables(
                        *(
                            read_parquet(folder / study / f"{name}.parquet")
                            for name in Tables._fields
                        )
                    )
                    for study in given["of"]
                }
            )
        case "planted":
            from isoloss.tasks.planted import simulate

            planted = simulate(_study(given, Planted))
            return without_training(completed(planted, (SWEEP, *RUN_COLUMNS)))
        case "table":
            return without_training(_imported(_study(given, TableStudy), Path(arguments.out)))
    return without_training(typed([], (SWEEP, *RUN_COLUMNS)))


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
