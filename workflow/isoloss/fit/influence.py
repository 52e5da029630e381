"""Influence of single runs on a fit, and the rows with the largest residuals."""

import dataclasses

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.fit.resample import draw
from isoloss.fit.result import FitResult
from isoloss.stats.spread import root_mean_square, standard_error
from isoloss.tables.data import Data

EXACT_RUNS = 2000  # the most runs that are left out by refits; beyond, by one Newton step
SHARE = 0.02  # of all runs: the size of a set that is left out
SET_DRAWS = 300
EXACT = 1e-9  # root mean square residual of ln L below which residuals are rounding
TELLING = 2.0  # standard errors: smaller shifts are not reported


@np.errstate(all="ignore")
def leave_one_out(result: FitResult):
    """Refit without each run (cluster, or row) in turn.

    Returns
    -------
    pandas.DataFrame
        One row per run: `left_out` (its first row, counted from 1), `n_rows`, and `<name>_shift`
        for each parameter. A shift is the parameter's change without the run, in standard errors
        of the fit's draws (NaN without draws). `largest_shift` is the largest of the shifts.
    """
    import pandas as pd

    problem, clusters = result.problem, result.clusters
    runs = np.unique(clusters)
    moved = _refits(problem, result.theta, clusters, runs) - result.theta
    spread = np.full(moved.shape[1], np.nan)
    if len(result.draws):
        spread = standard_error(result.draws)
    spread[~(spread > 1e-9 * np.maximum(1.0, np.abs(result.theta)))] = np.nan  # held, or rounding
    shifts = moved / spread
    frame = pd.DataFrame(
        {
            "left_out": [int(np.flatnonzero(clusters == run)[0]) + 1 for run in runs],
            "n_rows": [int((clusters == run).sum()) for run in runs],
            **{f"{name}_shift": shifts[:, i] for i, name in enumerate(result.law.names)},
        }
    )
    frame["largest_shift"] = np.nanmax(np.abs(np.nan_to_num(shifts)), axis=1)
    return frame


def _refits(problem, theta, clusters, runs):
    """theta without each run, shape (run, parameter); NaN where there is no minimum."""
    start = problem.z(theta[None])
    if len(runs) > EXACT_RUNS:
        _, _, hessian, _ = problem.evaluator(problem.objective.solved_delta)(start, [0])
        part = problem.row_gradients(start)[0]
        summed = np.stack([np.bincount(clusters, weights=column) for column in part])
        return problem.theta(start + np.linalg.solve(hessian[0], summed).T)
    moved = np.empty((len(runs), len(theta)))
    for first in range(0, len(runs), 256):
        chunk = slice(first, first + 256)
        weights = (clusters[None, :] != runs[chunk, None]).astype(float)
        ends = problem.solve(np.repeat(start, len(weights), axis=0), weights=weights, damping=0.1)
        moved[chunk] = np.where(ends.converged[:, None], problem.theta(ends.z), np.nan)
    return moved


@np.errstate(all="ignore")
def influential_sets(result: FitResult):
    """The small sets of runs whose removal changes each parameter most.

    One run often masks another, so a set of runs is left out together. For each parameter and
    direction, runs are sorted by the shift that each makes alone; the set is the first 2 % (at
    least one run). The method is that of Broderick, Giordano and Meager (2020, arXiv:2011.14999).

    Returns
    -------
    pandas.DataFrame
        One row per parameter, for the direction with the larger shift: `parameter`, `left_out`
        (first rows of the runs, counted from 1), `value`, `value_without` and `shift`. A shift is
        the difference in standard errors of the fit without the runs. Shifts below two standard
        errors are left out, so the table is often empty. It is empty above 2,000 runs.
    """
    import pandas as pd

    columns = ["parameter", "left_out", "value", "value_without", "shift"]
    if len(np.unique(result.clusters)) > EXACT_RUNS or _exact(result):
        return pd.DataFrame(columns=columns)  # 2 % of so many runs are no small set
    alone = leave_one_out(result)
    size = max(1, round(SHARE * len(alone)))
    rows = []
    if len(result.draws) and len(alone) - size > result.problem.n_free:
        for i, name in enumerate(result.law.names):
            found = [_without(result, alone, name, i, size, sign) for sign in (1, -1)]
            best = max(found, key=lambda row: abs(row["shift"]))
            if abs(best["shift"]) >= TELLING:
                rows.append(best)
    return pd.DataFrame(rows, columns=columns)


def _without(result, alone, name, i, size, sign):
    order = np.argsort(-sign * np.nan_to_num(alone[f"{name}_shift"].to_numpy()), kind="stable")
    chosen = np.sort(order[:size])
    runs = np.unique(result.clusters)
    keep = ~np.isin(result.clusters, runs[chosen])
    problem = result.problem
    part = dataclasses.replace(
        problem,
        log_x={variable: x[keep] for variable, x in problem.log_x.items()},
        log_loss=problem.log_loss[keep],
        weights=None if problem.weights is None else problem.weights[keep],
    )
    ends = part.solve(part.z(result.theta[None]))
    z = ends.z[0]
    codes = np.unique(result.clusters[keep], return_inverse=True)[1]
    data = Data(part.log_x, part.log_loss, part.weights, codes)
    spread = part.theta(draw(part, z, data, result.method, SET_DRAWS, np.random.default_rng(0)).z)
    se = standard_error(spread[:, i])
    moved = part.theta(z)
    least = 1e-9 * max(1.0, abs(result.theta[i]))  # a spread below is rounding
    usable = bool(ends.converged[0] and np.isfinite(se) and se > least)
    shift = (moved[i] - result.theta[i]) / se if usable else 0.0
    return {
        "parameter": name,
        "left_out": [int(row) for row in alone["left_out"].to_numpy()[chosen]],
        "value": float(problem.law.natural(result.theta)[i]),
        "value_without": float(problem.law.natural(moved)[i]),
        "shift": float(np.nan_to_num(shift)),
    }


def _exact(result):
    """Does the law pass through every row, so that residuals are rounding?"""
    return root_mean_square(result.problem.residuals(result.theta)) < EXACT


def residuals(result: FitResult):
    """Every row of the table beside the fit.

    Returns
    -------
    pandas.DataFrame
        The law's variables (and `compute` = 6 n_params n_tokens where it has both), `loss`,
        `fitted`, and `residual` = ln(loss / fitted).
    """
    import pandas as pd

    problem = result.problem
    fitted = problem.law.log_loss(result.theta[None], problem.log_x)[0]
    frame = pd.DataFrame({name: np.exp(x) for name, x in problem.log_x.items()})
    if {"n_params", "n_tokens"} <= set(frame):
        frame["compute"] = FLOPS_PER_PARAM_TOKEN * frame["n_params"] * frame["n_tokens"]
    frame["loss"] = np.exp(problem.log_loss)
    frame["fitted"] = np.exp(fitted)
    frame["residual"] = problem.log_loss - fitted
    return frame
