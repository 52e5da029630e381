"""The learning curve of each size, counted as Kaplan et al. (2020, arXiv:2001.08361) count.

Steps, tokens and compute are those of the runs, or the least that would do at another batch
(Sec. 5). Batches are in tokens a step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing
from isoloss.fit.api import fit_law
from isoloss.laws.published import pf_days
from isoloss.runs.curves import at_peak_rate
from isoloss.runs.select import finished_in
from isoloss.stats.interpolation import log_log

if TYPE_CHECKING:
    import pandas as pd

    from isoloss.fit.result import FitResult

FEWEST_SIZES = 4
POINTS = 12  # of a curve that L(N, S) is fitted to
Width = Annotated[float, Field(gt=1, allow_inf_nan=False)]  # of a valley, as a factor of size


class OfCurves(Analysing):
    """What analyses of curves share: steps, tokens and compute as spent, or the least."""

    adjusted: bool = False  # S_min, E_min and C_min, by the critical_batch of the study

    @property
    def reads(self) -> tuple[str, ...]:
        return ("critical_batch",) if self.adjusted else ()


@dataclass(frozen=True)
class SizeCurve:
    """The losses of one size by what they cost, by rising cost.

    Attributes
    ----------
    n_params : float
        Without embeddings.
    batch_tokens : float
        Tokens a step.
    steps, tokens, compute, loss : ndarray, shape (point,)
        Compute is 6 N B S in PF-days (Sec. 2.1); adjusted, all three are the least that would do.
    runs : tuple of str
        Their ids.
    """

    n_params: float
    batch_tokens: float
    steps: np.ndarray
    tokens: np.ndarray
    compute: np.ndarray
    loss: np.ndarray
    runs: tuple[str, ...]

    def at(self, what: str, values) -> np.ndarray:
        """The loss at steps, tokens or compute: log-linear between points, NaN beyond them."""
        return log_log(values, getattr(self, what), self.loss, beyond=np.nan)

    def needed(self, what: str, losses) -> np.ndarray:
        """Steps, tokens or compute until a loss was first reached; NaN where it was not."""
        falls = np.minimum.accumulate(self.loss)
        first = np.concatenate([[True], falls[1:] < falls[:-1]])
        return log_log(losses, self.loss[first], getattr(self, what)[first], beyond=np.nan)


def finished_runs(runs: pd.DataFrame, sweeps: Iterable[str]) -> pd.DataFrame:
    """The runs of some sweeps that have a loss, each once."""
    found = finished_in(runs, sweeps, "loss")
    return found.sort_values(["n_params_non_embedding", "n_tokens", "run_id"], kind="stable")


def curves_of(
    runs: pd.DataFrame, curves: pd.DataFrame, sweeps: Iterable[str], where: str
) -> list[SizeCurve]:
    """The learning curve of the longest run of each size, while its rate was at the peak.

    Raises
    ------
    UserError
        Fewer than four sizes have such a curve.
    """
    chosen = finished_runs(runs, sweeps)
    longest = chosen.drop_duplicates("n_params_non_embedding", keep="last")
    by_run = dict(tuple(curves.groupby("run_id")))
    found = []
    for run in longest.itertuples():
        curve = by_run.get(run.run_id)
        if curve is None:
            continue
        curve = at_peak_rate(curve, run.peak_lr)
        if len(curve) > 1:
            columns = (curve[name].to_numpy(float) for name in ("step", "n_tokens", "loss"))
            found.append(_curve(run, *columns, (run.run_id,)))
    return _enough(found, where, "a learning curve at a constant rate")


def final_losses_of(runs: pd.DataFrame, sweeps: Iterable[str], where: str) -> list[SizeCurve]:
    """The final losses of each size against its runs' tokens, the mean of the seeds.

    Raises
    ------
    UserError
        Fewer than four sizes have runs of two lengths.
    """
    found = []
    for _, group in finished_runs(runs, sweeps).groupby("n_params_non_embedding", sort=True):
        middle = group.groupby("n_tokens", sort=True)[["steps", "loss"]].mean().astype(float)
        if len(middle) > 1:
            columns = middle["steps"].to_numpy(), middle.index.to_numpy(float), middle["loss"]
            first = next(group.itertuples())
            found.append(_curve(first, *map(np.asarray, columns), tuple(group["run_id"])))
    return _enough(found, where, "runs of two lengths")


def spread_out(steps: np.ndarray, last: float) -> np.ndarray:
    """Places of a few steps, evenly in ln steps up to `last`: neighbours say little more."""
    even = np.geomspace(steps[0], last, POINTS)
    return np.unique(np.abs(np.log(steps[:, None] / even)).argmin(axis=0))


def fit_along_steps(parts: list[pd.DataFrame], draws: int, where: str) -> FitResult:
    """Eq. 1.6 through points of curves, with columns n_params, n_steps, loss and run_id."""
    import pandas as pd

    columns = {name: name for name in ("n_params", "n_steps", "loss")}
    return fit_law(pd.concat(parts, ignore_index=True), "kaplan_ns", columns=columns,
                   cluster="run_id", draws=draws, where=where)  # fmt: skip


def min_steps(steps, batch_tokens, critical_tokens):
    """S_min = S / (1 + B_crit / B): steps at a batch far above the critical one (Eq. 5.4)."""
    return np.asarray(steps, float) / (1 + np.asarray(critical_tokens, float) / batch_tokens)


def min_tokens(tokens, batch_tokens, critical_tokens):
    """E_min = E / (1 + B / B_crit): tokens at a batch far below the critical one (Eq. 5.1)."""
    return np.asarray(tokens, float) / (1 + batch_tokens / np.asarray(critical_tokens, float))


def min_compute(compute, batch_tokens, critical_tokens):
    """C_min = C / (1 + B / B_crit), in the unit of `compute` (Eq. 5.5)."""
    return min_tokens(compute, batch_tokens, critical_tokens)


def adjusted(curve: SizeCurve, critical) -> SizeCurve:
    """The curve by S_min, E_min and C_min; `critical` gives B_crit in tokens at a loss.

    S_min is NaN after its largest value: the least number of steps cannot fall with the loss, so
    that B_crit is no measurement there.
    """
    at = critical(curve.loss)
    steps = min_steps(curve.steps, curve.batch_tokens, at)
    return replace(
        curve,
        steps=np.where(np.arange(len(steps)) <= np.argmax(steps), steps, np.nan),
        tokens=min_tokens(curve.tokens, curve.batch_tokens, at),
        compute=min_compute(curve.compute, curve.batch_tokens, at),
    )


def _curve(run, steps, tokens, loss, run_ids) -> SizeCurve:
    import pandas as pd

    n_params = float(run.n_params_non_embedding)
    compute = pf_days(FLOPS_PER_PARAM_TOKEN * n_params * tokens)
    batch = np.prod([np.nan if pd.isna(x) else float(x) for x in (run.batch_size, run.context)])
    return SizeCurve(n_params, batch, steps, tokens, compute, loss, run_ids)


def _enough(found, where, what):
    if len(found) < FEWEST_SIZES:
        sizes = f"{len(found)} size" + ("" if len(found) == 1 else "s")
        raise UserError(where, [f"four sizes with {what} are needed; {sizes} had one"])
    return found
