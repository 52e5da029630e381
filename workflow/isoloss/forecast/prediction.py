"""The loss that each law predicts of a run before it is trained."""

import numpy as np
import pandas as pd

from isoloss.config.study import Fit
from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.forecast.drift import forecast
from isoloss.results.verdict import Status, Verdict
from isoloss.runs.lineage import lineage_of
from isoloss.runs.select import is_finished
from isoloss.tables.schema import with_values


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
            shared = lineage_of(done)
            result = fit_law(
                shared.beside(done[list(fit.variables.values())].astype("float64")),
                fit.law,
                columns=fit.variables,
                cluster=shared.cluster,
                objective=fit.objective,
                where=fit.name,
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
