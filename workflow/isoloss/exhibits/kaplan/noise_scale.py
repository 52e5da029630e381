"""The gradient noise scale: McCandlish et al. (2018, arXiv:1812.06162), Sec. 2.2 and App. A.1."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from isoloss.exhibits.kaplan.batch_scan import SIZE
from isoloss.results import IDENTIFIED, Group, Kind, Q, Row, Status, Verdict, X
from isoloss.results.verdict import RATIO, not_identified
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd

METHOD = "delta method, by run"
UNMEASURED = Verdict(Status.NOT_MEASURED, "the curves have no gradient noise")


def noise_scale(runs: pd.DataFrame, steady: Mapping[str, pd.DataFrame], count: int) -> list[Row]:
    """tr(Sigma) / |G|^2 in tokens at `count` losses, for each size, from all of its runs.

    Both are averaged over the steps near the loss, and over runs, before they are divided: a
    quotient of single estimates would be biased, or infinite. A run's steps count as one draw.

    Parameters
    ----------
    steady : mapping
        run_id -> its learning curve, with `grad_sq` and `grad_noise` (per sequence).
    """
    rows = []
    for size, of_size in runs.groupby(SIZE):
        losses = [steady[i]["loss"].astype(float) for i in of_size["run_id"] if i in steady]
        if not losses:
            continue
        ends = max(curve.max() for curve in losses), min(curve.min() for curve in losses)
        for high, low in pairwise(np.geomspace(*ends, count + 1)):
            means = {
                run.run_id: _between(steady[run.run_id], low, high)
                for run in of_size.itertuples()
                if run.run_id in steady
            }
            means = {run_id: found for run_id, found in means.items() if found is not None}
            if len(means) < 2:
                continue
            table = np.array(list(means.values()))
            value, lo, hi, verdict = ratio(table[:, :2])
            rows.append(Row(
                quantity=Q.NOISE_SCALE, kind=Kind.POINT,
                group=Group.of(n_params_non_embedding=int(size)), x_quantity=X.LOSS,
                x=float(table[:, 2].mean()), value=value, lo=lo, hi=hi, unit="tokens",
                level=LEVEL, method=METHOD, n_runs=len(means), verdict=verdict,
                runs=" ".join(means),
            ))  # fmt: skip
    if not rows:
        rows = [Row(quantity=Q.NOISE_SCALE, kind=Kind.POINT, verdict=UNMEASURED)]
    return rows


def _between(curve: pd.DataFrame, low: float, high: float) -> np.ndarray | None:
    """Mean |G|^2, tr(Sigma) times the tokens of a sequence, and loss of a run between two losses.

    A row's gradients are those of the steps since the last one, so their loss is the two rows'
    mean. None where nothing was measured there.
    """
    steps = np.diff(curve["step"].to_numpy(float))
    loss = curve["loss"].to_numpy(float)
    loss = (loss[1:] + loss[:-1]) / 2
    pair = curve[["grad_sq", "grad_noise"]].to_numpy("float64", na_value=np.nan)[1:]
    here = (low <= loss) & (loss <= high) & np.isfinite(pair).all(axis=1)
    if not here.any():
        return None
    context = float(curve["n_tokens"].iloc[-1]) / float(curve["n_samples_seen"].iloc[-1])
    values = np.column_stack([pair[:, 0], pair[:, 1] * context, loss])
    return np.average(values[here], axis=0, weights=steps[here])


def ratio(pairs: np.ndarray) -> tuple[float | None, float | None, float | None, Verdict]:
    """The ratio of the means of two columns, its interval, and whether it is determined.

    Parameters
    ----------
    pairs : ndarray, shape (run, 2)
        Denominator and numerator.

    Notes
    -----
    ln ratio is taken for Student's t with its linearised standard error.
    """
    n, (below, above) = len(pairs), pairs.mean(axis=0)
    if below <= 0 or above <= 0:
        return None, None, None, not_identified("the squared gradient cannot be told from zero")
    value = above / below
    miss = pairs[:, 1] / above - pairs[:, 0] / below
    half = student.quantile(LEVEL, n - 1) * np.sqrt(np.sum(miss**2) / (n - 1) / n)
    lo, hi = value * np.exp(-half), value * np.exp(half)
    wide = not_identified(f"may be anything from {lo:.2g} to {hi:.2g}")
    return float(value), float(lo), float(hi), wide if hi > RATIO * lo else IDENTIFIED
