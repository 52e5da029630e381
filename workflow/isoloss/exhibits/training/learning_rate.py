"""The best learning rate at each width: a sweep in the study itself, and its figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, WHITE, Panel, Sheet, with_interval
from isoloss.config.section import Name, PositiveFloat
from isoloss.errors import UserError
from isoloss.exhibits.base import (
    Analysing,
    Analysis,
    Does,
    Drawing,
    Figure,
    Inputs,
    OfLosses,
    Tables,
)
from isoloss.exhibits.notes import in_words, warned
from isoloss.fit.near_lowest import INTERIOR, Valley, line, valley
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, Status, Verdict, X, row
from isoloss.results.rows import DRAWS, SEED
from isoloss.results.verdict import OFTEN, exponent_verdict, not_identified
from isoloss.runs.select import chosen, is_finished
from isoloss.stats import parabola, student
from isoloss.stats.line import slopes_of_columns
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

MUP = -1.0  # of the rate in the width, for hidden matrices under Adam
SOURCE = "Yang et al. (2022), arXiv:2203.03466: hidden matrices under Adam"
N_LINE = 40


class LearningRate(Analysing):
    """The best learning rate at each width, and how it changes with the width."""

    do: Literal["learning_rate"]
    name: Name = "learning_rate"
    reach: PositiveFloat = 4.0  # factor about the best rate tried within which runs are fitted


class LearningRates(OfLosses):
    """Loss against learning rate at each width, and the best rate against the width."""

    draw: Literal["learning_rates"]
    name: Name = "learning_rate"
    title: str = "The learning rate at each width"
    caption: str = (
        "Left: final loss against the learning rate, with a parabola in the logarithm of the "
        "rate. Right: the best rate of each width with its 90 % interval, their slope, the slope "
        "of muP, and the rates that the study uses. Intervals leave out seed scatter."
    )
    rates: Annotated[Name, Does("learning_rate")] = "learning_rate"  # a learning_rate
    used: list[Name] = []  # sweeps whose rates are shown beside the best

    @property
    def sweeps_named(self) -> list[str]:
        return self.used


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
        ends = np.log(self.valley.n_params[[0, -1]]) - self.middle
        return parabola.minimum_between(*self.draws.T, *ends)[0] + self.middle

    def loss(self, rate: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """The parabola at some rates, shape (..., rate)."""
        return coefficients @ np.vander(np.log(rate) - self.middle, 3).T


def analyse(spec: LearningRate, inputs: Inputs) -> list[Row]:
    """The best rate at each width, what a factor of two costs, and the slope between widths.

    A parabola in the log of the rate goes through the runs near the best. What it misses, at all
    widths together, is the noise from which the intervals are drawn, widened for the few runs.

    Raises
    ------
    UserError
        At fewer than two widths does the loss have a minimum between the rates that were tried.
    """
    runs = inputs.runs
    tried = runs[runs["sweep"].isin(spec.sweeps)].drop_duplicates("run_id")
    lost = tried[~is_finished(tried)]
    tried = tried[is_finished(tried) & tried["loss"].notna()]
    valleys = {
        float(width): valley(float(width), group["peak_lr"], group["loss"], spec.reach)
        for width, group in tried.groupby("width", sort=True)
    }
    good = {width: found for width, found in valleys.items() if found.status == INTERIOR}
    if len(good) < 2:
        text = ", ".join(f"width {width:g}: {found.status}" for width, found in valleys.items())
        what = f"two widths with a minimum between the rates tried are needed ({text})"
        raise UserError(spec.name, [what])
    bowls = _bowls(good, np.random.default_rng(SEED))
    said = [f"width {width:g}: {found.status}" for width, found in valleys.items()
            if width not in good]  # fmt: skip
    said += [f"{len(lost)} of {len(lost) + len(tried)} runs diverged"] * bool(len(lost))
    if not tried.duplicated(["width", "peak_lr"]).any():
        said.append("every rate has one seed, so intervals leave out the scatter over seeds")
    rows = [_slope(bowls, tried, said)]
    for width, group in tried.groupby("width", sort=True):
        rows += _of_width(bowls.get(float(width)), width, group)
    return rows + [
        Row(quantity=Q.DIVERGED, kind=Kind.POINT, group=Group.of(width=run.width),
            x_quantity=X.PEAK_LR, x=float(run.peak_lr), runs=run.run_id, n_runs=1,
            verdict=Verdict(Status.NOT_MEASURED,
                            run.reason if isinstance(run.reason, str) else "diverged"))
        for run in lost.itertuples()
    ]  # fmt: skip


def _bowls(good: dict[float, Valley], rng: np.random.Generator) -> dict[float, Bowl]:
    fits, pool, freedom = {}, [], 0
    for width, found in good.items():
        x = np.log(found.n_params)
        design = np.vander(x - x.mean(), 3)
        inverse = parabola.solver(x - x.mean())
        coefficients = inverse @ found.loss
        leverage = student.leverage_of_solver(design, inverse)
        miss = student.freed(found.loss - design @ coefficients, leverage)
        pool.append(miss / found.loss.min())
        freedom += len(x) - 3
        fits[width] = (found, float(x.mean()), coefficients, inverse)
    pool = np.concatenate(pool) - np.concatenate(pool).mean()
    scale = student.scales(freedom, DRAWS, rng)
    bowls = {}
    for width, (found, middle, coefficients, inverse) in fits.items():
        noise = rng.choice(pool, size=(DRAWS, len(found.loss))) * scale * found.loss.min()
        draws = coefficients + noise @ inverse.T
        bowls[width] = Bowl(width, found, middle, coefficients, draws)
    return bowls


def _slope(bowls: dict[float, Bowl], tried: pd.DataFrame, said: list[str]) -> Row:
    """d ln(best rate) / d ln(width), through all widths with a minimum."""
    best = np.array([bowl.best() for bowl in bowls.values()])
    at = np.array([bowl.valley.n_opt for bowl in bowls.values()])
    widths = np.array(list(bowls))
    value = line(widths, at)[0]
    draws = slopes_of_columns(np.log(widths), best)
    verdict = exponent_verdict(value, draws)
    lost = np.mean(~np.isfinite(draws))
    draws = draws[np.isfinite(draws)]
    used = tried[tried["width"].astype(float).isin(widths)]
    if lost:
        said = [*said, f"{lost:.0%} of the draws lack a minimum at some width and are left out"]
    return row(Q.RATE_SLOPE, value, draws, theory=MUP,
               theory_source=SOURCE, verdict=verdict,
               warnings="; ".join(said), n_runs=len(used), runs=" ".join(used["run_id"]),
               method="residual")  # fmt: skip


def _of_width(bowl: Bowl | None, width, group: pd.DataFrame) -> list[Row]:
    """The runs of a width as points; its best rate and the price of others, where it has one."""
    named = Group.of(width=width)
    rows = [
        row(Q.LOSS, float(run.loss), kind=Kind.POINT, group=named, unit="nats per token",
            x_quantity=X.PEAK_LR, x=float(run.peak_lr), n_runs=1, runs=run.run_id)
        for run in group.sort_values("peak_lr", kind="stable").itertuples()
    ]  # fmt: skip
    if bowl is None:
        return rows
    best = bowl.best()
    best = best[np.isfinite(best)]
    common = {"group": named, "x_quantity": X.WIDTH, "x": float(width), "method": "residual",
              "n_runs": len(bowl.valley.loss), "runs": " ".join(group["run_id"])}  # fmt: skip
    lost = 1 - len(best) / len(bowl.draws)
    known = lost <= OFTEN
    verdict = IDENTIFIED if known else not_identified(f"{lost:.0%} of the draws have none")
    rows.append(row(Q.BEST_RATE, bowl.valley.n_opt, np.exp(best), verdict=verdict, **common))
    price = np.log(2.0) ** 2
    rows.append(row(Q.LOSS_FOR_FACTOR_2, bowl.coefficients[0] * price,
                    bowl.draws[:, 0] * price, unit="nats per token", **common))  # fmt: skip
    rates = np.geomspace(bowl.valley.n_params.min(), bowl.valley.n_params.max(), N_LINE)
    for rate, loss in zip(rates, bowl.loss(rates, bowl.coefficients), strict=True):
        rows.append(row(Q.LOSS, float(loss), kind=Kind.LINE, group=named, unit="nats per token",
                        x_quantity=X.PEAK_LR, x=float(rate)))  # fmt: skip
    return rows


def draw(spec: LearningRates, tables: Tables) -> Drawing:
    """Left: loss against the rate, by width. Right: the best rate against the width."""
    found = tables.analysed(spec.rates, spec.called)
    diverged = found.all(Q.DIVERGED, optional=True)
    notes = [] if found.made else found.why_not()
    sheet = Sheet(2)
    left = sheet.panel("learning rate", spec.loss_label, "Loss")
    right = sheet.panel("width d_model", "best learning rate", "Best rate")
    losses, lines = found.points(Q.LOSS), found.line(Q.LOSS)
    best = found.parameters(Q.BEST_RATE)
    widths = sorted(losses["of"].unique())
    colors = tables.colors_of(widths, "width")
    for width, color in zip(widths, colors, strict=True):
        name = f"width {width:g}"
        here, bowl = losses[losses["of"] == width], lines[lines["of"] == width]
        left.points(here["x"], here["value"], name, "run", color=color)
        left.line(bowl["x"], bowl["value"], name, "parabola in ln rate", color=color, linewidth=1.2)
        for rate in diverged["x"][diverged["of"] == width]:
            left.axes.plot([rate], [0.97], color=color, marker="x", linestyle="none",
                           transform=left.axes.get_xaxis_transform())  # fmt: skip
            sheet.record.add(panel="Loss", series=[name], what="diverged",
                             x_quantity="learning rate", x=[rate], y_quantity=spec.loss_label,
                             y=[np.nan])  # fmt: skip
        at = best[best["x"] == width]
        right.intervals_of(at, name, "best rate", color=color)
    key = [("run", {"color": GREY, "marker": "o"})]
    if len(diverged):
        key.append(("diverged", {"color": GREY, "marker": "x"}))
    key += _slopes(right, found, best, notes)
    key += _used(right, spec, tables, best, notes)
    notes += _missed(losses, lines)
    sheet.key_of_values(widths, colors, "width d_model")
    return sheet.drawing(key, notes)


def _used(panel: Panel, spec, tables: Tables, best, notes) -> list[tuple[str, dict]]:
    """The rates of the study's runs, and by which factor they lie off the best of a width."""
    used = chosen(tables.runs, spec.used) if spec.used else tables.runs[:0]
    if used.empty:
        return []
    rates = used.groupby("width")["peak_lr"].median()
    look = {"color": COLORS[1], "marker": "_", "markersize": 12, "markeredgewidth": 2}
    panel.points(rates.index, rates, "used in the study", "rate", **look)
    for one in best.sort_values("x", kind="stable").itertuples():
        if one.x not in rates.index or not (np.isfinite(one.lo) and np.isfinite(one.hi)):
            continue
        rate = float(rates[one.x])
        inside = one.lo <= rate <= one.hi
        value, ends = with_interval(one.value, one.lo, one.hi)
        notes.append(f"Width {one.x:g}: rate used {rate:.3g}, best {value} ({ends}): "
                     f"{'inside' if inside else 'outside'} the interval.")  # fmt: skip
        if not inside:
            panel.write(f"{rate / one.value:.2g} × best", one.x, rate, xytext=(-9, 0), ha="right",
                        color=COLORS[1], bbox=WHITE)  # fmt: skip
    return [("rate that the study uses", look)]


def _missed(losses: pd.DataFrame, lines: pd.DataFrame) -> list[str]:
    """How far the parabolas are off the runs that they go through."""
    off = []
    for width, bowl in lines.groupby("of"):
        runs, x = losses[losses["of"] == width], np.log(bowl["x"])
        there = np.interp(np.log(runs["x"]), x, bowl["value"], left=np.nan, right=np.nan)
        off += [*(runs["value"] - there).dropna()]
    if not off:
        return []
    miss = root_mean_square(np.array(off))
    return [f"The parabolas miss the runs by {miss:.3f} nats (root mean square)."]


def _slopes(panel: Panel, found: Analysed, best, notes) -> list[tuple[str, dict]]:
    """The fitted slope and that of muP, through the middle of the best rates."""
    slope = found.parameter(Q.RATE_SLOPE)
    if slope is None or best.empty:
        return []
    middle = np.exp(np.log(best["x"]).mean()), np.exp(np.log(best["value"]).mean())
    x = np.geomspace(best["x"].min(), best["x"].max(), 2)
    mine = {"color": "black", "linewidth": 1.2, "linestyle": "-"}
    mup = {"color": GREY, "linewidth": 1.1, "linestyle": (0, (4, 2))}
    panel.line(x, middle[1] * (x / middle[0]) ** slope["value"], "fitted slope", "slope", **mine)
    panel.line(x, middle[1] * (x / middle[0]) ** MUP, "muP", "slope", **mup)
    notes.append(f"Best rate ~ width^a with a {in_words(slope)}.")
    for one in found.parameters(Q.LOSS_FOR_FACTOR_2).itertuples():
        price, ends = with_interval(one.value, one.lo, one.hi)
        notes.append(f"Width {one.x:g}: half or twice the best rate costs {price} nats ({ends}).")
    notes += warned(found, Q.RATE_SLOPE)
    return [(f"slope {slope['value']:.2f}", mine), ("slope -1 (muP, hidden matrices)", mup)]


ANALYSES = {"learning_rate": Analysis(LearningRate, analyse)}
FIGURES = {"learning_rates": Figure(LearningRates, draw)}
