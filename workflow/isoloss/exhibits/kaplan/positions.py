"""Losses by the position in the context: Kaplan et al. (2020, arXiv:2001.08361), App. D.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import with_interval
from isoloss.config.section import Draws, Name, PositiveInt
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Inputs
from isoloss.exhibits.training.replicates import Scatter, alike, increase
from isoloss.fit import FitResult, fit_law
from isoloss.laws.published import KAPLAN
from isoloss.results import (
    IDENTIFIED,
    Analysed,
    Group,
    Kind,
    Q,
    Quantity,
    Row,
    Verdict,
    X,
    estimated,
    points,
    row,
)
from isoloss.results.verdict import not_identified, not_made, scale_verdict
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
N_LINE = 40
SAME_SIZE = 1.15  # largest models whose N differ by less are compared
OFTEN = 0.05  # largest share of the draws that do not stop
PAPER = 100.0  # tokens
SOURCE = f"{KAPLAN}, Sec. 3.2.1: LSTMs plateau after less than 100 tokens"
FEWEST = 3  # sizes of a power law

Share = Annotated[float, Field(gt=0, lt=1)]


class ByPosition(Analysing):
    """The loss at each position of the context, a law of it, and where it stops to fall.

    Runs are those of a task with `by_position: true`. Each sweep is a family of models.
    """

    do: Literal["by_position"]
    name: Name = "by_position"
    reference: Name | None = None  # the sweep whose largest model others are compared with
    threshold: Share = 0.01  # the loss has stopped where the rest of the context gains less
    draws: Draws = 400  # of the intervals


class SizeByPosition(Analysing):
    """Loss against size at several positions, along training, and with a short context."""

    do: Literal["size_by_position"]
    name: Name = "size_by_position"
    short: list[Name] = []  # sweeps of the same models with a short context
    positions: Annotated[list[PositiveInt], Field(min_length=2)] = [1, 4, 16, 64, 200]
    draws: Draws = 400  # of the intervals

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.short]


def placed(spec: Analysing, inputs: Inputs, sweeps: list[str]) -> pd.DataFrame:
    """The losses by position of finished runs, with the columns of the run that name it.

    `x` is the geometric mean of the first and the last position; `end` marks the last evaluation.

    Raises
    ------
    UserError
        No run of these sweeps has losses by position.
    """
    runs = finished_in(inputs.runs, sweeps, "loss")[["sweep", "run_id", SIZE, "seed"]]
    rows = inputs.evaluations
    if rows is not None and len(rows):
        rows = rows[rows["text"].isna()].merge(runs, on="run_id")
    if rows is None or rows.empty:
        problem = "no run of these sweeps measured its loss by position (task.by_position: true)"
        raise UserError(spec.name, [problem])
    unknown = rows[SIZE].isna()
    if unknown.any():
        ids = rows["run_id"][unknown].nunique()
        raise UserError(spec.name, [f"{ids} runs do not say their {SIZE}"])
    first, last = (rows[name].astype(float) for name in ("first_position", "last_position"))
    ends = rows.groupby("run_id")["step"].transform("max")
    rows = rows.assign(
        x=np.sqrt(first * last),
        end=rows["step"] == ends,
        size=rows[SIZE].astype(int),
        loss=rows["loss"].astype(float),
        n_targets=rows["n_targets"].astype(float),
    )
    return rows.sort_values(["sweep", "size", "x", "run_id"], kind="stable")


def analyse(spec: ByPosition, inputs: Inputs) -> list[Row]:
    """Losses and a law for each size, where the largest stops, and its increase over the reference.

    Raises
    ------
    UserError
        No run has losses by position.
    """
    rows = placed(spec, inputs, spec.sweeps)
    rows = rows[rows["end"]]
    context = int(rows["last_position"].max())
    cells = [np.log(cell.to_numpy()) for _, cell in rows.groupby(["sweep", "size", "x"])["loss"]]
    scatter = Scatter.of(cells)
    made, largest = [], {}
    for sweep in (name for name in spec.sweeps if (rows["sweep"] == name).any()):
        family = rows[rows["sweep"] == sweep]
        for size, of_size in family.groupby("size", sort=True):
            group = Group.of(sweep=sweep, n_params_non_embedding=int(size))
            curve = _curve(of_size)
            made += _points(curve, group, scatter)
            law, more = _law(spec, curve, group, of_size["run_id"])
            made += more
        largest[sweep] = int(size), of_size
        made.append(_stops(spec, sweep, law, context, of_size["run_id"]))
    if spec.reference in largest:
        for sweep, of_size in largest.items():
            if sweep != spec.reference:
                made += _over(sweep, of_size, largest[spec.reference], scatter)
    return made


def _curve(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds at each position."""
    means = rows.groupby("x", sort=True).agg(
        log_loss=("loss", lambda losses: float(np.log(losses).mean())),
        n_targets=("n_targets", "sum"), n_runs=("run_id", "nunique"),
    )  # fmt: skip
    return means.reset_index()


def _points(curve: pd.DataFrame, group: Group, scatter: Scatter | None) -> list[Row]:
    rows = []
    for one in curve.itertuples():
        half = np.nan if scatter is None else scatter.half_width(one.n_runs)
        ends = {} if scatter is None else {
            "lo": float(np.exp(one.log_loss - half)), "hi": float(np.exp(one.log_loss + half)),
            "level": 0.9,
        }  # fmt: skip
        rows.append(Row(quantity=Q.LOSS, kind=Kind.POINT, group=group, x_quantity=X.POSITION,
                        x=float(one.x), value=float(np.exp(one.log_loss)), unit="nats per token",
                        n_runs=int(one.n_runs), verdict=IDENTIFIED, **ends))  # fmt: skip
    return rows


def _law(
    spec: ByPosition, curve: pd.DataFrame, group: Group, run_ids: pd.Series
) -> tuple[FitResult | None, list[Row]]:
    """L = E + A / T^alpha, each band with the weight of its targets."""
    table = {"x": curve["x"].to_numpy(), "loss": np.exp(curve["log_loss"].to_numpy()),
             "n_targets": curve["n_targets"].to_numpy()}  # fmt: skip
    try:
        law = fit_law(table, "power_law_floor", x="x", y="loss", weights="n_targets",
                      draws=spec.draws, where=spec.name)  # fmt: skip
    except UserError as error:
        verdict = not_made("; ".join(error.problems))
        return None, [Row(quantity=Q.ALPHA, kind=Kind.PARAMETER, group=group, verdict=verdict)]
    ids = list(dict.fromkeys(run_ids))
    said = {"group": group, "n_runs": len(ids), "method": law.method, "runs": " ".join(ids),
            "verdict": Verdict.read(law.verdict), "warnings": "; ".join(law.warnings)}  # fmt: skip
    rows = [estimated(Quantity.read(name), one, law.level, **said)
            for name, one in law.params.items()]  # fmt: skip
    dense = np.geomspace(table["x"].min(), table["x"].max(), N_LINE)
    line = law.predict({law.law.variables[0]: dense})["loss"]
    return law, rows + points(Q.LOSS, X.POSITION, dense, line, kind=Kind.LINE,
                              unit="nats per token", **said)  # fmt: skip


def stopping(log_loss: np.ndarray, threshold: float) -> np.ndarray:
    """The first position from which the rest of the context gains less than a threshold.

    Parameters
    ----------
    log_loss : ndarray, shape (draw, position)
        ln L at positions 1, 2, ...
    threshold : float
        The gain is the loss at a position over the mean loss beyond it, less 1.

    Returns
    -------
    ndarray, shape (draw,)
        NaN where the loss has not stopped in the first half of the positions: what lies beyond is
        then too short to say.
    """
    loss = np.exp(log_loss)
    n = loss.shape[1]
    beyond = np.cumsum(loss[:, ::-1], axis=1)[:, ::-1][:, 1:] / np.arange(n - 1, 0, -1)
    small = loss[:, :-1] / beyond - 1 < threshold
    always = np.logical_and.accumulate(small[:, ::-1], axis=1)[:, ::-1][:, : n // 2]
    return np.where(always.any(axis=1), always.argmax(axis=1) + 1.0, np.nan)


def _stops(
    spec: ByPosition, sweep: str, law: FitResult | None, context: int, run_ids: pd.Series
) -> Row:
    """Where the largest model of a family stops to improve, by its law."""
    ids = list(dict.fromkeys(run_ids))
    said: dict[str, Any] = {
        "group": Group.of(sweep=sweep),
        "unit": "tokens",
        "n_runs": len(ids),
        "runs": " ".join(ids),
        "theory": PAPER,
        "theory_source": SOURCE,
    }
    if law is None:
        verdict = not_made(f"{sweep}: no law of the loss along the context")
        return Row(quantity=Q.STOPS, kind=Kind.PARAMETER, verdict=verdict, **said)
    at = {law.law.variables[0]: np.log(np.arange(1.0, context + 1))}
    value = stopping(law.law.log_loss(law.theta[None], at), spec.threshold)[0]
    draws = stopping(law.law.log_loss(law.draws, at), spec.threshold)
    still = float(np.mean(np.isnan(draws)))
    if np.isnan(value) or still > OFTEN:
        share = f"in {still:.0%} of the draws it falls beyond half of the context"
        verdict = not_identified(f"the loss may fall to the end of the context: {share}")
        return row(Q.STOPS, value, verdict=verdict, **said)
    draws = draws[np.isfinite(draws)]
    return row(Q.STOPS, value, draws, verdict=scale_verdict(draws), **said)


def _over(
    sweep: str, mine: tuple[int, pd.DataFrame], other: tuple[int, pd.DataFrame],
    scatter: Scatter | None,
) -> list[Row]:  # fmt: skip
    """How far the largest model of a family lies above the reference's, at each position."""
    (size, rows), (reference, others) = mine, other
    group = Group.of(sweep=sweep)
    if len(set(alike(np.array([size, reference], float), SAME_SIZE))) > 1:
        verdict = not_made(f"{sweep}: the largest models have {size} and {reference} parameters")
        return [Row(quantity=Q.LOSS_INCREASE, kind=Kind.POINT, group=group, verdict=verdict)]
    made = []
    for x, here in rows.groupby("x", sort=True):
        there = others[others["x"] == x]
        if len(there):
            losses = [np.log(part["loss"].to_numpy()) for part in (here, there)]
            made.append(increase(Q.LOSS_INCREASE, *losses, scatter, kind=Kind.POINT, group=group,
                                 x_quantity=X.POSITION, x=float(x),
                                 n_runs=len(here) + len(there)))  # fmt: skip
    return made


def stops_said(found: Analysed, names: dict[str, str]) -> list[str]:
    """Where each family stops to improve, in words, and how it compares along the context."""
    if not found.made:
        return found.why_not()
    notes, known = [], []
    for sweep, name in names.items():
        one = found.parameter(Q.STOPS, group=Group.of(sweep=sweep), optional=True)
        if one is None:
            continue
        verdict = Verdict.read(one["verdict"])
        if not verdict.identified:
            notes.append(f"Where {name} stops to improve cannot be told: {verdict.reason}.")
            continue
        value, ends = with_interval(one["value"], one["lo"], one["hi"])
        notes.append(f"The largest {name} stops to improve after {value} tokens (90 %: {ends}).")
        known.append(one)
    if len(known) > 1 and max(one["lo"] for one in known) <= min(one["hi"] for one in known):
        notes.append("These intervals overlap, so which of them stops first cannot be told.")
    for sweep, name in names.items():
        rows = found.points(Q.LOSS_INCREASE, group=Group.of(sweep=sweep), optional=True)
        if len(rows) > 1:
            early, late = (_increase_in_words(rows.iloc[i]) for i in (0, -2))
            at = [f"{rows['x'].iloc[i]:.0f}" for i in (0, -2)]
            notes.append(f"The largest {name} over the reference, less 1: {early} after {at[0]} "
                         f"token, {late} after {at[1]}.")  # fmt: skip
    return notes


def _increase_in_words(one: pd.Series) -> str:
    value, ends = with_interval(one["value"], one["lo"], one["hi"])
    return f"{value} %" + (f" ({ends})" if ends else "")


def analyse_sizes(spec: SizeByPosition, inputs: Inputs) -> list[Row]:
    """A power law of the size at each position, the loss along training, and the short context.

    Raises
    ------
    UserError
        No run has losses by position.
    """
    rows = placed(spec, inputs, spec.sweeps)
    short = placed(spec, inputs, spec.short) if spec.short else rows.iloc[:0]
    bands = _bands(rows, spec.positions)
    ended = rows[rows["end"]]
    cells = [np.log(cell.to_numpy()) for _, cell in ended.groupby(["size", "x"])["loss"]]
    scatter = Scatter.of(cells)
    made = [] if scatter is None else [scatter.row(dict.fromkeys(ended["run_id"]))]
    laws: dict[int, FitResult] = {}
    for position, x in bands.items():
        group = Group.of(position=position)
        here = ended[ended["x"] == x]
        made += _losses(here, group, scatter)
        law, more = _law_of_size(spec, here, group)
        made += more
        if law is not None:
            laws[position] = law
        largest = rows[(rows["x"] == x) & (rows["size"] == rows["size"].max())]
        for step, at in largest.groupby("step", sort=True):
            made.append(row(Q.LOSS, float(np.exp(np.log(at["loss"]).mean())), kind=Kind.POINT,
                            group=group, x_quantity=X.STEPS, x=float(step), n_runs=len(at),
                            unit="nats per token"))  # fmt: skip
    made += _difference(laws)
    return made + _short(ended, short[short["end"]], scatter)


def _bands(rows: pd.DataFrame, positions: list[int]) -> dict[int, float]:
    """Position -> `x` of the band that has it."""
    bands = rows[["first_position", "last_position", "x"]].drop_duplicates()
    found = {}
    for position in positions:
        inside = (bands["first_position"] <= position) & (position <= bands["last_position"])
        if inside.any():
            found[position] = float(bands["x"][inside].iloc[0])
    return found


def _losses(here: pd.DataFrame, group: Group, scatter: Scatter | None) -> list[Row]:
    """The mean loss of each size."""
    rows = []
    for size, cell in here.groupby("size", sort=True):
        middle = float(np.log(cell["loss"]).mean())
        half = np.nan if scatter is None else scatter.half_width(len(cell))
        ends = {} if scatter is None else {
            "lo": float(np.exp(middle - half)), "hi": float(np.exp(middle + half)), "level": 0.9,
        }  # fmt: skip
        rows.append(Row(quantity=Q.LOSS, kind=Kind.POINT, group=group, x=float(size),
                        x_quantity=X.N_NON_EMBEDDING, value=float(np.exp(middle)),
                        unit="nats per token", n_runs=len(cell), runs=" ".join(cell["run_id"]),
                        verdict=IDENTIFIED, **ends))  # fmt: skip
    return rows


def _law_of_size(
    spec: SizeByPosition, here: pd.DataFrame, group: Group
) -> tuple[FitResult | None, list[Row]]:
    sizes = here["size"].to_numpy(float)
    try:
        if len(set(sizes)) < FEWEST:
            problem = f"{len(set(sizes))} sizes, a power law needs {FEWEST}"
            raise UserError(spec.name, [problem])
        law = fit_law({"x": sizes, "loss": here["loss"].to_numpy()}, "power_law", x="x", y="loss",
                      draws=spec.draws, where=spec.name)  # fmt: skip
    except UserError as error:
        verdict = not_made("; ".join(error.problems))
        return None, [Row(quantity=Q.ALPHA, kind=Kind.PARAMETER, group=group, verdict=verdict)]
    said = {"group": group, "n_runs": len(here), "method": law.method,
            "verdict": Verdict.read(law.verdict), "warnings": "; ".join(law.warnings),
            "runs": " ".join(here["run_id"])}  # fmt: skip
    dense = np.geomspace(sizes.min(), sizes.max(), N_LINE)
    line = law.predict({law.law.variables[0]: dense})["loss"]
    return law, [
        estimated(Q.ALPHA, law.params["alpha"], law.level, **said),
        *points(Q.LOSS, X.N_NON_EMBEDDING, dense, line, kind=Kind.LINE, unit="nats per token",
                **said),
    ]  # fmt: skip


def _difference(laws: dict[int, FitResult]) -> list[Row]:
    """The exponent of the last position less that of the first."""
    if len(laws) < 2:
        return []
    first, last = min(laws), max(laws)
    draws = []
    for law in (laws[last], laws[first]):
        ends = law.law.log_loss(law.draws, {law.law.variables[0]: np.array([0.0, 1.0])})
        draws.append(ends[:, 0] - ends[:, 1])
    value = laws[last].params["alpha"].value - laws[first].params["alpha"].value
    return [row(Q.ALPHA_DIFFERENCE, value, draws[0] - draws[1],
                group=Group.of(position=(last, first)))]  # fmt: skip


def _short(ended: pd.DataFrame, short: pd.DataFrame, scatter: Scatter | None) -> list[Row]:
    """Models of the same size at the last position of the short context: long over short."""
    rows = []
    if short.empty:
        return rows
    at = int(short["last_position"].max())
    x = short["x"][short["last_position"] == at].iloc[0]
    here = ended[(ended["first_position"] <= at) & (at <= ended["last_position"])]
    for size, cell in short[short["x"] == x].groupby("size", sort=True):
        rows += _losses(cell, Group.of(context=at), scatter)
        same = here[here["size"] == size]
        if len(same):
            losses = [np.log(part["loss"].to_numpy()) for part in (same, cell)]
            rows.append(increase(Q.LOSS_INCREASE, *losses, scatter, kind=Kind.POINT,
                                 group=Group.of(context=at), x_quantity=X.N_NON_EMBEDDING,
                                 x=float(size), n_runs=len(same) + len(cell)))  # fmt: skip
    return rows


ANALYSES = {
    "by_position": Analysis(ByPosition, analyse),
    "size_by_position": Analysis(SizeByPosition, analyse_sizes),
}
