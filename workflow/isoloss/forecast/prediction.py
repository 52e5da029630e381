"""The job of a study's predictions: the loss of a held-out run before it is trained."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isoloss.config.load import parse
from isoloss.config.study import Fit
from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json, write_parquet
from isoloss.fit.api import fit_law
from isoloss.forecast.drift import forecast
from isoloss.forecast.record import said_before
from isoloss.laws import law
from isoloss.results.verdict import Status, Verdict
from isoloss.runs.select import is_finished
from isoloss.runtime.fingerprint import code_fingerprint
from isoloss.tables.schema import (
    NUMBERS,
    PREDICTION_COLUMNS,
    RUN_COLUMNS,
    TIMED,
    typed,
    with_values,
)
from isoloss.tasks import task


def main(argv: list[str]) -> None:
    """Write the prediction that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job predict", description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--prediction", required=True, help="JSON: laws, settings, runs")
    parser.add_argument("--rows", nargs="+", required=True, help="row.json of the fitted runs")
    parser.add_argument("--tests", nargs="+", required=True, help="row.json of the predicted runs")
    parser.add_argument("--records", required=True, help="folder of the records of predictions")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    given = json.loads(arguments.prediction)
    fits = [parse(Fit, fit, arguments.study) for fit in given["fits"]]
    rows = [read_json(path) for path in arguments.rows]
    runs = typed(rows, RUN_COLUMNS)
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
    said = [common | row for row in predict(fits, runs, columns)]
    about = {
        "study": arguments.study,
        "run_ids": given["run_ids"],
        "settings": given["settings"],
        "fits": given["fits"],
        "fitted": {row["run_id"]: _hash_of(row) for row in rows},
        "code": code_fingerprint(__name__, *(type(law(fit.law)).__module__ for fit in fits)),
        # A prediction made again after laws or runs were changed would be no prediction.
        "made_before": not any(Path(path).exists() for path in arguments.tests),
    }
    before = said_before(arguments.records, said, about)
    table = typed([row | {"made_before": before} for row in said], PREDICTION_COLUMNS)
    write_parquet(arguments.out, table)


def _hash_of(row: dict[str, Any]) -> str:
    """The SHA-256 of a run's row without what differs between repetitions."""
    lasting = {name: value for name, value in row.items() if name not in TIMED}
    return hashlib.sha256(canonical_json(lasting).encode()).hexdigest()


def predict(fits: list[Fit], runs: pd.DataFrame, columns: dict[str, float]) -> list[dict]:
    """Each law's loss at `columns`, fitted to the finished runs.

    Returns
    -------
    list of dict
        Columns as `isoloss.tables.schema.PREDICTION_COLUMNS`. A law that cannot be fitted has no
        loss, and its reason as the verdict.
    """
    rows = []
    for fit in fits:
        done = with_values(runs[is_finished(runs)], fit.where)
        row = {
            "fit": fit.name,
            "law": fit.law,
            "n_runs": len(done),
            "runs": " ".join(done["run_id"]),
        }
        try:
            table = done[list(fit.variables.values())].astype("float64")
            result = fit_law(
                table, fit.law, columns=fit.variables, objective=fit.objective, where=fit.name
            )
            at = {
                variable: columns[column]
                for variable, column in fit.variables.items()
                if variable != "loss"
            }
        except UserError as error:
            rows.append(row | {"verdict": Verdict(Status.NOT_FITTED, "; ".join(error.problems))})
            continue
        said = forecast(result, {name: np.log([value]) for name, value in at.items()})
        beyond = f", and the drift of the law ({said.drift.source})" if said.drift else ""
        ends = {name: getattr(said, name)[0] for name in ("loss", "lo", "hi", "law_lo", "law_hi")}
        rows.append(
            row
            | ends
            | {
                "drift": said.drift.per_log_compute if said.drift else None,
                "level": result.level,
                "method": f"{result.method}, the noise of one run{beyond}",
                "verdict": result.verdict,
                "fitted_compute_flops": float(done["compute_flops"].max()),
            }
        )
    return rows
