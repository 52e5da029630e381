"""Architectures side by side: Kaplan et al. (2020, arXiv:2001.08361), Figs. 7 and 17."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import model_validator

from isoloss.charts import COLORS, MARKERS, Panel, Sheet, short
from isoloss.config.section import Draws, Name
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
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.positions import stops_said
from isoloss.exhibits.notes import told
from isoloss.exhibits.training.replicates import Scatter, in_percent, percent, scatter_said
from isoloss.fit import FitResult, fit_law
from isoloss.results import (
    IDENTIFIED,
    Analysed,
    Group,
    Kind,
    Q,
    Row,
    Verdict,
    X,
    estimated,
    identified,
    points,
    row,
)
from isoloss.results.verdict import not_made
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
N_LINE = 40
FEWEST = 3  # sizes of a power law


class Families(Analysing):
    """A power law of the size for each family of models, and how far each lies above one of them.

    Each sweep is a family. Its runs differ in the size and in the seed.
    """

    do: Literal["families"]
    name: Name = "families"
    reference: Name  # the sweep that others are compared with
    counted: Literal["once", "applied"] = "once"  # blocks that are used again, in N
    draws: Draws = 400  # of the intervals

    @model_validator(mode="after")
    def _the_reference_is_a_family(self) -> Self:
        if self.reference not in self.sweeps:
            raise ValueError(f"reference {self.reference!r} is none of its sweeps")
        return self


class KaplanLstm(OfLosses):
    """Kaplan et al., Fig. 7: LSTMs and transformers, by size and along the context."""

    draw: Literal["kaplan_lstm"]
    name: Name = "kaplan_07"
    title: str = "LSTMs and transformers (Kaplan et al. 2020, Figure 7)"
    caption: str = (
        "Left: final loss against size, with a power law for each family, and its 90 % band where "
        "the runs determine it. Right: the loss of the "
        "largest model of each family by the tokens that it sees, with a power law and a floor. "
        "Ticks on the axis: from there on, the rest of the context gains less than a threshold."
    )
    families: Annotated[Name, Does("families")] = "families"  # the analysis on the left
    by_position: Annotated[Name, Does("by_position")] = "by_position"  # that on the right


class KaplanReuse(OfLosses):
    """Kaplan et al., Fig. 17: transformers that use their blocks again, by two counts of N."""

    draw: Literal["kaplan_reuse"]
    name: Name = "kaplan_17"
    title: str = "Blocks that are used again (Kaplan et al. 2020, Figure 17)"
    caption: str = (
        "Final losses of transformers whose blocks are applied several times, with a power law for "
        "each number, and its 90 % band where the runs determine it. Left: each parameter counted "
        "once. Right: counted as often as a token passes it."
    )
    once: Annotated[Name, Does("families")] = "reuse"  # counts each parameter once
    applied: Annotated[Name, Does("families")] = "reuse_applied"  # as often as it is applied


@dataclass(frozen=True)
class Family:
    """The runs of one sweep, and their law (None where there is none)."""

    name: str
    size: np.ndarray
    runs: pd.DataFrame
    law: FitResult | None

    def log_loss(self, at: float) -> tuple[float, np.ndarray]:
        """ln L of the law at a size, and its draws."""
        log_x = {self.law.law.variables[0]: np.log([at])}
        one = self.law.law.log_loss(self.law.theta[None], log_x)[0, 0]
        return float(one), self.law.law.log_loss(self.law.draws, log_x)[:, 0]


def analyse(spec: Families, inputs: Inputs) -> list[Row]:
    """The losses and the law of each family, and its increase over the reference.

    The increase is a parameter at the middle of the sizes that both have, and a point at the ends.

    Raises
    ------
    UserError
        There is one family only, or the runs do not say their size.
    """
    runs = finished_in(inputs.runs, spec.sweeps, "loss")
    unknown = int(runs[SIZE].isna().sum())
    if unknown:
        raise UserError(spec.name, [f"{unknown} of {len(runs)} runs do not say their {SIZE}"])
    loops = runs["n_loop"].fillna(1).astype(float) if spec.counted == "applied" else 1.0
    runs = runs.assign(at=runs[SIZE].astype(float) * loops, loss=runs["loss"].astype(float))
    runs = runs.sort_values(["at", "run_id"], kind="stable")
    there = [name for name in spec.sweeps if (runs["sweep"] == name).any()]
    if len(there) < 2 or spec.reference not in there:
        raise UserError(spec.name, [f"{spec.reference!r} and another family are needed"])
    cells = [np.log(cell.to_numpy()) for _, cell in runs.groupby(["sweep", "at"])["loss"]]
    scatter = Scatter.of(cells, inputs.first("seed_noise"))
    rows = [] if scatter is None else [scatter.row(runs["run_id"])]
    axis = X.N_APPLIED if spec.counted == "applied" else X.N_NON_EMBEDDING
    families = {}
    for name in there:
        families[name], made = _family(spec, name, runs[runs["sweep"] == name], axis, scatter)
        rows += made
    reference = families[spec.reference]
    for name in there:
        if name != spec.reference:
            rows += _over(families[name], reference, axis)
    return rows


def _family(
    spec: Families, name: str, runs: pd.DataFrame, axis: X, scatter: Scatter | None
) -> tuple[Family, list[Row]]:
    group, rows = Group.of(sweep=name), []
    for at, cell in runs.groupby("at", sort=True):
        rows.append(_mean(cell, float(at), group, axis, scatter))
    sizes = runs["at"].to_numpy()
    try:
        if runs["at"].nunique() < FEWEST:
            found = f"{name}: {runs['at'].nunique()} sizes, a power law needs {FEWEST}"
            raise UserError(spec.name, [found])
        law = fit_law({"x": sizes, "loss": runs["loss"].to_numpy()}, "power_law", x="x", y="loss",
                      draws=spec.draws, where=spec.name)  # fmt: skip
    except UserError as error:
        rows.append(Row(quantity=Q.ALPHA, kind=Kind.PARAMETER, group=group,
                        verdict=not_made("; ".join(error.problems))))  # fmt: skip
        return Family(name, sizes, runs, None), rows
    said = {"group": group, "n_runs": len(runs), "method": law.method,
            "verdict": Verdict.read(law.verdict), "warnings": "; ".join(law.warnings),
            "runs": " ".join(runs["run_id"])}  # fmt: skip
    rows.append(estimated(Q.ALPHA, law.params["alpha"], law.level, **said))
    dense = np.geomspace(sizes.min(), sizes.max(), N_LINE)
    many = law.law.log_loss(law.draws, {law.law.variables[0]: np.log(dense)})
    line = law.predict({law.law.variables[0]: dense})["loss"]
    rows += points(Q.LOSS, axis, dense, line, np.exp(many), kind=Kind.LINE,
                   unit="nats per token", **said)  # fmt: skip
    return Family(name, sizes, runs, law), rows


def _mean(cell: pd.DataFrame, at: float, group: Group, axis: X, scatter: Scatter | None) -> Row:
    """The mean loss of runs of one size, with its interval by the scatter over seeds."""
    middle, ends = float(np.log(cell["loss"]).mean()), {}
    if scatter is not None:
        half = scatter.half_width(len(cell))
        ends = {"lo": float(np.exp(middle - half)), "hi": float(np.exp(middle + half)),
                "level": 0.9}  # fmt: skip
    return Row(quantity=Q.LOSS, kind=Kind.POINT, group=group, x_quantity=axis, x=at,
               value=float(np.exp(middle)), unit="nats per token", n_runs=len(cell),
               runs=" ".join(cell["run_id"]), verdict=IDENTIFIED, **ends)  # fmt: skip


def _over(family: Family, reference: Family, axis: X) -> list[Row]:
    """How far a family lies above the reference, and the difference of their exponents."""
    group = Group.of(sweep=(family.name, reference.name))
    low = max(family.size.min(), reference.size.min())
    high = min(family.size.max(), reference.size.max())
    if family.law is None or reference.law is None or not low < high:
        what = "no law of its own" if low < high else "no sizes in common with the reference"
        verdict = not_made(f"{family.name}: {what}")
        return [Row(quantity=Q.LOSS_INCREASE, kind=Kind.PARAMETER, group=group, verdict=verdict)]
    n_runs = len(family.runs) + len(reference.runs)
    rows = []
    for at, kind in zip(np.geomspace(low, high, 3), (Kind.POINT, Kind.PARAMETER, Kind.POINT),
                        strict=True):  # fmt: skip
        (one, ones), (other, others) = family.log_loss(at), reference.log_loss(at)
        rows.append(row(Q.LOSS_INCREASE, percent(one - other), 100 * np.expm1(ones - others),
                        kind=kind, group=group, x_quantity=axis, x=float(at), unit="%",
                        n_runs=n_runs))  # fmt: skip
    alphas = [_draws(one.law) for one in (family, reference)]
    difference = family.law.params["alpha"].value - reference.law.params["alpha"].value
    rows.append(row(Q.ALPHA_DIFFERENCE, difference, alphas[0] - alphas[1], group=group,
                    n_runs=n_runs))  # fmt: skip
    return rows


def _draws(law: FitResult) -> np.ndarray:
    """The draws of alpha: minus the slope of ln L in ln x, which is the same everywhere."""
    ends = law.law.log_loss(law.draws, {law.law.variables[0]: np.array([0.0, 1.0])})
    return ends[:, 0] - ends[:, 1]


def draw_lstm(spec: KaplanLstm, tables: Tables) -> Drawing:
    """Left: families by size. Right: their largest models along the context."""
    found = tables.analysed(spec.families, spec.called)
    along = tables.analysed(spec.by_position, spec.called)
    sheet = Sheet(2)
    names = _names(tables.runs, [*found.groups(Q.LOSS), *along.groups(Q.LOSS)])
    left = sheet.panel(looks.SIZE_LABEL, spec.loss_label, "Size")
    right = sheet.panel("tokens seen", spec.loss_label, "Along the context")
    lines = _panel(left, found, names)
    _largest(right, along, names)
    notes = [*_said(found, names), *stops_said(along, names), *scatter_said(found)]
    return sheet.drawing(lines, notes)


def _largest(panel: Panel, along: Analysed, names: dict[str, str]) -> None:
    """The loss of the largest model of each family by position, its law, and where it stops."""
    for place, (sweep, name) in enumerate(names.items()):
        look = _look(place)
        groups = [one for one in along.groups(Q.LOSS) if one.get("sweep") == sweep]
        if not groups:
            continue
        largest = max(groups, key=lambda one: one[SIZE])
        here = along.points(Q.LOSS, group=largest)
        panel.points(here["x"], here["value"], name, "largest model", markersize=3.6, **look)
        panel.line_of(along.line(Q.LOSS, group=largest, optional=True), name, "fitted law",
                      band=False, color=look["color"], linewidth=1.1)  # fmt: skip
        stop = along.number(Q.STOPS, group=Group.of(sweep=sweep), optional=True)
        if stop is not None and identified(stop):
            panel.at_edge("x", stop["value"], name, "stops falling", marker="|", markersize=11,
                          markeredgewidth=2, color=look["color"])  # fmt: skip


def draw_reuse(spec: KaplanReuse, tables: Tables) -> Drawing:
    """Families by size, counted once and as often as applied."""
    sheet, notes, key = Sheet(2), [], []
    shown = (
        (spec.once, looks.SIZE_LABEL, "Each parameter once"),
        (spec.applied, "parameters N (as often as applied)", "As often as applied"),
    )
    for name, label, title in shown:
        found = tables.analysed(name, spec.called)
        names = _names(tables.runs, found.groups(Q.LOSS))
        key = _panel(sheet.panel(label, spec.loss_label, title), found, names) or key
        notes += [f"{title}: {text}" for text in _said(found, names)]
    return sheet.drawing(key, notes)


def _look(place: int) -> dict[str, Any]:
    return {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}


def _panel(panel: Panel, found: Analysed, names: dict[str, str]) -> list[tuple[str, dict]]:
    key = []
    for place, (sweep, name) in enumerate(names.items()):
        group, look = Group.of(sweep=sweep), _look(place)
        here = found.points(Q.LOSS, group=group)
        panel.intervals_of(here, name, "final loss", markersize=4.5, **look)
        law = found.parameter(Q.ALPHA, group=group)
        panel.line_of(
            found.line(Q.LOSS, group=group, optional=True),
            name,
            "power law",
            band=law is not None and identified(law),
            color=look["color"],
            linewidth=1.1,
        )
        key.append((name, look | {"linestyle": "-"}))
    return key


def _names(runs: pd.DataFrame, groups: list[Group]) -> dict[str, str]:
    """Each sweep of the groups, and what its models are."""
    sweeps = dict.fromkeys(group["sweep"] for group in groups if "sweep" in group)
    return {sweep: _name(runs[runs["sweep"] == str(sweep)], str(sweep)) for sweep in sweeps}


def _name(runs: pd.DataFrame, sweep: str) -> str:
    """E.g. "LSTM, 2 layers" or "blocks 4 times"; the sweep's name where the models differ."""
    kinds, layers, loops = (runs[name].dropna().unique() for name in ("model", "n_layer", "n_loop"))
    if len(kinds) != 1 or len(layers) != 1 or len(loops) != 1:
        return sweep
    if kinds[0] == "recurrent_transformer":
        return f"blocks {loops[0]:.0f} times"
    said = f"{layers[0]:.0f} layer{'' if layers[0] == 1 else 's'}"
    return f"{'LSTM' if kinds[0] == 'lstm' else kinds[0]}, {said}"


def _said(found: Analysed, names: dict[str, str]) -> list[str]:
    """The exponent of each family, and how far it lies above the reference."""
    if not found.made:
        return found.why_not()
    notes = []
    for sweep, name in names.items():
        group = Group.of(sweep=sweep)
        notes += told(found, Q.ALPHA, f"{_capital(name)}, exponent", group=group)
        notes += found.why_not(group=group)
    for _, one in found.all(Q.LOSS_INCREASE, kind=Kind.PARAMETER).iterrows():
        family, reference = found.group_of(one)["sweep"]
        if not np.isfinite(one["value"]):
            notes += found.why_not(group=found.group_of(one))
            continue
        notes.append(f"At N = {short(one['x'])}, the loss of {names[family]} over that of "
                     f"{names[reference]}, less 1: {in_percent(one)}; {_side(one)}."
                     )  # fmt: skip
    for _, one in found.parameters(Q.ALPHA_DIFFERENCE, optional=True).iterrows():
        if np.isfinite(one["lo"]) and not one["lo"] <= 0 <= one["hi"]:
            family, reference = found.group_of(one)["sweep"]
            steeper = names[family] if one["value"] > 0 else names[reference]
            other = names[reference] if one["value"] > 0 else names[family]
            notes.append(f"The loss of {steeper} falls faster with size than that of {other}.")
    return notes


def _side(one: pd.Series) -> str:
    if one["lo"] > 0:
        return "it is higher"
    if one["hi"] < 0:
        return "it is lower"
    return "which is lower cannot be told"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


ANALYSES = {"families": Analysis(Families, analyse)}
FIGURES = {
    "kaplan_lstm": Figure(KaplanLstm, draw_lstm),
    "kaplan_reuse": Figure(KaplanReuse, draw_reuse),
}
