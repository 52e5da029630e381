"""What each size needs to reach a loss: Kaplan et al. (2020, arXiv:2001.08361), Figs. 12 and 19."""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.frontier import valley
from isoloss.analysis.kaplan_curves import SizeCurve, adjusted, curves_of
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED
from isoloss.analysis.series import points
from isoloss.config.analyses.kaplan import LossReached
from isoloss.exhibits.base import Analysis, Inputs
from isoloss.exhibits.kaplan.batch_law import REACH, Law, critical_batch_of, law_of

SIZE = "n_params_non_embedding"
FEWEST = 3  # sizes that must reach a loss


def loss_reached(
    spec: LossReached, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """Steps, tokens and compute until each size first reached a loss, by loss.

    Where the cheapest size for a loss lies inside the grid, also each size, its compute and its
    steps as multiples of the cheapest one's. There are no intervals: each point is one run.

    Raises
    ------
    UserError
        Fewer than four sizes have a learning curve, or B_crit(L) is not known.
    """
    found = curves_of(runs, curves, spec.sweeps, spec.name)
    known = None
    if spec.adjusted:
        batch = Inputs(runs=runs, curves=curves, done=done).first("critical_batch")
        critical, known = critical_batch_of(batch, spec.name)[0], law_of(batch)
        found = [adjusted(curve, critical) for curve in found]
    n_params = np.array([curve.n_params for curve in found])
    rows = []
    for loss in _levels(spec, found, known):
        needed = {what: np.array([float(curve.needed(what, loss)) for curve in found])
                  for what in ("steps", "tokens", "compute")}  # fmt: skip
        common = {"group": f"loss={loss:g}", "verdict": IDENTIFIED}
        for name, unit in (("steps", "steps"), ("tokens", "tokens"), ("compute", "PF-days")):
            for curve, value in zip(found, needed[name], strict=True):
                rows += points(name, SIZE, [curve.n_params], [value], unit=unit, n_runs=1,
                               runs=" ".join(curve.runs), **common)  # fmt: skip
        rows += _excess(n_params, needed, spec.width, found, common)
    return rows


def _levels(spec: LossReached, found: list[SizeCurve], known: Law | None) -> list[float]:
    """The losses asked for, or round ones that several sizes reach, from high to low.

    With a B_crit(L) only those near which it was measured.
    """
    if not isinstance(spec.levels, int):
        levels = sorted(spec.levels, reverse=True)
        return [loss for loss in levels if known is None or known.knows(loss)]
    highest = np.sort([curve.loss.max() for curve in found])[-FEWEST]
    lowest = np.sort([curve.loss.min() for curve in found])[FEWEST - 1]
    if known:
        highest, lowest = min(highest, known.hi_loss * REACH), max(lowest, known.lo_loss / REACH)
    inside = np.geomspace(highest, lowest, spec.levels + 2)[1:-1]
    return sorted({float(f"{loss:.3g}") for loss in inside}, reverse=True)


def _excess(n_params, needed, width, found, common):
    """Against the bottom of the valley of compute over size."""
    compute, log_n = needed["compute"], np.log(n_params)
    bottom = valley(log_n, np.log(compute), width)
    if bottom is None:
        return []
    log_best, log_least = bottom.lowest(np.log(compute))
    ratio = n_params / np.exp(log_best)
    # C / N is what the steps are proportional to, at one batch (and one B_crit: one loss).
    both = {
        "excess compute": compute / np.exp(log_least),
        "excess steps": compute / np.exp(log_least) / ratio,
    }
    runs = " ".join(run_id for curve in found for run_id in curve.runs)
    rows = []
    for name, values in both.items():
        rows += points(name, "size over the cheapest", ratio, values, unit="ratio",
                       n_runs=int(np.isfinite(values).sum()), runs=runs, **common)  # fmt: skip
    return rows


ANALYSES = {"loss_reached": Analysis(LossReached, of_dicts(loss_reached))}
