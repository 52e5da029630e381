"""Two joint laws beside each other: Kaplan et al. (2020, arXiv:2001.08361), Fig. 4."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Panel, Sheet, sentences, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Does, Drawing, Figure, OfLosses, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_law import Law, law_of
from isoloss.exhibits.kaplan.early_stopping import DATA
from isoloss.exhibits.kaplan.overfitting import N_POINTS, draw_endless, joint_law
from isoloss.exhibits.kaplan.size_curves import adjusted, curves_of
from isoloss.results import Analysed, Group, Q, Verdict
from isoloss.stats.spread import root_mean_square

OF_EQ_1_6 = (Q.N_C, Q.S_C, Q.ALPHA_N, Q.ALPHA_S)
NAMED_ROOM = 2.2  # as a factor of steps
FITTED = {"marker": "D", "markersize": 4.5}
Curves = dict[float, tuple[np.ndarray, np.ndarray]]  # size -> steps and losses


class JointLaws(OfLosses):
    """Kaplan et al., Fig. 4: L(N, D) on limited data, and L(N, S_min) on endless data."""

    draw: Literal["joint_laws"]
    name: Name = "kaplan_04"
    title: str = "L(N, D) and L(N, S) beside the runs (Kaplan et al. 2020, Figure 4)"
    caption: str = (
        "Lowest held-out loss of runs that repeat few different tokens, with L(N, D) (Eq. 1.5). "
        "Learning curves at a constant rate, with L(N, S_min) (Eq. 1.6), drawn where it is "
        "fitted. Constants depend on the tokens, so compare only the form."
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
    limited, endless = rows.points(Q.BEST_LOSS), rows.points(Q.UNLIMITED_LOSS)
    curves = _curves(spec, tables, critical, notes)
    sizes = sorted({*limited["of"], *endless["of"], *curves})
    colors = looks.size_colors(sizes, tables)
    sheet = Sheet(max(1, bool(len(limited) + len(endless)) + bool(curves)))
    key, named = [], []
    if len(limited) + len(endless):
        panel = sheet.panel(DATA, spec.loss_label, "Data limited")
        named.append((panel, _data_limited(panel, rows, limited, endless, colors, notes), False))
        key += [
            ("lowest loss of a run", {"color": GREY, "marker": "o"}),
            ("every token seen once", {"color": GREY, "marker": "o", "fillstyle": "none"}),
        ]
    if curves or not named:
        x = "least steps S_min" if critical else "steps S at the runs' batch"
        panel = sheet.panel(x, spec.loss_label, "Steps limited")
        ends = _steps_limited(panel, steps, curves, colors, notes)
        if critical and ends:  # the curves of large sizes end at the left of the others
            low, high = panel.axes.dataLim.intervalx
            panel.axes.set_xlim(low / NAMED_ROOM, high * 1.2)
            low, high = panel.axes.dataLim.intervaly
            room = (high / low) ** 0.08
            panel.axes.set_ylim(low / room, high * room)
        named.append((panel, ends, bool(critical)))
        key += [
            ("learning curve", {"color": GREY, "linestyle": "-", "linewidth": 1.0}),
            ("point of it that is fitted", {"color": GREY, **FITTED}),
        ][: 1 + steps.made]
    if spec.critical:
        notes += _said_of_critical(critical)
    if rows.made or steps.made:
        key.append(("Eq. 1.5, Eq. 1.6, fitted", {"color": GREY, "linestyle": looks.DASH}))
    sheet.finish()
    for panel, ends, left in named:
        looks.name_ends(panel, ends, left=left, lower=7 if left else 0)  # below falling curves
        looks.in_corner(panel, [("N, at the ends", GREY)] if ends else [])
    return sheet.drawing(key, notes)


def _data_limited(panel: Panel, rows: Analysed, limited, endless, colors, notes) -> list:
    """Losses of repeated data and Eq. 1.5; where the lines end, with their names."""
    joint, ends = joint_law(rows, notes), []
    data = [*limited["x"], *endless["x"]]
    for size in sorted({*limited["of"], *endless["of"]}):
        name, color = f"N {short(size)}", colors[size]
        here, once = limited[limited["of"] == size], endless[endless["of"] == size]
        panel.points(here["x"], here["value"], name, "lowest loss", color=color)
        if len(once):
            draw_endless(panel, once["x"], once["value"], name, color)
        if joint:
            dense = np.geomspace(min(data), max(data), N_POINTS)
            panel.line(dense, joint(size, dense), name, "Eq. 1.5", color=color,
                       linestyle=looks.DASH)  # fmt: skip
        last = (once if len(once) else here).iloc[-1]
        ends.append((short(size), last["x"], last["value"], color))
    return ends


def _steps_limited(panel: Panel, steps: Analysed, curves: Curves, colors, notes) -> list:
    """Learning curves, and Eq. 1.6 where it is fitted; where the curves end, with their names."""
    found, points, ends, missed = steps.values(OF_EQ_1_6), steps.points(Q.LOSS), [], []

    def law(n, s):
        return (found[Q.N_C] / n) ** found[Q.ALPHA_N] + (found[Q.S_C] / s) ** found[Q.ALPHA_S]

    for size, (s, loss) in curves.items():
        name, color = f"N {short(size)}", colors[size]
        panel.line(s, loss, name, "learning curve", color=color, linewidth=1.0)
        ends.append((short(size), s[-1], loss[-1], color))
        if not found:
            continue
        here = points[points["group"] == str(Group.of(n_params_non_embedding=round(size)))]
        panel.points(here["x"], here["value"], name, "fitted point", color=color, **FITTED)
        if len(here):
            dense = np.geomspace(here["x"].min(), here["x"].max(), N_POINTS)
            panel.line(dense, law(size, dense), name, "Eq. 1.6", color=color,
                       linestyle=looks.DASH)  # fmt: skip
        before = s < (here["x"].min() if len(here) else np.inf)
        missed += [*np.log(loss[before] / law(size, s[before]))]
    if found:
        notes += _said_of_steps(steps, np.array(missed))
    return ends


def _said_of_steps(steps: Analysed, missed: np.ndarray) -> list[str]:
    """How far Eq. 1.6 is off where it is fitted and before, and whether it is determined."""
    found = steps.parameter(Q.ALPHA_S)
    verdict = Verdict.read(found["verdict"])
    known = "" if verdict.identified else f" Eq. 1.6 is {verdict.status}."
    notes = [f"Eq. 1.6, at the points that are fitted: {sentences(found['warnings'])}{known}"]
    if len(missed):
        notes.append(f"Eq. 1.6 misses the parts of curves before these points by "
                     f"{root_mean_square(missed):.1%} (root mean square).")  # fmt: skip
    return notes


def _said_of_critical(critical: Law | None) -> list[str]:
    """Whether S_min is known."""
    if critical is None:
        return ["B_crit(L) is not known: the steps are those at the runs' own batch."]
    if not critical.identified:
        return [f"B_crit(L), by which S_min is estimated, is {critical.verdict}."]
    return []


def _curves(spec: JointLaws, tables: Tables, critical: Law | None, notes: list[str]) -> Curves:
    """Size -> steps and loss of its longest run at the full rate; none where sizes are few.

    With a B_crit(L) the steps are S_min, where B_crit was measured and S_min does not fall.
    """
    try:
        found = curves_of(tables.runs, tables.curves, spec.sweeps, spec.called)
    except UserError as error:
        notes += [f"No learning curves: {problem}." for problem in error.problems]
        return {}
    if critical is None:
        return {curve.n_params: (curve.steps, curve.loss) for curve in found}
    notes.append(f"Learning curves are drawn where B_crit(L) was measured, at {critical.range}.")
    drawn, ended = {}, []
    for curve in found:
        known, steps = critical.knows(curve.loss), adjusted(curve, critical.at).steps
        rising = np.isfinite(steps)
        if (known & ~rising).any():
            ended.append(short(curve.n_params))
        if (known & rising).any():
            drawn[curve.n_params] = steps[known & rising], curve.loss[known & rising]
    if ended:
        notes.append(f"By this B_crit(L), S_min would fall with the loss along the curves of N = "
                     f"{', '.join(ended)}, which the least number of steps cannot. They are drawn, "
                     "and fitted, as far as S_min rises.")  # fmt: skip
    return drawn


FIGURES = {"joint_laws": Figure(JointLaws, draw)}
