"""The three approaches of Hoffmann et al. (2022) on the same runs, and whether they agree.

The figures are theirs (Figs. 1 and A3), and the exponents beside published ones.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import GREY, Panel, Sheet, science
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Drawing, Figure, Inputs, Tables
from isoloss.exhibits.chinchilla import allocation, looks
from isoloss.exhibits.chinchilla.allocation import METHOD, UNITS, Allocation
from isoloss.exhibits.chinchilla.by_envelope import envelope, first_approach
from isoloss.exhibits.chinchilla.by_law import Surface, third_approach
from isoloss.exhibits.chinchilla.by_valleys import Valley, second_approach, valleys
from isoloss.exhibits.chinchilla.design import COUNTS, Counting, Design, OfCurves
from isoloss.exhibits.chinchilla.looks import DASHED, DOTTED
from isoloss.exhibits.chinchilla.noise import Draws, draw_noise
from isoloss.exhibits.notes import warned
from isoloss.fit.questions import of_numbers
from isoloss.laws import published as P
from isoloss.laws.allocation import cut
from isoloss.laws.published_allocation import APPROACHES_A, APPROACHES_B
from isoloss.results import Group, Kind, Label, Q, Quantity, Row, row
from isoloss.results.verdict import IDENTIFIED, Status, Verdict
from isoloss.stats.intervals import LEVEL, bounds

if TYPE_CHECKING:
    import pandas as pd

Factor = Annotated[float, Field(ge=1, allow_inf_nan=False)]

AXES = ("x", "value")
LINE_POINTS = 40
SHOWN_WINNERS = 150
DIAGONALS = 6
LOSSES = {quantity: quantity.unit for quantity in (Q.LOSS, Q.LOSS_AT_N)}
KAPLAN = {"color": "black", "linestyle": DASHED, "linewidth": 1.2}
HOFFMANN = {"color": GREY, "linestyle": DOTTED, "linewidth": 1.4}


class Approaches(OfCurves):
    """N*(C) and D*(C) by the three approaches of Hoffmann et al., and whether they agree."""

    do: Literal["approaches"]
    name: Name = "approaches"
    count: Counting = "embeddings"  # how N and C are counted
    beyond: Factor = 1e3  # lines go on to so many times the largest C


class ChinchillaFrontiers(looks.OfApproaches):
    """Fig. 1: N*(C) by three approaches, beside Kaplan et al.'s and Hoffmann et al.'s own."""

    draw: Literal["chinchilla_frontiers"]
    name: Name = "chinchilla_01"
    title: str = "Compute-optimal size by three approaches (Hoffmann et al. 2022, Figure 1)"
    caption: str = (
        "The size with the least loss at each budget, by three approaches on the same runs, with "
        "90 % bands. Black and grey: the slopes of two published rules, drawn through the middle. "
        "Heights cannot be compared: the rules are of far larger models and of other tokens."
    )


class ChinchillaTokens(looks.OfApproaches):
    """Fig. A3: the best tokens and parameters at fixed FLOPs, by three approaches."""

    draw: Literal["chinchilla_tokens"]
    name: Name = "chinchilla_a3"
    title: str = "Best tokens and parameters at fixed FLOPs (Hoffmann et al. 2022, Figure A3)"
    caption: str = (
        "Each approach's best parameters and tokens, across lines of equal compute. 20 tokens "
        "per parameter is a reading of the paper's Table 3, for tokens of byte-pair encoding. "
        "Tokens that hold less text, such as bytes, can have another ratio."
    )


class ApproachesCompared(looks.OfApproaches):
    """a and b by each approach with intervals, beside published ones."""

    draw: Literal["approaches_compared"]
    name: Name = "approaches"
    title: str = "Exponents by three approaches, and published ones"
    caption: str = (
        "Exponents of the best size (a) and of its tokens (b) by the three approaches of "
        "Hoffmann et al. (2022), above published ones. The approaches share runs and noise. A "
        "bar is a 90 % interval of this noise. It does not count an error of the approach's "
        "form."
    )


def analyse(spec: Approaches, inputs: Inputs) -> list[Row]:
    """a, b, N*(C) and D*(C) by each approach, with one noise for all three, and their differences.

    An approach that the runs do not allow has one row, whose verdict says why.

    Raises
    ------
    UserError
        The sweeps are no grid of four sizes and three numbers of tokens.
    """
    design = spec.design(inputs, [spec.count])
    draws = draw_noise(design, spec.draws)
    rows, found, warnings = [_noise(design, draws)], {}, {}
    for number in allocation.NAMES:
        group = Group.of(approach=number)
        try:
            found[number], more, warnings[number] = _make(number, spec, design, draws, group)
        except UserError as error:
            more = [allocation.no_exponent(group, error)]
        rows += more
    rows += _valleys(design, draws, spec)
    log_c = design.log_compute(spec.count)
    first = min(log_c.min(), *(one.places.log_c.min() for one in found.values()), np.inf)
    span = np.linspace(first, log_c.max() + np.log(spec.beyond), LINE_POINTS)
    for number, one in found.items():
        group = Group.of(approach=number)
        rows += allocation.exponents(one, group, warnings=warnings[number])
        rows += allocation.lines(one, group, span, spec.count)
        rows += allocation.places(one, group, spec.count)
    return rows + agreement(found)


def agreement(found: dict[int, Allocation]) -> list[Row]:
    """Differences of a between approaches, with the same noise in both."""
    return [
        allocation.difference(Group.of(approach=(other, first)), found[other], found[first],
                              "no difference is seen", "the two differ")
        for first, other in combinations(sorted(found), 2)
    ]  # fmt: skip


def _make(number, spec, design, draws, group):
    """The allocation, rows of its own, and what a reader must know."""
    if number == 1:
        found = first_approach(design, draws, spec.count, spec.name)
        return found, _winners(design, draws, spec), ""
    if number == 2:
        found, _ = second_approach(design, draws, spec.count, spec.name, spec.levels, spec.reach)
        return found, [], ""
    found, law = third_approach(design, draws, spec.count, spec.name)
    return found, law_rows(law, group, design), law.warning


def _noise(design: Design, draws: Draws) -> Row:
    return Row(
        group=Group.of(Label.NOISE), kind=Kind.PARAMETER, quantity=Q.SD_LN_LOSS, value=draws.sd,
        n_runs=len(design.run_ids), runs=design.ids, verdict=IDENTIFIED,
        method="what a polynomial in ln N and ln D leaves",
        warnings=f"runs of one size share {draws.shared:.0%} of the variance",
    )  # fmt: skip


def _winners(design: Design, draws: Draws, spec: Approaches) -> list[Row]:
    """The size with the least loss at each compute, and that loss."""
    found = envelope(design, draws, spec.count, spec.name)
    chosen = np.linspace(0, len(found.log_c) - 1, SHOWN_WINNERS).astype(int)
    chosen = chosen[found.winner[chosen] >= 0]
    log_n, log_k = design.log_n[spec.count], design.log_k[spec.count]
    at_the_edge = Verdict(Status.AT_THE_EDGE, "the next size has no loss there")
    rows = []
    for k in chosen:
        i, c = found.winner[k], found.log_c[k]
        beside = found.log_loss[max(i - 1, 0) : i + 2, k]
        edge = len(beside) < 3 or not np.isfinite(beside).all()
        common = {
            "group": Group.of(Label.WINNER, approach=1), "kind": Kind.POINT,
            "x_quantity": COUNTS[spec.count].axis, "x": float(np.exp(c)),
            "verdict": at_the_edge if edge else IDENTIFIED,
            "runs": design.curves[i].run_id,
        }  # fmt: skip
        values = {Q.N_OPT: log_n[i], Q.D_OPT: c - log_k[i], Q.LOSS: found.log_loss[i, k]}
        rows += [Row(quantity=quantity, value=float(np.exp(y)), unit=(UNITS | LOSSES)[quantity],
                     **common)
                 for quantity, y in values.items()]  # fmt: skip
    return rows


def _valleys(design: Design, draws: Draws, spec: Approaches) -> list[Row]:
    """Every valley: its runs, its minimum, or why it has none."""
    found = valleys(design, draws, spec.count, spec.levels, spec.reach)
    count, rows = COUNTS[spec.count], []
    for number, one in enumerate(found, start=1):
        common = {"group": Group.of(approach=2, valley=number), "runs": design.ids}
        points = common | {"kind": Kind.POINT, "verdict": one.verdict}
        at = points | {"x_quantity": count.axis, "x": one.compute}
        rows += [Row(**at, **_minimum(one, quantity)) for quantity in (Q.N_OPT, Q.LOSS)]
        losses = {"quantity": Q.LOSS_AT_N, "x_quantity": count.size, "unit": LOSSES[Q.LOSS_AT_N]}
        for kind, (sizes, values) in (
            (points, (one.n_params, one.loss)), (common | {"kind": Kind.LINE}, one.curve)
        ):  # fmt: skip
            rows += [Row(x=float(n), value=float(loss), **losses, **kind)
                     for n, loss in zip(sizes, values, strict=True)]  # fmt: skip
    return rows


def _minimum(one: Valley, quantity: Q) -> dict:
    if not one.verdict.identified:
        return {"quantity": quantity}
    size = quantity is Q.N_OPT
    value = one.n_opt if size else one.loss_opt
    drawn = np.exp(one.log_n) if size else one.least
    with np.errstate(all="ignore"):  # a draw whose valley has no such minimum is NaN
        draws = np.exp(allocation.moved(np.log(drawn)[:, None], np.log(value))[:, 0])
    lo, hi = bounds(draws[np.isfinite(draws)], LEVEL)
    return {"quantity": quantity, "value": value, "lo": float(lo), "hi": float(hi),
            "level": LEVEL, "unit": (UNITS | LOSSES)[quantity], "method": METHOD}  # fmt: skip


def law_rows(law: Surface, group: Group, design: Design) -> list[Row]:
    """The parameters of the fitted law, each with the verdict that the table of fits has."""
    fit = replace(law.fit, draws=law.draws[1:])
    drawn = cut(fit.law, fit.law.natural(fit.draws))
    kept = np.isfinite(drawn).all(axis=1)
    verdicts = of_numbers(fit)
    common = {
        "group": group, "method": law.method, "n_runs": len(design.run_ids), "runs": design.ids,
        "warnings": "; ".join(filter(None, (*fit.warnings, law.warning))),
    }  # fmt: skip
    return [
        row(Quantity.read(name), fit.values[name], drawn[kept, i], unit=fit.params[name].unit,
            verdict=verdicts[name], **common)
        for i, name in enumerate(fit.law.names)
    ]  # fmt: skip


def draw_frontiers(spec: ChinchillaFrontiers, tables: Tables) -> Drawing:
    """N*(C) of the three approaches where the runs are, with the slopes of two published rules."""
    found = tables.analysed(spec.approaches, spec.called)
    count = looks.count_of(found)
    sheet = Sheet(height=3.9)
    panel = sheet.panel(looks.compute_label(count), looks.size_label(count))
    until = looks.shown_until(found)
    ends = []
    for number, (label, look) in looks.APPROACHES.items():
        line = looks.draw_frontier(panel, found, number, Q.N_OPT, until)
        if line is None:
            continue
        at = found.points(Q.N_OPT, group=Group.of(approach=number))
        if number != 3:  # those of the law are calculated
            panel.points(at["x"], at["value"], label, "place on the frontier", zorder=4,
                         markeredgecolor="white", **look)  # fmt: skip
        ends.append(line)
        panel.name_end(looks.SHORT[number], line["x"].iloc[-1], line["value"].iloc[-1],
                       color=look["color"])  # fmt: skip
    key = _rules(panel, ends)
    notes = [
        "Kaplan et al.'s N leaves out embeddings, and their C_min is what a run far below the "
        "critical batch would cost.",
        "Markers: what a line is drawn through. Solid: between them; dashed: beyond; bands: 90 %.",
        *(f"Approach {label}: {text}" for number, (label, _) in looks.APPROACHES.items()
          for text in looks.exponents_of(found, number, [Q.A_OPT])),
        *looks.why_not(found),
    ]  # fmt: skip
    return sheet.drawing(key, notes)


def _rules(panel: Panel, lines: list[pd.DataFrame]) -> list[tuple[str, dict]]:
    """The slopes of two published rules, through the middle of what is drawn."""
    if not lines:
        return []
    log_c, log_n = (np.log(np.concatenate([line[name] for line in lines])) for name in AXES)
    compute = np.exp(np.linspace(log_c.min(), log_c.max(), 2))
    key = []
    for label, rule, look in (("slope of Kaplan et al. (2020)", P.kaplan_allocation, KAPLAN),
                              ("slope of Hoffmann et al. (2022)", P.chinchilla_allocation,
                               HOFFMANN)):  # fmt: skip
        slope = np.ptp(np.log(rule(compute)[0])) / np.ptp(np.log(compute))
        size = np.exp(log_n.mean() + slope * (np.log(compute) - log_c.mean()))
        panel.line(compute, size, label, "published slope", **look)
        key.append((f"{label}, {slope:.2f}", look))
    return key


def draw_tokens(spec: ChinchillaTokens, tables: Tables) -> Drawing:
    """The best tokens and parameters: each approach's path across lines of equal compute."""
    found = tables.analysed(spec.approaches, spec.called)
    sheet = Sheet(height=3.9)
    panel = sheet.panel(looks.size_label(looks.count_of(found)), "training tokens D")
    key, ends, until = [], [], looks.shown_until(found)
    for number, (label, look) in looks.APPROACHES.items():
        group = Group.of(approach=number)
        size, data = (found.line(quantity, group=group) for quantity in (Q.N_OPT, Q.D_OPT))
        size, data = (line[line["x"] <= until] for line in (size, data))
        if size.empty or data.empty:
            continue
        panel.line(size["value"], data["value"], label, "path", color=look["color"],
                   linestyle=DASHED, linewidth=1.1)  # fmt: skip
        at_n, at_d = (found.points(quantity, group=group) for quantity in (Q.N_OPT, Q.D_OPT))
        panel.line(at_n["value"], at_d["value"], label, "places", color=look["color"],
                   marker=look["marker"], markeredgecolor="white")  # fmt: skip
        key.append((label, look | {"linestyle": "-"}))
        ends.append((size["value"].to_numpy(float), data["value"].to_numpy(float)))
    if ends:
        key.append(_diagonals(panel, ends))
        low, high = panel.axes.get_xlim()
        size = np.geomspace(low, high, 30)
        panel.line(size, 20 * size, "20 tokens per parameter", "published rule", **HOFFMANN)
        key.append(("20 tokens per parameter", HOFFMANN))
        panel.axes.set(xlim=(low, high))
    notes = ["Solid, with markers: between the places on the frontier; dashed: beyond them.",
             *looks.why_not(found)]  # fmt: skip
    return sheet.drawing(key, notes)


def _diagonals(panel, ends):
    """Lines of equal compute, each with its FLOPs; the axes' limits stay those of the paths."""
    n, d = np.concatenate([e[0] for e in ends]), np.concatenate([e[1] for e in ends])
    panel.axes.set(xlim=(n.min() / 1.5, n.max() * 1.5), ylim=(d.min() / 2, d.max() * 3))
    look = {"color": GREY, "linewidth": 0.7, "alpha": 0.7}
    product = np.log10(FLOPS_PER_PARAM_TOKEN * n * d)
    powers = np.arange(np.ceil(product.min()), np.floor(product.max()) + 1)
    for power in powers[:: max(1, -(-len(powers) // DIAGONALS))]:
        size = np.geomspace(*panel.axes.get_xlim(), 40)
        data = 10.0**power / (FLOPS_PER_PARAM_TOKEN * size)
        low, high = panel.axes.get_ylim()
        seen = (data >= low) & (data <= high / 1.3)
        if seen.sum() < 2:
            continue
        name = f"{science(10.0**power)} FLOP"
        panel.line(size[seen], data[seen], name, "equal compute, 6 N D", **look)
        panel.write(name, size[seen][0], data[seen][0], xytext=(4, 2), va="bottom", fontsize=9,
                    color=GREY)  # fmt: skip
    return "equal compute, 6 N D", look | {"linestyle": "-"}


def draw_compared(spec: ApproachesCompared, tables: Tables) -> Drawing:
    """a and b of each approach, above published ones; a row is the same in both panels."""
    found = tables.analysed(spec.approaches, spec.called)
    sheet = Sheet(2, height=3.6)
    notes = []
    names = [looks.SHORT[number] for number in looks.APPROACHES]
    known = list(dict.fromkeys(one.label for one in (*APPROACHES_A, *APPROACHES_B)))
    places = {name: place for place, name in enumerate([*names, *known])}
    for quantity, name, others in ((Q.A_OPT, "Size, N* ~ C^a", APPROACHES_A),
                                   (Q.B_OPT, "Data, D* ~ C^b", APPROACHES_B)):  # fmt: skip
        panel = looks.exponent_panel(sheet, f"exponent {quantity}", name)
        for number, (label, look) in looks.APPROACHES.items():
            one = found.parameter(quantity, group=Group.of(approach=number))
            looks.ours(
                panel,
                places[looks.SHORT[number]],
                one,
                label,
                look,
                notes,
                f"{quantity}, approach {number}",
            )
        for one in others:
            looks.across(panel, places[one.label], one.value, one.lo, one.hi, one.label,
                         "published", **looks.PUBLISHED)  # fmt: skip
        looks.categories(panel, list(places))
        panel.axes.hlines(len(names) - 0.5, 0, 1, color=GREY, linewidth=0.8,
                          transform=panel.axes.get_yaxis_transform())  # fmt: skip
    key = [
        ("this study, 90 %", {"color": "black", "marker": "o"}),
        ("not determined by its runs", {"color": "black", "marker": "o", "mfc": "white"}),
        ("published, as given", looks.PUBLISHED),
    ]
    notes += looks.differences_said(found)
    notes += warned(found, Q.A_OPT, "Approach 3", group=Group.of(approach=3))
    notes.append(
        "Hollow: not determined by the runs. The intervals of Hoffmann et al. are 10th to 90th "
        "percentiles. That of Besiroglu et al. is from their standard error, 0.02."
    )
    return sheet.drawing(key, notes + looks.why_not(found))


ANALYSES = {"approaches": Analysis(Approaches, analyse)}
FIGURES = {
    "chinchilla_frontiers": Figure(ChinchillaFrontiers, draw_frontiers),
    "chinchilla_tokens": Figure(ChinchillaTokens, draw_tokens),
    "approaches_compared": Figure(ApproachesCompared, draw_compared),
}
