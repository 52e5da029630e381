"""Laws of one variable side by side: Kaplan et al. (2020, arXiv:2001.08361), Figs. 1, 6 and 23."""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.kaplan_curves import finished_runs
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED, row
from isoloss.analysis.series import points
from isoloss.config.analyses.kaplan import SizeLaws
from isoloss.errors import UserError, nearest
from isoloss.exhibits.base import Analysis
from isoloss.fit import FitResult, fit_law
from isoloss.stats.spread import root_mean_square

N_LINE = 60


def size_laws(
    spec: SizeLaws, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """Every law fitted to the same runs, and its relative misses of them.

    "miss" is the root mean square of ln L minus the law; "miss of a run left out" is that of each
    run by the law fitted to the others, of which a law with more parameters has no advantage.

    Raises
    ------
    UserError
        There are too few runs, a column is not there, or a law is not one of a single variable.
    """
    chosen = finished_runs(runs, spec.sweeps)
    problems = [
        f"there is no column {name!r} in the table of runs{nearest(name, chosen.columns)}"
        for name in (spec.x, *spec.where)
        if name not in chosen.columns
    ]
    if problems:
        raise UserError(spec.name, problems)
    for name, values in spec.where.items():
        chosen = chosen[chosen[name].isin(values)]
    if chosen.empty:
        raise UserError(spec.name, ["none of its runs has a loss"])
    chosen = _kept(chosen, spec.keep)
    table = pd.DataFrame({"x": chosen[spec.x].astype(float), "loss": chosen["loss"].astype(float)})
    rows = []
    for n_layer, group in chosen.groupby("n_layer", sort=True):
        for run in group.itertuples():
            rows += points("loss", spec.x, [getattr(run, spec.x)], [run.loss], n_runs=1,
                           group=f"n_layer={n_layer}", unit="nats per token", runs=run.run_id,
                           verdict=IDENTIFIED)  # fmt: skip
    for name in spec.laws:
        result = fit_law(table, name, x="x", y="loss", draws=spec.draws, where=spec.name)
        said = {"group": f"law={name}", "n_runs": len(table), "method": result.method,
                "verdict": result.verdict, "warnings": "; ".join(result.warnings),
                "runs": " ".join(chosen["run_id"])}  # fmt: skip
        rows += _numbers(result, table, name, said)
        dense = np.geomspace(table["x"].min(), table["x"].max(), N_LINE)
        line = result.predict({result.law.variables[0]: dense})
        many = np.exp(result.law.log_loss(result.draws, {result.law.variables[0]: np.log(dense)}))
        rows += points("loss", spec.x, dense, line["loss"], many, kind="line",
                       unit="nats per token", **said)  # fmt: skip
    return rows


def _kept(runs: pd.DataFrame, keep: str) -> pd.DataFrame:
    if keep == "depths":
        depths = runs.groupby("n_tokens")["n_layer"].nunique()
        return runs[runs["n_tokens"] == depths.idxmax()]
    column = {"longest": "n_tokens", "largest": "n_params_non_embedding"}.get(keep)
    return runs if column is None else runs[runs[column] == runs[column].max()]


def _numbers(result: FitResult, table: pd.DataFrame, name: str, said) -> list[dict[str, Any]]:
    rows = []
    for quantity, found in {**result.params, **result.derived}.items():
        rows.append({"kind": "parameter", "quantity": quantity, "value": found.value,
                     "lo": found.lo, "hi": found.hi, "se": found.se, "unit": found.unit,
                     "level": result.level} | said)  # fmt: skip
    misses = {"miss": _miss(result)}
    if len(table) > len(result.law.parameters) + 1:
        misses["miss of a run left out"] = _miss_left_out(result)
    for quantity, value in misses.items():
        rows.append(row(quantity, value, unit="relative", **said | {"method": ""}))
    return rows


def _miss(result: FitResult) -> float:
    problem = result.problem
    fitted = problem.law.log_loss(result.theta[None], problem.log_x)[0]
    return root_mean_square(problem.log_loss - fitted)


def _miss_left_out(result: FitResult) -> float:
    """All fits that leave out one run at once, each started from the fit of all."""
    problem, n = result.problem, len(result.problem.log_loss)
    starts = np.repeat(problem.z(result.theta[None]), n, axis=0)
    ends = problem.solve(starts, damping=0.1, weights=1.0 - np.eye(n))
    fitted = problem.law.log_loss(problem.theta(ends.z), problem.log_x)
    return root_mean_square(problem.log_loss - np.diagonal(fitted))


ANALYSES = {"size_laws": Analysis(SizeLaws, of_dicts(size_laws))}
