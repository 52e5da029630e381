"""The exponent a on several texts: Hoffmann et al. (2022, arXiv:2203.15556), App. C and Fig. A2."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, Sheet
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.chinchilla.allocation import (
    NAMES,
    Allocation,
    exponents,
    lines,
    no_exponent,
    places,
)
from isoloss.exhibits.chinchilla.by_law import third_approach
from isoloss.exhibits.chinchilla.by_valleys import second_approach
from isoloss.exhibits.chinchilla.design import Counting, OfGrid, design_of
from isoloss.exhibits.chinchilla.looks import (
    APPROACHES,
    COUNT_OF,
    PUBLISHED,
    across,
    categories,
    compute_label,
    exponent_panel,
    ours,
    size_label,
)
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.exhibits.notes import in_words
from isoloss.laws.published_allocation import CORPORA_A
from isoloss.results import Analysed, Group, Q, Row, row
from isoloss.runs.select import finished_in
from isoloss.stats.intervals import LEVEL, bounds

USED = (2, 3)  # approaches: valleys, as Hoffmann et al. have, and a law
LINE_POINTS = 20


class Corpora(OfGrid):
    """N*(C) on each of several corpora, and whether their exponents differ."""

    do: Literal["corpora"]
    name: Name = "corpora"
    count: Counting = "embeddings"  # how N and C are counted


class ChinchillaCorpora(Drawn):
    """Fig. A2: the best size by budget on each corpus, and the exponents."""

    draw: Literal["chinchilla_corpora"]
    name: Name = "chinchilla_a2"
    title: str = "The best size on several texts (Hoffmann et al. 2022, Figure A2)"
    caption: str = (
        "Left: the size with the least loss at each budget by isoFLOP valleys, for each corpus, "
        "with 90 % bands. Right: the exponents a of N* ~ C^a, above published ones. The corpora "
        "share sizes, budgets and settings. Hollow: the runs do not determine it."
    )
    corpora: Annotated[Name, Does("corpora")] = "corpora"  # the analysis drawn


def analyse(spec: Corpora, inputs: Inputs) -> list[Row]:
    """a and N*(C) on each corpus by valleys and by a law, and the differences of a.

    Raises
    ------
    UserError
        Fewer than two corpora have a grid of four sizes and three numbers of tokens.
    """
    runs = finished_in(inputs.runs, spec.sweeps, "loss")
    made: dict[tuple[str, int], Allocation] = {}
    rows: list[Row] = []
    problems, known = [], 0
    order = {sweep: place for place, sweep in enumerate(spec.sweeps)}
    runs = runs.sort_values("sweep", key=lambda names: names.map(order), kind="stable")
    for place, (corpus, group) in enumerate(runs.groupby("target", sort=False)):
        name = str(corpus)
        try:
            design = design_of(group, inputs.curves, spec.sweeps, spec.name, spec.first_step,
                               [spec.count])  # fmt: skip
        except UserError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
            continue
        known += 1
        draws = draw_noise(design, spec.draws, place)
        for approach in USED:
            part = Group.of(corpus=name, approach=approach)
            try:
                one, said = _make(approach, spec, design, draws)
            except UserError as error:
                rows.append(no_exponent(part, error))
                continue
            made[name, approach] = one
            rows += exponents(one, part, warnings=said)[:1]
            at = one.places.log_c
            span = np.linspace(at.min(), at.max(), LINE_POINTS)
            drawn = lines(one, part, span, spec.count) + places(one, part, spec.count)
            rows += [one for one in drawn if one.quantity is Q.N_OPT]
    if known < 2:
        raise UserError(spec.name, problems or ["grids on two corpora are needed"])
    return rows + _differences(made)


def _make(approach, spec, design, draws) -> tuple[Allocation, str]:
    if approach == 2:
        return second_approach(design, draws, spec.count, spec.name, spec.levels, spec.reach)[0], ""
    found, law = third_approach(design, draws, spec.count, spec.name)
    return found, law.warning


def _differences(made: dict[tuple[str, int], Allocation]) -> list[Row]:
    """Differences of a between corpora, whose noise is independent."""
    rows = []
    for approach in USED:
        of = {corpus: one for (corpus, number), one in made.items() if number == approach}
        for (first, one), (second, other) in combinations(of.items(), 2):
            draws = other.drawn["a"] - one.drawn["a"]
            good = draws[np.isfinite(draws)]
            lo, hi = bounds(good, LEVEL) if len(good) else (-np.inf, np.inf)
            apart = np.isfinite(lo) and not lo <= 0 <= hi
            rows.append(row(
                Q.A_DIFFERENCE, other.a - one.a, good,
                group=Group.of(corpus=(second, first), approach=approach),
                n_runs=one.n_runs + other.n_runs, runs=f"{one.runs} {other.runs}",
                warnings="the exponents differ" if apart else "no difference is seen",
            ))  # fmt: skip
    return rows


def draw(spec: ChinchillaCorpora, tables: Tables) -> Drawing:
    """Left: N*(C) by corpus. Right: the exponents."""
    found = tables.analysed(spec.corpora, spec.called)
    names = _names(found)
    at = found.points(Q.N_OPT)
    count = COUNT_OF.get(at["x_quantity"].iloc[0]) if len(at) else None
    sheet, notes = Sheet(2, height=3.6), found.why_not() if not found.made else []
    left = sheet.panel(compute_label(count), size_label(count), "Best size, isoFLOP valleys")
    right = exponent_panel(sheet, "exponent a of N* ~ C^a", "Exponents")
    key = []
    for i, (corpus, name) in enumerate(names.items()):
        look = {"color": COLORS[i % len(COLORS)], "marker": APPROACHES[2][1]["marker"]}
        group = Group.of(corpus=corpus, approach=2)
        left.line_of(found.line(Q.N_OPT, group=group), name, "isoFLOP", color=look["color"])
        here = found.points(Q.N_OPT, group=group)
        left.points(here["x"], here["value"], name, "minimum of a valley", **look)
        key.append((name, {"color": look["color"], "linestyle": "-"}))
        for aside, approach in zip((-0.16, 0.16), USED, strict=True):
            one = found.parameter(Q.A_OPT, group=Group.of(corpus=corpus, approach=approach))
            label, mark = APPROACHES[approach]
            of_text = {"color": look["color"], "marker": mark["marker"]}
            ours(right, i + aside, one, label, of_text, notes, f"{name}, {label}")
    for place, one in enumerate(CORPORA_A, start=len(names)):
        across(right, place, one.value, one.lo, one.hi, one.label, "published", **PUBLISHED)
    categories(right, [*names.values(), *(one.label for one in CORPORA_A)])
    key += [(label, mark | {"color": GREY}) for label, mark in map(APPROACHES.get, USED)]
    key.append(("published", PUBLISHED))
    return sheet.drawing(key, [*notes, *_said(found, names)])


def _names(found: Analysed) -> dict[str, str]:
    """Each corpus, and its name without the fingerprint."""
    every = [group["corpus"] for group in found.groups(Q.A_OPT) if "corpus" in group]
    return {corpus: corpus.rpartition("-")[0] or corpus for corpus in dict.fromkeys(every)}


def _said(found: Analysed, names: dict[str, str]) -> list[str]:
    """Each difference of exponents, and whether it is seen."""
    notes = []
    for _, one in found.parameters(Q.A_DIFFERENCE, optional=True).iterrows():
        group = found.group_of(one)
        first, second = (names[corpus] for corpus in group["corpus"])
        notes.append(f"a of {first} less that of {second}, {NAMES[int(group['approach'])]}: "
                     f"{in_words(one)}; {one['warnings']}.")  # fmt: skip
    return notes


ANALYSES = {"corpora": Analysis(Corpora, analyse)}
FIGURES = {"chinchilla_corpora": Figure(ChinchillaCorpora, draw)}
