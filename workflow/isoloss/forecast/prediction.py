"""The loss that each law predicts of a run before it is trained."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from isoloss.config.study import Fit
from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings
from isoloss.forecast.average import average
from isoloss.forecast.drift import forecast
from isoloss.forecast.holdout import laws_at_hand
from isoloss.laws import Law, law
from isoloss.results.verdict import Status, Verdict
from isoloss.runs.lineage import lineage_of
from isoloss.runs.select import is_finished
from isoloss.tables.schema import with_values

LOSSES = ("loss", "lo", "hi", "law_lo", "law_hi")


def predict(fits: list[Fit], runs: pd.DataFrame, columns: dict[str, float]) -> list[dict]:
    """Each law's loss at `columns`, fitted to the finished runs.

    Returns
    -------
    list of dict
        Columns as `isoloss.tables.schema.PREDICTION_COLUMNS`. A law that cannot be fitted has no
        loss, and its reason as the verdict.
    """
    rows, fitted = [], {}
    for fit in fits:
        done = with_values(runs[is_finished(runs)], fit.where)
        row = {
            "fit": fit.name,
            "law": fit.law,
            "n_runs": len(done),
            "runs": " ".join(done["run_id"]),
        }
        log_x = {
            variable: np.log([columns[column]])
            for variable, column in fit.variables.items()
            if variable != "loss"
        }
        try:
            shared = lineage_of(done)
            table = shared.beside(done[list(fit.variables.values())].astype("float64"))
            settings = _settings(fit, shared.cluster)
            fit_once = partial(_fit_once, fitted, row["runs"])
            said = (_of_all if _averages(fit) else _of_one)(table, settings, log_x, fit_once)
        except UserError as error:
            rows.append(row | {"verdict": Verdict(Status.NOT_FITTED, "; ".join(error.problems))})
            continue
        rows.append(row | said | {"fitted_compute_flops": float(done["compute_flops"].max())})
    return rows


def laws_of(fit: Fit) -> list[Law]:
    """The laws that make a prediction: one, or all that are averaged."""
    return laws_at_hand(_settings(fit)) if _averages(fit) else [law(fit.law)]


def _averages(fit):
    return fit.law == AVERAGE_OF_LAWS


def _settings(fit, cluster=None):
    """The settings of a prediction's fit; an average names no law of its own."""
    named = {} if _averages(fit) else {"law": fit.law}
    return FitSettings(
        columns=fit.variables,
        objective=fit.objective,
        where=fit.name,
        cluster=cluster,
        **named,
    )


def _fit_once(fitted, runs, table, *, settings):
    """`fit_law`, or what it gave for this law before: alone and in an average a law is one fit."""
    name = getattr(settings.law, "name", settings.law)
    key = runs, name, settings.objective, tuple(sorted(settings.columns.items()))
    if key not in fitted:
        fitted[key] = fit_law(table, settings=settings)
    return fitted[key]


def _of_one(table, settings, log_x, fit_once) -> dict[str, Any]:
    result = fit_once(table, settings=settings)
    said = forecast(result, log_x)
    beyond = f", and the drift of the law ({said.drift.source})" if said.drift else ""
    return _ends(said) | {
        "drift": said.drift.per_log_compute if said.drift else None,
        "level": result.level,
        "method": f"{result.method}, the noise of one run{beyond}",
        "verdict": result.verdict,
    }


def _of_all(table, settings, log_x, fit_once) -> dict[str, Any]:
    averaged = average(table, settings, fit=fit_once)
    said = averaged.predict({name: np.exp(x) for name, x in log_x.items()}).iloc[0]
    each = ", ".join(
        f"{name} {said[f'loss_{name}']:.4g} (weight {said[f'weight_{name}']:.2f})"
        for name in averaged.laws
    )
    return {name: float(said[name]) for name in LOSSES} | {
        "drift": None,
        "level": averaged.level,
        "method": f"average of {each}; {averaged.evidence}; the noise of one run, the "
        "disagreement of the laws and their drift",
        "verdict": averaged.verdict,
    }


def _ends(said):
    return {
        name: float(getattr(said, name)[0]) for name in ("loss", "lo", "hi", "law_lo", "law_hi")
    }
