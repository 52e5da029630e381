"""The loss after each cooldown, forecast from its trunk before the cooldown is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, look_of, short
from isoloss.config.section import Name
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
    need,
)
from isoloss.results import IDENTIFIED, Group, Kind, Q, Row, X
from isoloss.results.verdict import not_identified
from isoloss.runs.curves import near_highest_rate
from isoloss.runs.select import finished_in
from isoloss.schedules.cooled import LAST_DROP, LAW, Cooled, forecast
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ERRORS = 4  # of earlier forecasts, for an interval of the next
FEW = not_identified(f"fewer than {FEWEST_ERRORS} earlier forecasts say how far forecasts err")
NO_DROP = not_identified("no earlier cooldown says how much one gains")
COLUMNS = ("width", "n_layer", "n_params", "n_tokens", "steps", "seed", "trunk_flops",
           "compute_flops", "loss")  # fmt: skip
FORECAST = {"color": "black", "marker": "D"}


class CooldownForecast(Analysing):
    """Each cooldown's last loss, forecast from its trunk and from the cooldowns before it."""

    do: Literal["cooldown_forecast"]
    name: Name = "cooldown_forecast"


class CooldownForecasts(OfLosses):
    """Forecasts of cooled losses beside what was measured."""

    draw: Literal["cooldown_forecasts"]
    name: Name = "cooldown_forecast"
    title: str = "Cooldowns forecast from their trunks"
    caption: str = (
        "Each cooldown's final loss is forecast from its trunk and from cooldowns of smaller or "
        "shorter runs. The law is the multi-power law of Luo et al. (2025, arXiv:2503.12811). "
        "Left: forecast over measured loss. Right: the largest size. Intervals (90 %) are as "
        "wide as the errors of earlier forecasts."
    )
    check: Annotated[Name, Does("cooldown_forecast")] = "cooldown_forecast"  # a cooldown_forecast


def analyse(spec: CooldownForecast, inputs: Inputs) -> list[Row]:
    """Forecasts in order of size and length, each from what was known before it, and their errors.

    A rival lowers the trunk's loss by the share that the cooldown before it gained.

    Raises
    ------
    UserError
        Fewer than three runs of these sweeps cool a trunk down whose curve is known.
    """
    need(inputs.runs, COLUMNS, spec.name, "runs")
    cooled = _cooled(inputs, spec)
    if len(cooled) < 3:
        what = f"three cooldowns of trunks with a learning curve are needed; found {len(cooled)}"
        raise UserError(spec.name, [what])
    rows: list[Row] = []
    errors: dict[str, list[float]] = {LAW: [], LAST_DROP: []}
    held = []
    for place, one in enumerate(cooled):
        found = forecast(one.curve, [other.curve for other in cooled[:place]])
        common = {"kind": Kind.POINT, "group": one.group, "unit": Q.COOLED_LOSS.unit, "n_runs": 1,
                  "x_quantity": X.N_TOKENS, "x": one.n_tokens, "runs": one.run_id}  # fmt: skip
        rows.append(Row(quantity=Q.COOLED_LOSS, value=one.curve.last, verdict=IDENTIFIED, **common))
        if found is None:
            rows.append(Row(quantity=Q.COOLED_FORECAST, verdict=NO_DROP, **common))
            continue
        before = errors[LAW]
        interval = {}
        if len(before) >= FEWEST_ERRORS:
            sd = root_mean_square(np.array(before))
            half = student.quantile(LEVEL, len(before)) * sd
            interval = {"lo": found[LAW] * np.exp(-half), "hi": found[LAW] * np.exp(half),
                        "se": found[LAW] * sd, "level": LEVEL}  # fmt: skip
            held.append(interval["lo"] < one.curve.last < interval["hi"])
        rows.append(Row(
            quantity=Q.COOLED_FORECAST, value=found[LAW], method="errors of earlier forecasts",
            verdict=IDENTIFIED if interval else FEW, **interval, **common,
        ))  # fmt: skip
        for law, value in found.items():
            errors[law].append(float(np.log(value / one.curve.last)))
    ids = " ".join(one.run_id for one in cooled)
    common = {"kind": Kind.PARAMETER, "verdict": IDENTIFIED, "method": "counted", "runs": ids}
    for law, of_law in errors.items():
        if of_law:
            rows.append(Row(quantity=Q.FORECAST_ERROR, group=Group.of(law=law),
                            value=root_mean_square(np.array(of_law)), n_runs=len(of_law),
                            **common))  # fmt: skip
    if held:
        rows.append(Row(quantity=Q.FORECASTS_HELD, value=float(np.mean(held)), n_runs=len(held),
                        **common))  # fmt: skip
    return rows


@dataclass(frozen=True)
class _Run:
    run_id: str
    group: Group
    n_tokens: float
    curve: Cooled


def _cooled(inputs: Inputs, spec: CooldownForecast) -> list[_Run]:
    """Runs that go on from a trunk, by rising size, then seed, then length."""
    runs = finished_in(inputs.runs, spec.sweeps).dropna(subset=list(COLUMNS))
    order = ["n_params", "width", "n_layer", "seed", "n_tokens", "run_id"]
    runs = runs.sort_values(order, kind="stable")
    by_run = dict(tuple(inputs.curves.groupby("run_id"))) if len(inputs.curves) else {}
    found = []
    for run in runs.itertuples():
        curve = by_run.get(run.run_id)
        begun = float(run.steps) * float(run.trunk_flops) / float(run.compute_flops)
        if curve is None or not 0 < begun < run.steps:
            continue
        trunk = near_highest_rate(curve)
        trunk = trunk[trunk["step"] <= begun + 0.5]
        if len(trunk) < 2:
            continue
        group = Group.of(width=int(run.width), n_layer=int(run.n_layer), n_tokens=int(run.n_tokens))
        size = (int(run.width), int(run.n_layer), int(run.seed))
        found.append(_Run(run.run_id, group, float(run.n_tokens), Cooled(
            size, float(run.steps), round(begun), trunk["step"].to_numpy("float64"),
            trunk["loss"].to_numpy("float64"), float(run.loss),
        )))  # fmt: skip
    return found


def draw(spec: CooldownForecasts, tables: Tables) -> Drawing:
    """Left: forecast over measured. Right: the largest size, its trunk, and its cooldowns."""
    rows = tables.analysed(spec.check, spec.called)
    notes = rows.why_not()
    sheet = Sheet(2)
    left = sheet.panel("tokens trained on", "forecast / measured - 1 (%)", "Errors",
                       y_scale="linear")  # fmt: skip
    measured, forecasts = rows.all(Q.COOLED_LOSS), rows.points(Q.COOLED_FORECAST)
    joined = forecasts.merge(measured[["group", "value"]], on="group", suffixes=("", "_measured"))
    widths = sorted(joined["of"].unique())
    colors = tables.colors_of(widths, "width")
    for place, (width, color) in enumerate(zip(widths, colors, strict=True)):
        of = joined[joined["of"] == width]
        ends = [100 * (of[end] / of["value_measured"] - 1) for end in ("value", "lo", "hi")]
        look = {"color": color, "marker": look_of(place)["marker"], "markersize": 4}
        aside = 4.0 * (place - (len(widths) - 1) / 2)
        left.intervals(of["x"], *ends, f"width {width:.0f}", "forecast", aside=aside, **look)
    left.level(0.0, "as measured", linestyle="-", linewidth=0.8)
    left.axes.margins(x=0.1)
    _largest(spec, tables, rows, joined, sheet)
    sheet.key_of_values(widths, colors, "width (left)")
    key = [("forecast, 90 % interval", FORECAST), ("measured", look_of(1)),
           ("trunk, constant rate", {"color": GREY, "marker": "o"})]  # fmt: skip
    return sheet.drawing(key, notes + _said(rows))


def _largest(spec, tables: Tables, rows, joined: pd.DataFrame, sheet: Sheet) -> None:
    width = joined["of"].max() if len(joined) else np.nan
    name = f"Width {width:.0f}" if np.isfinite(width) else "The largest size"
    panel = sheet.panel("tokens trained on", spec.loss_label, name)
    of = joined[joined["of"] == width].sort_values("x", kind="stable")
    for run_id in list(of["runs"])[-1:]:
        trunk = near_highest_rate(tables.curves[tables.curves["run_id"] == run_id])
        panel.line(trunk["n_tokens"], trunk["loss"], "trunk", "constant rate", color=GREY,
                   marker="o", markersize=3)  # fmt: skip
    panel.axes.margins(x=0.08)
    if len(of):
        panel.points(of["x"], of["value_measured"], "measured", "cooled", **look_of(1))
        panel.intervals_of(of, "forecast", "forecast", aside=5.0, markersize=4, **FORECAST)


def _said(rows) -> list[str]:
    found = {rows.group_of(one)["law"]: one for one in
             rows.parameters(Q.FORECAST_ERROR, optional=True).itertuples()}  # fmt: skip
    if LAW not in found:
        return []
    ours, rival = found[LAW], found[LAST_DROP]
    better = "The two are alike" if ours.value >= 0.9 * rival.value else "The law is closer"
    if rival.value < 0.9 * ours.value:
        better = "The law is farther off"
    said = [
        f"{ours.n_runs:.0f} cooldowns were forecast. The law errs by {ours.value:.2%} (root mean "
        f"square). The gain of the last cooldown, repeated, errs by {rival.value:.2%}. {better}."
    ]
    held = rows.number(Q.FORECASTS_HELD, optional=True)
    if held is not None:
        said.append(f"{held['value']:.0%} of {held['n_runs']:.0f} intervals hold the measured "
                    "loss. Forecasts of one size err together: they share a trunk.")  # fmt: skip
    worst = rows.points(Q.COOLED_FORECAST)
    if len(worst):
        said.append(f"The longest run has {short(worst['x'].max())} tokens. The forecasts cover no "
                    "other shape or length of the cooldown.")  # fmt: skip
    return said


ANALYSES = {"cooldown_forecast": Analysis(CooldownForecast, analyse)}
FIGURES = {"cooldown_forecasts": Figure(CooldownForecasts, draw)}
