"""Influence of single runs on a fit, and the rows with the largest residuals."""

import dataclasses

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.fit.progress import phase
from isoloss.fit.resample import BLOCK, draw
from isoloss.fit.result import FitResult
from isoloss.stats.spread import root_mean_square, standard_error
from isoloss.tables.data import Data

EXACT_RUNS = 2000  # the most runs that are left out by refits; beyond, by one Newton step
EXACT_ROWS = 20_000_000  # likewise, the most rows of all these refits together
SHARE = 0.02  # of all runs: the size of a set that is left out
SET_DRAWS = 100
SEEN = 0.25  # of a telling shift: leaving out 2 % of the runs may make the draws 4 times narrower
EXACT = 1e-9  # root mean square residual of ln L below which residuals are rounding
NEAR = 1e-10  # share of the objective at which the fit without one run is near enough
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
    with phase("fits without one run", len(runs)):
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


def _are_many(clusters, runs) -> bool:
    """Whether refits without each run would take minutes."""
    return len(runs) > EXACT_RUNS or len(runs) * len(clusters) > EXACT_ROWS


def _refits(problem, theta, clusters, runs):
    """theta without each run, shape (run, parameter); NaN where there is no minimum."""
    start = problem.z(theta[None])
    if _are_many(clusters, runs):
        _, _, hessian, _ = problem.evaluator(problem.objective.solved_delta)(start, [0])
        part = problem.row_gradients(start)[0]
        summed = np.stack([np.bincount(clusters, weights=column) for column in part])
        return problem.theta(start + np.linalg.solve(hessian[0], summed).T)
    moved = np.empty((len(runs), len(theta)))
    size = min(256, max(1, BLOCK // len(clusters)))
    for first in range(0, len(runs), size):
        chunk = slice(first, first + size)
        weights = (clusters[None, :] != runs[chunk, None]).astype(float)
        starts = np.repeat(start, len(weights), axis=0)
        ends = problem.solve(starts, weights=weights, damping=0.01, enough=NEAR)
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
        errors are left out, so the table is often empty. It is empty above 2,000 runs, and where
        runs times rows are more than 20 million.
    """
    import pandas as pd

    columns = ["parameter", "left_out", "value", "value_without", "shift"]
    runs, n_free = np.unique(result.clusters), result.problem.n_free
    size = max(1, round(SHARE * len(runs)))
    many = _are_many(result.clusters, runs)  # 2 % of so many runs are no small set
    if many or not len(result.draws) or len(runs) - size <= n_free or _exact(result):
        return pd.DataFrame(columns=columns)
    alone = leave_one_out(result)
    chosen = {}  # (parameter, direction) -> places in runs; several often choose the same
    for name in result.law.names:
        shifts = np.nan_to_num(alone[f"{name}_shift"].to_numpy())
        for sign in (1, -1):
            order = np.argsort(-sign * shifts, kind="stable")
            chosen[name, sign] = tuple(np.sort(order[:size]).tolist())
    shifted = _shifts(result, runs, list(dict.fromkeys(chosen.values())))
    law, rows = result.law, []
    for i, name in enumerate(law.names):
        found = [chosen[name, sign] for sign in (1, -1)]
        best = max(found, key=lambda places: abs(shifted[places][1][i]))
        moved, shift = shifted[best]
        if abs(shift[i]) >= TELLING:
            rows.append(
                {
                    "parameter": name,
                    "left_out": [int(row) for row in alone["left_out"].to_numpy()[list(best)]],
                    "value": float(law.natural(result.theta)[i]),
                    "value_without": float(law.natural(moved)[i]),
                    "shift": float(shift[i]),
                }
            )
    return pd.DataFrame(rows, columns=columns)


def _shifts(result, runs, sets):
    """theta without each set of runs, and its change in standard errors of that fit.

    A set that moves no parameter by `SEEN` of the least telling shift, in standard errors of the
    whole fit, has shifts of zero: the draws of the fit without it are not made.
    """
    problem, theta = result.problem, result.theta
    left = np.stack([np.isin(result.clusters, runs[list(places)]) for places in sets])
    start = np.repeat(problem.z(theta[None]), len(sets), axis=0)
    ends = problem.solve(start, weights=1.0 - left, damping=0.1)
    moved = problem.theta(ends.z)
    least = 1e-9 * np.maximum(1.0, np.abs(theta))  # a spread below is rounding
    found = {}
    for places, out, z, without, fits in zip(
        sets, left, ends.z, moved, ends.converged, strict=True
    ):
        change = np.abs(without - theta)
        if fits and np.any(change >= SEEN * TELLING * standard_error(result.draws)):
            se = standard_error(_draws_without(result, out, z))
            se = np.where(se > least, se, np.inf)
            found[places] = without, np.nan_to_num((without - theta) / se)
        else:
            found[places] = without, np.zeros_like(theta)
    return found


def _draws_without(result, out, z):
    """theta of draws of the fit without some rows, started from its optimum."""
    whole, keep = result.problem, ~out
    part = dataclasses.replace(
        whole,
        log_x={variable: x[keep] for variable, x in whole.log_x.items()},
        log_loss=whole.log_loss[keep],
        weights=None if whole.weights is None else whole.weights[keep],
    )
    codes = np.unique(result.clusters[keep], return_inverse=True)[1]
    data = Data(part.log_x, part.log_loss, part.weights, codes)
    at = part.z(whole.theta(z)[None])[0]
    rng = np.random.default_rng(0)
    return part.theta(draw(part, at, data, result.method, SET_DRAWS, rng).z)


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
