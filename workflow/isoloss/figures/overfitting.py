"""Repeated data: Kaplan et al. (2020, arXiv:2001.08361), Figs. 4 and 9."""

import numpy as np
import pandas as pd

from isoloss.analysis.adjusted import min_steps
from isoloss.analysis.kaplan_curves import curves_of
from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import GREY, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.charts.text import short, with_interval
from isoloss.config.batch_figures import JointLaws, RepeatedData
from isoloss.errors import UserError
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.exhibits.kaplan.batch_law import Law, law_of
from isoloss.figures.analysed import analysed, parameters, part, unmade
from isoloss.figures.fitted import IDENTIFIED
from isoloss.laws import law

ND = ("Nc", "Dc", "alpha_N", "alpha_D")
LAW_DASH = (0, (3, 2))
DATA = "unique tokens D"
SIZE = "parameters N (no embeddings)"
N_POINTS = 60


def joint_laws(spec: JointLaws, tables: Tables) -> Drawing:
    """Left: lowest loss against unique tokens, by size. Right: curves against steps, by size."""
    rows = analysed(tables, spec.overfitting, where_of(spec))
    steps = analysed(tables, spec.steps, where_of(spec))
    critical = law_of(tables.analysed(spec.critical, where_of(spec))) if spec.critical else None
    notes = [*unmade(rows), *unmade(steps)]
    figure, axes = new_figure(2, 1, width=9.2, height=4.4)
    record = Record()
    x = "least steps S_min" if critical else "steps S at the runs' batch"
    left = Panel(axes[0, 0], record, DATA, spec.loss_label, "Data limited")
    right = Panel(axes[0, 1], record, x, spec.loss_label, "Steps limited")
    points, curves = _lowest(rows), _curves(spec, tables, critical, notes)
    sizes = sorted({*points["of"], *curves})
    colors = dict(zip(sizes, ordered_colors(len(sizes)), strict=True))
    joint = _joint(rows, notes)
    for size, group in points.groupby("of"):
        name, color = f"N {short(size)}", colors[size]
        _points(left, group, name, color)
        if joint:
            dense = np.geomspace(points["x"].min(), points["x"].max(), N_POINTS)
            left.line(dense, joint(size, dense), name, "Eq. 1.5", color=color, linestyle=LAW_DASH)
    found = parameters(steps)
    along = {"Nc", "Sc", "alpha_N", "alpha_S"} <= set(found)
    if along:
        notes += _said_of_steps(steps)
    for size, (s, loss) in curves.items():
        name, color = f"N {short(size)}", colors[size]
        right.line(s, loss, name, "learning curve", color=color, linewidth=1.2)
        if along:
            fitted = (found["Nc"] / size) ** found["alpha_N"] + (found["Sc"] / s) ** found[
                "alpha_S"
            ]
            right.line(s, fitted, name, "Eq. 1.6", color=color, linestyle=LAW_DASH)
    if spec.critical and critical is None:
        notes.append("B_crit(L) is not known: the steps are those at the runs' own batch.")
    elif critical and not critical.identified:
        notes.append(f"B_crit(L), by which S_min is estimated, is {critical.verdict}.")
    finish(figure, [left, right])
    if sizes:
        key_of_values(figure, [left.axes, right.axes], sizes, list(colors.values()), SIZE)
    legend_below(figure, [
        ("lowest loss of a run", {"color": GREY, "marker": "o"}),
        ("every token seen once", {"color": GREY, "marker": "o", "fillstyle": "none"}),
        ("learning curve", {"color": GREY, "linestyle": "-"}),
        ("Eq. 1.5, Eq. 1.6, fitted", {"color": GREY, "linestyle": LAW_DASH}),
    ])  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _said_of_steps(steps: pd.DataFrame) -> list[str]:
    """How far Eq. 1.6 is off, and whether the curves determine it."""
    row = steps[steps["quantity"] == "alpha_S"].iloc[0]
    verdict = "" if row["verdict"] == IDENTIFIED else f"; it is {row['verdict']}"
    return [f"Eq. 1.6 {row['warnings']}{verdict}."]


def _points(panel: Panel, group: pd.DataFrame, name: str, color: str, x: str = "x") -> None:
    """Lowest losses; hollow where no token was seen twice."""
    limited = group[group["quantity"] == "best_loss"]
    panel.points(limited[x], limited["value"], name, "lowest loss", color=color)
    endless = group[group["quantity"] == "unlimited_loss"]
    if len(endless):
        panel.points(endless[x], endless["value"], name, "lowest loss, every token seen once",
                     color=color, fillstyle="none")  # fmt: skip


def _lowest(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([part(rows, "best_loss"), part(rows, "unlimited_loss")])


def _joint(rows: pd.DataFrame, notes: list[str]):
    """Eq. 1.5 as a function of N and D, if it was fitted; what to say of it."""
    found = parameters(rows)
    if not set(ND) <= set(found):
        return None
    verdict = rows.loc[rows["quantity"] == "alpha_D", "verdict"].iloc[0]
    if verdict.startswith("not fitted"):
        return None
    said = rows.loc[rows["quantity"] == "alpha_D", "warnings"].iloc[0]
    notes.append(f"Eq. 1.5 misses the runs by {found['misfit of ln L']:.1%} (root mean square)"
                 + (f"; it is {verdict}" if verdict != IDENTIFIED else "") + ".")  # fmt: skip
    if isinstance(said, str) and said:
        notes.append(f"{said[0].upper()}{said[1:]}.")
    params = {name: found[name] for name in ND}
    return lambda n, d: law("kaplan_nd")(params, n_params=n, n_tokens=d)


def _curves(spec: JointLaws, tables: Tables, critical: Law | None, notes: list[str]):
    """Size -> steps and loss of its longest run at the full rate; none where sizes are few."""
    try:
        found = curves_of(tables.runs, tables.curves, spec.sweeps, where_of(spec))
    except UserError as error:
        notes += [f"No learning curves: {problem}." for problem in error.problems]
        return {}
    if critical is None:
        return {curve.n_params: (curve.steps, curve.loss) for curve in found}
    notes.append(f"Learning curves are drawn where B_crit(L) was measured, at {critical.range}.")
    drawn = {}
    for curve in found:
        known = critical.knows(curve.loss)
        loss = curve.loss[known]
        drawn[curve.n_params] = (
            min_steps(curve.steps[known], curve.batch_tokens, critical.at(loss)),
            loss,
        )
    return drawn


def repeated_data(spec: RepeatedData, tables: Tables) -> Drawing:
    """Left: lowest loss against size, by data. Right: its excess over endless data."""
    rows = analysed(tables, spec.overfitting, where_of(spec))
    notes = unmade(rows)
    figure, axes = new_figure(2, 1, width=9.2, height=4.4)
    record = Record()
    left = Panel(axes[0, 0], record, SIZE, spec.loss_label, "Lowest loss")
    power = parameters(rows).get("p")
    ratio = "N^p / D" if power is None else f"N^p / D with p = {power:.2f}"
    right = Panel(axes[0, 1], record, ratio, "L(N, D) / L(N, all) - 1", "Excess",
                  y_scale="linear")  # fmt: skip
    points, excess = _lowest(rows), part(rows, "excess")
    data = sorted(points["x"][points["quantity"] == "best_loss"].unique())
    colors = ordered_colors(len(data) + 1)
    joint = _joint(rows, notes)
    for tokens, color in zip(data, colors, strict=False):
        of_data = points[points["x"] == tokens]
        name = f"D {short(tokens)}"
        _points(left, of_data, name, color, "of")
        if joint:
            dense = np.geomspace(points["of"].min(), points["of"].max(), N_POINTS)
            fitted = joint(dense, tokens)
            left.line(dense, fitted, name, "Eq. 1.5", color=color, linestyle=LAW_DASH)
        here = excess[excess["runs"].isin(of_data["runs"])]
        right.intervals(
            here["x"], here["value"], here["lo"], here["hi"], name, "excess", color=color
        )
    endless = points[points["quantity"] == "unlimited_loss"]
    _points(left, endless, "every token seen once", colors[-1], "of")
    line = part(rows, "excess", "line")
    if len(line):
        right.band(line["x"], line["value"], line["lo"], line["hi"], "Eq. 4.3", "90 % band",
                   color=GREY)  # fmt: skip
        right.line(line["x"], line["value"], "Eq. 4.3", "fitted law", color=GREY)
    notes += _rule(rows)
    finish(figure, [left, right])
    if data:
        key_of_values(figure, [left.axes, right.axes], data, colors[:-1], DATA)
    legend_below(figure, [
        ("lowest loss of a run, or its excess", {"color": GREY, "marker": "o"}),
        ("every token seen once", {"color": colors[-1], "marker": "o", "fillstyle": "none"}),
        ("Eq. 1.5, fitted", {"color": GREY, "linestyle": LAW_DASH}),
        ("Eq. 4.3, from that fit", {"color": GREY, "linestyle": "-"}),
    ], width=110)  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _rule(rows: pd.DataFrame) -> list[str]:
    """What the fit says of how many tokens suffice."""
    texts = {
        "p": "D ~ N^p keeps the excess the same: p is {}, 90 % interval {}; the paper has 0.74.",
        "k": "From D = k N^p on it is below the threshold: k is {}, 90 % interval {}; the paper "
        "has 5000, in its tokens.",
    }
    said = []
    for quantity, text in texts.items():
        for row in rows[rows["quantity"] == quantity].itertuples():
            known = text.format(*with_interval(row.value, row.lo, row.hi))
            sure = row.verdict == IDENTIFIED
            said.append(known if sure else f"{known} It is {row.verdict.partition(':')[0]}.")
    return said


FIGURES = {
    "joint_laws": Figure(JointLaws, joint_laws),
    "repeated_data": Figure(RepeatedData, repeated_data),
}
