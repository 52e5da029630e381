"""The job of a study's predictions: the loss of a held-out run before it is trained."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from isoloss.config.load import parse
from isoloss.config.study import Fit
from isoloss.files import canonical_json, read_json, write_parquet
from isoloss.forecast import prediction
from isoloss.forecast.record import said_before, said_by_other_code
from isoloss.runtime.fingerprint import code_fingerprint
from isoloss.tables.schema import NUMBERS, PREDICTION_COLUMNS, RUN_COLUMNS, TIMED, typed
from isoloss.tasks import task


def main(argv: list[str]) -> None:
    """Write the prediction that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job predict", description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument(
        "--prediction", required=True, help="JSON: laws, settings, runs; or @FILE that holds it"
    )
    parser.add_argument("--runs-folder", required=True, help="folder of the runs' folders")
    parser.add_argument("--tests", nargs="+", required=True, help="row.json of the predicted runs")
    parser.add_argument("--records", required=True, help="folder of the records of predictions")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    given = _read(arguments.prediction)
    fits = [parse(Fit, fit, arguments.study) for fit in given["fits"]]
    runs_folder = Path(arguments.runs_folder)
    rows = [read_json(runs_folder / run_id / "row.json") for run_id in given["fitted"]]
    lineages = given["lineages"]
    runs = typed([row | {"lineage": lineages.get(row["run_id"])} for row in rows], RUN_COLUMNS)
    kind = task(given["settings"]["task"]["kind"])
    run = parse(kind.Run, given["settings"], arguments.study)
    vocabulary = runs["vocab_size"].dropna()
    planned = kind.planned_columns(run, int(vocabulary.iloc[0]) if len(vocabulary) else None)
    columns = {name: float(value) for name, value in planned.items() if name in NUMBERS}
    common = {
        "study": arguments.study,
        "run_ids": " ".join(given["run_ids"]),
        "compute_flops": columns["compute_flops"],
    }
    # A prediction made again after laws or runs were changed would be no prediction.
    made_before = not any(Path(path).exists() for path in arguments.tests)
    modules = sorted({type(one).__module__ for fit in fits for one in prediction.laws_of(fit)})
    about = {
        "study": arguments.study,
        "run_ids": given["run_ids"],
        "settings": given["settings"],
        "fits": given["fits"],
        "fitted": {row["run_id"]: _hash_of(row) for row in rows},
        "code": code_fingerprint(prediction.__name__, *modules),
        "made_before": made_before,
    }
    said = None if made_before else said_by_other_code(arguments.records, about)
    if said is None:
        said = [common | row for row in prediction.predict(fits, runs, columns)]
        made_before = said_before(arguments.records, said, about)
    else:
        said, made_before = [common | row for row in said], True
    table = typed([row | {"made_before": made_before} for row in said], PREDICTION_COLUMNS)
    write_parquet(arguments.out, table)


def _read(argument: str) -> dict[str, Any]:
    return read_json(argument[1:]) if argument.startswith("@") else json.loads(argument)


def _hash_of(row: dict[str, Any]) -> str:
    """The SHA-256 of a run's row without the columns that differ between repetitions."""
    lasting = {name: value for name, value in row.items() if name not in TIMED}
    return hashlib.sha256(canonical_json(lasting).encode()).hexdigest()
