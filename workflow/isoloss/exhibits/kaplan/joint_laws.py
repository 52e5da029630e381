"""Two joint laws beside each other: Kaplan et al. (2020, arXiv:2001.08361), Fig. 4."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, ordered_colors, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Does, Drawing, Figure, OfLosses, Tables
from isoloss.exhibits.kaplan.batch_law import Law, law_of
from isoloss.exhibits.kaplan.early_stopping import DASH, DATA
from isoloss.exhibits.kaplan.overfitting import N_POINTS, SIZE_LABEL, draw_endless, joint_law
from isoloss.exhibits.kaplan.size_curves import curves_of, min_steps
from isoloss.results import Analysed, Q, Verdict

OF_EQ_1_6 = (Q.N_C, Q.S_C, Q.ALPHA_N, Q.ALPHA_S)
Curves = dict[float, tuple[np.ndarray, np.ndarray]]  # size -> steps and losses


class JointLaws(OfLosses):
    """Kaplan et al., Fig. 4: L(N, D) on limited data, and L(N, S_min) on endless data."""

    draw: Literal["joint_laws"]
    name: Name = "kaplan_04"
    title: str = "L(N, D) and L(N, S) beside the runs (Kaplan et al. 2020, Figure 4)"
    caption: str = (
        "Left: lowest held-out loss of runs that repeat few different tokens, with L(N, D) (Eq. "
        "1.5). Right: learning curves at a constant rate, with L(N, S_min) (Eq. 1.6), which is "
        "not fitted to the first steps. Constants depend on the tokens, so compare only the "
        "form."
    )
    overfitting: Annotated[Name, Does("overfitting")] = "overfitting"  # an overfitting
    steps: Annotated[Name, Does("size_and_steps")] = "steps_adjusted"  # a size_and_steps
    sweeps: list[Name]  # whose curves are drawn beside L(N, S)
    critical: Annotated[Name | None, Does("critical_batch")] = (
        "critical_batch"  # a critical_batch: S_min in place of S; null: S
    )


def draw(spec: JointLaws, tables: Tables) -> Drawing:
    """Left: lowest loss against unique tokens, by size. Right: curves against steps, by size."""
    rows = tables.analysed(spec.overfitting, spec.called)
    steps = tables.analysed(spec.steps, spec.called)
    critical = law_of(tables.analysed(spec.critical, spec.called)) if spec.critical else None
    notes = [*rows.why_not(), *steps.why_not()]
    sheet = Sheet(2)
    x = "least steps S_min" if critical else "steps S at the runs' batch"
    left = sheet.panel(DATA, spec.loss_label, "Data limited")
    right = sheet.panel(x, spec.loss_label, "Steps limited")
    limited, endless = rows.points(Q.BEST_LOSS), rows.points(Q.UNLIMITED_LOSS)
    curves = _curves(spec, tables, critical, notes)
    sizes = sorted({*limited["of"], *endless["of"], *curves})
    colors = dict(zip(sizes, ordered_colors(len(sizes)), strict=True))
    joint = joint_law(rows, notes)
    data = [*limited["x"], *endless["x"]]
    for size in sorted({*limited["of"], *endless["of"]}):
        name, color = f"N {short(size)}", colors[size]
        here, once = limited[limited["of"] == size], endless[endless["of"] == size]
        left.points(here["x"], here["value"], name, "lowest loss", color=color)
        if len(once):
            draw_endless(left, once["x"], once["value"], name, color)
        if joint:
            dense = np.geomspace(min(data), max(data), N_POINTS)
            left.line(dense, joint(size, dense), name, "Eq. 1.5", color=color, linestyle=DASH)
    found = steps.values(OF_EQ_1_6)
    if found:
        notes += _said_of_steps(steps)
    for size, (s, loss) in curves.items():
        name, color = f"N {short(size)}", colors[size]
        right.line(s, loss, name, "learning curve", color=color, linewidth=1.2)
        if found:
            of_size = (found[Q.N_C] / size) ** found[Q.ALPHA_N]
            fitted = of_size + (found[Q.S_C] / s) ** found[Q.ALPHA_S]
            right.line(s, fitted, name, "Eq. 1.6", color=color, linestyle=DASH)
    notes += _said_of_least_steps(spec, critical, curves)
    sheet.key_of_values(sizes, colors.values(), SIZE_LABEL)
    key = [
        ("lowest loss of a run", {"color": GREY, "marker": "o"}),
        ("every token seen once", {"color": GREY, "marker": "o", "fillstyle": "none"}),
        ("learning curve", {"color": GREY, "linestyle": "-"}),
        ("Eq. 1.5, Eq. 1.6, fitted", {"color": GREY, "linestyle": DASH}),
    ]  # fmt: skip
    return sheet.drawing(key, notes)


def _said_of_steps(steps: Analysed) -> list[str]:
    """How far Eq. 1.6 is off, and whether the curves determine it."""
    found = steps.parameter(Q.ALPHA_S)
    verdict = Verdict.read(found["verdict"])
    known = "" if verdict.identified else f"; it is {verdict}"
    return [f"Eq. 1.6 {found['warnings']}{known}."]


def _said_of_least_steps(spec: JointLaws, critical: Law | None, curves: Curves) -> list[str]:
    """Whether S_min is known, and where it cannot be what it is said to be."""
    if critical is None:
        unknown = "B_crit(L) is not known: the steps are those at the runs' own batch."
        return [unknown] * bool(spec.critical)
    notes = []
    if not critical.identified:
        notes.append(f"B_crit(L), by which S_min is estimated, is {critical.verdict}.")
    backward = [short(size) for size, (steps, _) in curves.items() if (np.diff(steps) < 0).any()]
    if backward:
        notes.append(f"S_min falls along the curves of N = {', '.join(backward)}. The least number "
                     "of steps cannot fall with the loss, so that B_crit(L) grows too fast "
                     "there.")  # fmt: skip
    return notes


def _curves(spec: JointLaws, tables: Tables, critical: Law | None, notes: list[str]) -> Curves:
    """Size -> steps and loss of its longest run at the full rate; none where sizes are few."""
    try:
        found = curves_of(tables.runs, tables.curves, spec.sweeps, spec.called)
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


FIGURES = {"joint_laws": Figure(JointLaws, draw)}
