"""The best learning rate at each width: a sweep in the study itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.rows import DRAWS, IDENTIFIED, SEED, exponent_verdict, row
from isoloss.config.analyses.limits import LearningRate
from isoloss.errors import UserError
from isoloss.fit.isoflop import INTERIOR, Valley, line, valley

SOURCE = "Yang et al. (2022), arXiv:2203.03466: hidden matrices under Adam"
N_LINE = 40


@dataclass(frozen=True)
class Bowl:
    """A width's parabola of the loss in ln rate, and draws of its three numbers."""

    width: float
    valley: Valley
    middle: float  # of ln rate
    coefficients: np.ndarray  # shape (3,): of the square, of ln rate - middle, constant
    draws: np.ndarray  # shape (draw, 3)

    def best(self) -> np.ndarray:
        """ln of the best rate in each draw; NaN where it lies outside the rates fitted."""
        bend, slope, _ = self.draws.T
        with np.errstate(all="ignore"):
            at = self.middle - slope / (2 * bend)
        ends = np.log(self.valley.n_params[[0, -1]])
        return np.where((bend > 0) & (ends[0] < at) & (at < ends[1]), at, np.nan)

    def loss(self, rate: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """The parabola at some rates, shape (..., rate)."""
        return coefficients @ np.vander(np.log(rate) - self.middle, 3).T


def learning_rate(
    spec: LearningRate, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """The best rate at each width, what a factor of two costs, and the slope between widths.

    A parabola in the log of the rate goes through the runs near the best. What it misses, at all
    widths together, is the noise from which the intervals are drawn, widened for the few runs.

    Raises
    ------
    UserError
        At fewer than two widths does the loss have a minimum between the rates that were tried.
    """
    chosen = runs[runs["sweep"].isin(spec.sweeps)].drop_duplicates("run_id")
    lost = chosen[chosen["status"] != "done"]
    chosen = chosen[(chosen["status"] == "done") & chosen["loss"].notna()]
    valleys = {
        float(width): valley(float(width), group["peak_lr"], group["loss"], spec.reach)
        for width, group in chosen.groupby("width", sort=True)
    }
    good = {width: found for width, found in valleys.items() if found.status == INTERIOR}
    if len(good) < 2:
        text = ", ".join(f"width {width:g}: {found.status}" for width, found in valleys.items())
        what = f"two widths with a minimum between the rates tried are needed ({text})"
        raise UserError(spec.name, [what])
    bowls = _bowls(good, np.random.default_rng(SEED))
    said = [f"width {width:g}: {found.status}" for width, found in valleys.items()
            if width not in good]  # fmt: skip
    said += [f"{len(lost)} of {len(lost) + len(chosen)} runs diverged"] * bool(len(lost))
    if not chosen.duplicated(["width", "peak_lr"]).any():
        said.append("one seed at every rate: what another seed would move is not in the intervals")
    rows = [_slope(bowls, chosen, said)]
    for width, group in chosen.groupby("width", sort=True):
        rows += _of_width(bowls.get(float(width)), width, group)
    return rows + [
        {"quantity": "diverged", "kind": "point", "group": f"width={run.width}",
         "x_quantity": "peak_lr", "x": float(run.peak_lr), "runs": run.run_id, "n_runs": 1,
         "verdict": f"not measured: {run.reason if isinstance(run.reason, str) else 'diverged'}"}
        for run in lost.itertuples()
    ]  # fmt: skip


def _bowls(good: dict[float, Valley], rng: np.random.Generator) -> dict[float, Bowl]:
    fits, pool, freedom = {}, [], 0
    for width, found in good.items():
        x = np.log(found.n_params)
        design = np.vander(x - x.mean(), 3)
        inverse = np.linalg.pinv(design)
        coefficients = inverse @ found.loss
        leverage = np.minimum(np.einsum("rp,pr->r", design, inverse), 0.99)
        miss = (found.loss - design @ coefficients) / np.sqrt(1 - leverage)
        pool.append(miss / found.loss.min())
        freedom += len(x) - 3
        fits[width] = (found, float(x.mean()), coefficients, inverse)
    pool = np.concatenate(pool) - np.concatenate(pool).mean()
    scale = np.sqrt(freedom / rng.chisquare(freedom, size=(DRAWS, 1)))
    bowls = {}
    for width, (found, middle, coefficients, inverse) in fits.items():
        noise = rng.choice(pool, size=(DRAWS, len(found.loss))) * scale * found.loss.min()
        draws = coefficients + noise @ inverse.T
        bowls[width] = Bowl(width, found, middle, coefficients, draws)
    return bowls


def _slope(bowls: dict[float, Bowl], chosen: pd.DataFrame, said: list[str]) -> dict[str, Any]:
    """d ln(best rate) / d ln(width), through all widths with a minimum."""
    best = np.array([bowl.best() for bowl in bowls.values()])
    at = np.array([bowl.valley.n_opt for bowl in bowls.values()])
    widths = np.array(list(bowls))
    value = line(widths, at)[0]
    centred = np.log(widths) - np.log(widths).mean()
    draws = centred @ best / (centred @ centred)
    lost = np.mean(~np.isfinite(draws))
    draws = draws[np.isfinite(draws)]
    used = chosen[chosen["width"].astype(float).isin(widths)]
    if lost:
        said = [*said, f"{lost:.0%} of the draws have a width without a minimum; left out"]
    return row("slope of ln best rate against ln width", value, draws, theory=-1.0,
               theory_source=SOURCE, verdict=exponent_verdict(value, draws),
               warnings="; ".join(said), n_runs=len(used), runs=" ".join(used["run_id"]),
               method="residual")  # fmt: skip


def _of_width(bowl: Bowl | None, width, group: pd.DataFrame) -> list[dict[str, Any]]:
    """The runs of a width as points; its best rate and the price of others, where it has one."""
    named = f"width={width}"
    rows = [
        row("loss", float(run.loss), kind="point", group=named, unit="nats per token",
            x_quantity="peak_lr", x=float(run.peak_lr), n_runs=1, runs=run.run_id)
        for run in group.sort_values("peak_lr").itertuples()
    ]  # fmt: skip
    if bowl is None:
        return rows
    best = bowl.best()
    best = best[np.isfinite(best)]
    common = {"group": named, "x_quantity": "width", "x": float(width), "method": "residual",
              "n_runs": len(bowl.valley.loss), "runs": " ".join(group["run_id"])}  # fmt: skip
    lost = 1 - len(best) / len(bowl.draws)
    verdict = IDENTIFIED if lost <= 0.05 else f"not identified: {lost:.0%} of the draws have none"
    rows.append(row("best rate", bowl.valley.n_opt, np.exp(best), verdict=verdict, **common))
    price = np.log(2.0) ** 2
    rows.append(row("loss for a factor of two", bowl.coefficients[0] * price,
                    bowl.draws[:, 0] * price, unit="nats per token", **common))  # fmt: skip
    rates = np.geomspace(bowl.valley.n_params.min(), bowl.valley.n_params.max(), N_LINE)
    for rate, loss in zip(rates, bowl.loss(rates, bowl.coefficients), strict=True):
        rows.append(row("loss", float(loss), kind="line", group=named, unit="nats per token",
                        x_quantity="peak_lr", x=float(rate)))  # fmt: skip
    return rows
