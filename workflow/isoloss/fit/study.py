"""The fits of a study: each law fitted to its runs, beside the values that theory predicts."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from isoloss.config.study import Fit
from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.questions import doubt_of, of_numbers, wider_of
from isoloss.fit.result import FitResult, plain
from isoloss.results.fits import FitGroup, FitKind, FitRow, diagnostics, table_of_fits
from isoloss.results.verdict import Status, Verdict
from isoloss.runs.lineage import lineage_of
from isoloss.runs.select import is_finished
from isoloss.tables.schema import with_values

KEPT_DRAWS = 200  # of the resampled parameters, for bands around the curves


def fit_study(study: str, fits: Iterable[Fit], runs: pd.DataFrame) -> pd.DataFrame:
    """Fit every law of a study to its runs.

    Returns
    -------
    DataFrame
        Columns as `isoloss.tables.schema.FIT_COLUMNS`: a row for each parameter and derived
        quantity, with a verdict of its own beside that of the fit. A fit that is not possible has
        one row without a parameter; its verdict gives the reason.
    """
    return table_of_fits(
        row
        for fit in fits
        for group, points in _groups(fit, runs)
        for row in _rows(study, fit, group, points)
    )


def _groups(fit: Fit, runs: pd.DataFrame) -> Iterator[tuple[FitGroup, pd.DataFrame]]:
    """The groups of runs of a fit; each group has its own fit."""
    if fit.sweeps is not None:
        runs = runs[runs["sweep"].isin(fit.sweeps)]
    runs = with_values(runs, fit.where).drop_duplicates("run_id")
    if fit.by is None:
        yield FitGroup(), runs
        return
    for value, points in runs.groupby(fit.by, sort=True):
        yield FitGroup(fit.by, str(value)), points


def _rows(study: str, fit: Fit, group: FitGroup, points: pd.DataFrame) -> list[FitRow]:
    columns = list(fit.variables.values())
    usable = points[is_finished(points) & points[columns].notna().all(axis="columns")]
    # The order of the analyses of a grid, so that resampled tables and intervals are the same.
    order = [column for variable, column in fit.variables.items() if variable != "loss"]
    usable = usable.sort_values([*order, "run_id"], kind="stable")
    left_out = len(points) - len(usable)
    said = [f"{left_out} of {len(points)} runs left out: diverged or not measured"] * bool(left_out)
    common = {
        "study": study,
        "fit": fit.name,
        "group": group,
        "law": fit.law,
        "objective": fit.objective,
        "n_runs": len(usable),
        "runs": " ".join(usable["run_id"]),
    }
    shared = lineage_of(usable)
    try:
        result = fit_law(
            shared.beside(usable[columns].astype("float64")),
            fit.law,
            columns=fit.variables,
            cluster=shared.cluster,
            objective=fit.objective,
            where=f"{fit.name} {group}".strip(),
        )
    except UserError as error:
        verdict = Verdict(Status.NOT_FITTED, "; ".join(error.problems))
        return [FitRow(**common, verdict=verdict, of_fit=verdict, warnings="; ".join(said))]
    common |= {
        "level": result.level,
        "method": result.method,
        "of_fit": result.verdict,
        "warnings": "; ".join([*said, *result.warnings, *shared.notes, *result.notes]),
    }
    verdicts = of_numbers(result)
    ranges = {v: [float(usable[c].min()), float(usable[c].max())] for v, c in fit.variables.items()}
    kept = diagnostics(*_said_and_draws(result), ranges)
    estimates = [
        (kind, name, estimate)
        for kind, found in ((FitKind.PARAMETER, result.params), (FitKind.DERIVED, result.derived))
        for name, estimate in found.items()
    ]
    return [
        FitRow(
            **common,
            verdict=verdicts[name],
            kind=kind,
            parameter=name,
            **asdict(estimate),
            **_theory(fit, group, name),
            diagnostics=kept if place == 0 else None,
        )
        for place, (kind, name, estimate) in enumerate(estimates)
    ]


def _theory(fit: Fit, group: FitGroup, parameter: str) -> dict[str, Any]:
    if parameter not in fit.theory:
        return {}
    theory = fit.theory[parameter]
    return {"theory": theory.of(str(group)), "theory_source": theory.source}


def _said_and_draws(result: FitResult) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """The columns that describe the fit as a whole, and some of its draws."""
    described = result.to_dict()
    natural = result.law.natural(result.draws)
    natural = natural[np.isfinite(natural).all(axis=1)]
    some = natural[:: max(1, len(natural) // KEPT_DRAWS)]
    kept = ("certificate", "lack_of_fit", "objective_value", "formula", "source")
    said = {name: described[name] for name in kept} | {"n_draws": described["draws"]}
    if (found := result.misfit) is not None:
        judged = ("p_value", "miss", "noise", "rejects")
        said["misfit"] = plain({name: getattr(found, name) for name in judged})
    said["doubt"] = doubt_of(result)
    if (wide := wider_of(result)) is not None:
        said["wider"] = wide.to_dict()
    return said, {name: some[:, i].tolist() for i, name in enumerate(result.law.names)}
