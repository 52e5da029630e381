"""The fits of a study: which runs, which law, what came out, against what theory says."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from isoloss.config.study import Fit
from isoloss.errors import UserError
from isoloss.files import canonical_json
from isoloss.fit.api import fit_law
from isoloss.fit.result import FitResult
from isoloss.results.verdict import Status, Verdict, verdict_columns
from isoloss.runs.select import is_finished
from isoloss.tables.schema import FIT_COLUMNS, typed, with_values

KEPT_DRAWS = 200  # of the resampled parameters, for bands around the curves


def fit_study(study: str, fits: Iterable[Fit], runs: pd.DataFrame) -> pd.DataFrame:
    """Fit every law of a study to its runs.

    Returns
    -------
    DataFrame
        Columns as `isoloss.tables.schema.FIT_COLUMNS`: a row for each parameter and derived
        quantity. A fit that the data do not allow has one row, without a parameter, whose verdict
        says why.
    """
    rows = []
    for fit in fits:
        for group, points in _groups(fit, runs):
            rows += [{"study": study} | row for row in _rows(fit, group, points)]
    return typed(rows, FIT_COLUMNS)


def _groups(fit: Fit, runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs that a fit is made from, by group."""
    if fit.sweeps is not None:
        runs = runs[runs["sweep"].isin(fit.sweeps)]
    runs = with_values(runs, fit.where).drop_duplicates("run_id")
    if fit.by is None:
        yield "", runs
        return
    for value, points in runs.groupby(fit.by, sort=True):
        yield f"{fit.by}={value}", points


def _rows(fit: Fit, group: str, points: pd.DataFrame) -> list[dict[str, Any]]:
    columns = list(fit.variables.values())
    usable = points[is_finished(points) & points[columns].notna().all(axis="columns")]
    left_out = len(points) - len(usable)
    said = [f"{left_out} of {len(points)} runs left out: diverged or not measured"] * bool(left_out)
    common = {
        "fit": fit.name,
        "group": group,
        "law": fit.law,
        "objective": fit.objective,
        "n_runs": len(usable),
        "runs": " ".join(usable["run_id"]),
    }
    try:
        result = fit_law(
            usable[columns].astype("float64"),
            fit.law,
            columns=fit.variables,
            objective=fit.objective,
            where=f"{fit.name} {group}".strip(),
        )
    except UserError as error:
        reason = "; ".join(error.problems)
        verdict = Verdict(Status.NOT_FITTED, reason)
        return [common | verdict_columns(verdict) | {"warnings": "; ".join(said)}]
    common |= {
        "level": result.level,
        "method": result.method,
        "warnings": "; ".join([*said, *result.warnings, *result.notes]),
    } | verdict_columns(result.verdict)
    ranges = {v: [float(usable[c].min()), float(usable[c].max())] for v, c in fit.variables.items()}
    diagnostics = canonical_json(_diagnostics(result) | {"ranges": ranges})
    estimates = [
        (kind, name, estimate)
        for kind, found in (("parameter", result.params), ("derived", result.derived))
        for name, estimate in found.items()
    ]
    return [
        common
        | {
            "kind": kind,
            "parameter": name,
            "value": estimate.value,
            "lo": estimate.lo,
            "hi": estimate.hi,
            "se": estimate.se,
            "unit": estimate.unit,
            "diagnostics": diagnostics if first else None,
        }
        | _theory(fit, group, name)
        for first, (kind, name, estimate) in zip(
            [True, *[False] * (len(estimates) - 1)], estimates, strict=True
        )
    ]


def _theory(fit: Fit, group: str, parameter: str) -> dict[str, Any]:
    if parameter not in fit.theory:
        return {}
    theory = fit.theory[parameter]
    return {"theory": theory.of(group), "theory_source": theory.source}


def _diagnostics(result: FitResult) -> dict[str, Any]:
    """What the fit says of itself, with some of its draws."""
    described = result.to_dict()
    natural = result.law.natural(result.draws)
    natural = natural[np.isfinite(natural).all(axis=1)]
    some = natural[:: max(1, len(natural) // KEPT_DRAWS)]
    kept = ("certificate", "lack_of_fit", "objective_value", "formula", "source")
    return {name: described[name] for name in kept} | {
        "n_draws": described["draws"],
        "draws": {name: some[:, i].tolist() for i, name in enumerate(result.law.names)},
    }
