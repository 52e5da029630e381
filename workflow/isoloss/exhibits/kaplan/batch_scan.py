"""When each run of a batch scan reaches each loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoloss.exhibits.kaplan.batch_fit import Scan
from isoloss.runs.curves import near_highest_rate

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 4  # batch sizes per model size and loss: two more than Eq. 5.1 has numbers
SIZE = "n_params_non_embedding"


def steady_curves(runs: pd.DataFrame, curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each run's curve at its full learning rate: without warm-up, and without a cooldown."""
    wanted = curves[curves["run_id"].isin(runs["run_id"])]
    return {str(run_id): near_highest_rate(curve) for run_id, curve in wanted.groupby("run_id")}


def steps_to_reach(step, loss, levels) -> np.ndarray:
    """The step at which a learning curve reaches each loss, shape (level,); NaN where it does not.

    The curve is first made monotone (isotonic least squares): the lowest of several noisy
    evaluations would be reached too early. Between evaluations the loss is linear in the log step.
    """
    from scipy.optimize import isotonic_regression

    x = np.log(np.asarray(step, float))
    smooth = isotonic_regression(np.asarray(loss, float), increasing=False)
    first, last = smooth.blocks[:-1], smooth.blocks[1:]
    x = np.add.reduceat(x, first) / (last - first)
    y = smooth.x[first]
    reached = np.interp(np.asarray(levels, float), y[::-1], x[::-1], left=np.nan, right=np.nan)
    return np.exp(reached)


def common_levels(
    ends: Sequence[tuple[np.ndarray, np.ndarray]], count: int, fewest: int = FEWEST
) -> np.ndarray:
    """Losses from high to low, evenly spaced in their logarithm.

    Parameters
    ----------
    ends : sequence of (first loss, last loss), each of shape (run,)
        For each model size, those of its runs. The levels lie where at least `fewest` runs of some
        size pass.
    """
    spans = [
        (np.sort(last)[fewest - 1], np.sort(first)[-fewest])
        for first, last in ends
        if len(first) >= fewest
    ]
    spans = [(low, high) for low, high in spans if low < high]
    if not spans:
        return np.empty(0)
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    return np.geomspace(high, low, count + 2)[1:-1]


def scan_of(runs: pd.DataFrame, steady: Mapping[str, pd.DataFrame], count: int) -> Scan | None:
    """The steps that every run took to each of `count` losses that it reached.

    A size and a loss with fewer than four batch sizes is left out; None where nothing is left.
    """
    curves = {
        run_id: (curve["step"].to_numpy(float), curve["loss"].to_numpy(float))
        for run_id, curve in steady.items()
        if len(curve) > 1
    }
    members = {
        float(size): [run_id for run_id in of_size["run_id"] if run_id in curves]
        for size, of_size in runs.groupby(SIZE)
    }
    ends = [
        tuple(np.array([curves[run_id][1][at] for run_id in ids]) for at in (0, -1))
        for ids in members.values()
    ]
    levels = common_levels(ends, count)
    tokens = (runs["n_tokens"].astype(float) / runs["steps"].astype(float)).set_axis(runs["run_id"])
    rows, n_cells = [], 0
    for size, ids in members.items():
        steps = np.array([steps_to_reach(*curves[run_id], levels) for run_id in ids])
        for level, at in zip(levels, steps.T, strict=True):
            there = np.isfinite(at)
            if len(set(tokens[ids][there])) < FEWEST:
                continue
            rows += [
                (
                    np.log(at[i]),
                    np.log(tokens[ids[i]]),
                    np.log(level),
                    np.log(size),
                    n_cells,
                    ids[i],
                )
                for i in np.flatnonzero(there)
            ]
            n_cells += 1
    if not rows:
        return None
    *columns, cell, run_id = (np.array(column) for column in zip(*rows, strict=True))
    run_ids, run = np.unique(run_id, return_inverse=True)
    return Scan(*columns, cell, run, tuple(run_ids.tolist()))
