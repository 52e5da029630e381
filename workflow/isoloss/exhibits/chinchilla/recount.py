"""The exponent of N*(C) from the same runs, however N and C are counted.

Kaplan et al. (2020) leave embeddings out of N and C and find N* ~ C**0.73; Hoffmann et al. (2022)
count them and find 0.5. Counting alone explains much of it where embeddings are a large part
(Pearce and Song 2024, arXiv:2406.12907; Porian et al. 2024, arXiv:2406.19146).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import COLORS, MARKERS, WHITE, Sheet, with_interval
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.chinchilla.allocation import (
    NAMES,
    Allocation,
    difference,
    exponents,
    no_exponent,
    slope_row,
)
from isoloss.exhibits.chinchilla.by_envelope import first_approach
from isoloss.exhibits.chinchilla.by_law import surface, third_approach
from isoloss.exhibits.chinchilla.by_valleys import second_approach
from isoloss.exhibits.chinchilla.design import COUNTS, Counting, Design, OfCurves
from isoloss.exhibits.chinchilla.looks import (
    APPROACHES,
    DASHED,
    PUBLISHED,
    across,
    categories,
    differences_said,
    exponent_panel,
    ours,
)
from isoloss.exhibits.chinchilla.noise import Draws, draw_noise
from isoloss.laws import CHINCHILLA, LAWS
from isoloss.laws.published_allocation import PEARCE_SONG, PORIAN_LADDER
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Label, Q, Row

PREDICTED_BY = (
    "the law fitted with all parameters, recounted: Pearce and Song (2024), arXiv:2406.12907, "
    "with the embeddings of these models"
)
PREDICTED = {"color": "black", "marker": "X"}
SPREAD = 0.32  # of the marks of a count about its place
LAW_LOOKS = tuple(zip(COLORS[3:6], MARKERS[3:6], strict=True))  # of laws beside approach 3's
LAW_NAMES = {"kaplan_nd": "Kaplan's joint law", "skaling": "Skaling"}


class Recount(OfCurves):
    """The exponent of N*(C) from the same runs under each way of counting N and C."""

    do: Literal["recount"]
    name: Name = "recount"
    counts: Annotated[list[Counting], Field(min_length=1)] = list(
        COUNTS
    )  # ways of counting N and C


class Recounted(Drawn):
    """a under each way of counting, beside published ladders."""

    draw: Literal["recounted"]
    name: Name = "recount"
    title: str = "The exponent a under four ways of counting"
    caption: str = (
        "Left: the exponent a of N* ~ C^a from the same runs. Each row counts N and C in another "
        "way. Markers: the three approaches, and other laws in place of the third. Black: "
        "predicted from one law of all parameters (Pearce and Song 2024). Right: published "
        "exponents."
    )
    recount: Annotated[Name, Does("recount")] = "recount"  # the analysis drawn


def analyse(spec: Recount, inputs: Inputs) -> list[Row]:
    """a by each approach under each count; `theory` is what Pearce and Song's argument predicts.

    The prediction is a law of all parameters, fitted once, whose optimum is then found and counted
    each way; it has rows of its own, with intervals, in the group "predicted". Rows with a `law`
    are those of approach 3 by every other law of N and D.

    Raises
    ------
    UserError
        The sweeps are no grid of four sizes and three numbers of tokens.
    """
    design = spec.design(inputs, ["embeddings", *spec.counts])
    draws = draw_noise(design, spec.draws)
    law = surface(design, draws, "embeddings", spec.name)
    rows: list[Row] = []
    made: dict[tuple[str, int | None], Allocation] = {}  # count, approach (None: predicted)
    for count in spec.counts:
        predicted = third_approach(design, draws, count, spec.name, law)[0]
        made[count, None] = predicted
        expected = {"theory": predicted.a, "theory_source": PREDICTED_BY}
        for number in NAMES:
            group = _group(count, number)
            try:
                one, warning = _make(number, count, spec, design, draws)
            except UserError as error:
                rows.append(no_exponent(group, error, **expected))
                continue
            made[count, number] = one
            fitted = number == 3 and count == "embeddings"  # it is the prediction itself
            rows += exponents(one, group, warnings=warning, **({} if fitted else expected))[:1]
        rows.append(
            slope_row(Q.A_OPT, predicted.a, predicted.drawn["a"], predicted.verdicts["a"],
                      group=_group(count, None), method=PREDICTED_BY, n_runs=predicted.n_runs,
                      runs=predicted.runs, warnings=law.warning)
        )  # fmt: skip
    rows += _by_other_laws(spec, design, draws)
    return rows + _moved_by_counting(made) + _embeddings(design)


def _by_other_laws(spec: Recount, design: Design, draws: Draws) -> list[Row]:
    """a by every other law of N and D, fitted by each count of N to the same runs and noise.

    A law that misses the runs by more than their noise says so in its warning.
    """
    rows, fitted = [], {}
    for law in LAWS.values():
        if set(law.variables) != {"n_params", "n_tokens"} or law is CHINCHILLA:
            continue
        for count in spec.counts:
            group, plain = Group.of(count=count, law=law.name), COUNTS[count].plain
            try:
                if (law.name, plain) not in fitted:
                    fitted[law.name, plain] = surface(design, draws, plain, spec.name, law)
                found, made = third_approach(
                    design, draws, count, spec.name, fitted[law.name, plain]
                )
            except UserError as error:
                rows.append(no_exponent(group, error))
                continue
            rows += exponents(found, group, warnings=made.warning)[:1]
    return rows


def _group(count: str | tuple[str, str], number: int | None) -> Group:
    """The group of a count, or of two that are compared, by an approach or as predicted."""
    if number is None:
        return Group.of(Label.PREDICTED, count=count)
    return Group.of(count=count, approach=number)


def _make(number, count, spec, design, draws):
    if number == 1:
        return first_approach(design, draws, count, spec.name), ""
    if number == 2:
        return second_approach(design, draws, count, spec.name, spec.levels, spec.reach)[0], ""
    found, law = third_approach(design, draws, count, spec.name)
    return found, law.warning


def _moved_by_counting(made) -> list[Row]:
    """By how much a is larger without embeddings than with all parameters, noise for noise."""
    return [
        difference(_group(("kaplan", "embeddings"), number), made["kaplan", number],
                   made["embeddings", number], "no move of a is seen", "counting moves a")
        for number in (*NAMES, None)
        if ("kaplan", number) in made and ("embeddings", number) in made
    ]  # fmt: skip


def _embeddings(design: Design) -> list[Row]:
    """The share of each size's parameters that Kaplan's count leaves out."""
    total, inner = np.exp(design.log_n["embeddings"]), np.exp(design.log_n["kaplan"])
    return [
        Row(group=Group.of(Label.EMBEDDINGS), kind=Kind.POINT, quantity=Q.OUTSIDE_BLOCKS,
            x_quantity=COUNTS["kaplan"].size, x=float(n), value=float(1 - n / all_of_it), unit="",
            verdict=IDENTIFIED)
        for n, all_of_it in zip(inner, total, strict=True)
    ]  # fmt: skip


def draw(spec: Recounted, tables: Tables) -> Drawing:
    """a under each way of counting N and C, and what others found when they changed theirs."""
    found = tables.analysed(spec.recount, spec.called)
    sheet = Sheet(2, height=4.6)
    notes = []
    left = exponent_panel(sheet, "exponent a of N* ~ C^a", "These runs")
    named = {group.get("count") for group in found.groups(Q.A_OPT)}
    counts = [count for count in COUNTS if count in named]
    groups = found.groups(Q.A_OPT)
    laws = list(dict.fromkeys(group["law"] for group in groups if "law" in group))
    heights = np.linspace(-SPREAD, SPREAD, len(NAMES) + 1 + len(laws))
    for place, count in enumerate(counts):
        for aside, (group, label, look) in zip(heights, _marks(count, laws), strict=True):
            name = "predicted" if look is PREDICTED else f"{COUNTS[count].label}, {label}"
            ours(left, place + aside, found.parameter(Q.A_OPT, group=group), label, look, notes,
                 name)  # fmt: skip
    categories(left, [COUNTS[count].label for count in counts])
    left.axes.set_ylim(len(counts) + 0.35, -0.6)  # a line for the answer below
    left.say(_answer(found), "lower left", bbox=WHITE)
    right = exponent_panel(sheet, "exponent a of N* ~ C^a", "Published")
    labels = []
    for author, year, known in (("Porian", "et al. 2024", PORIAN_LADDER),
                                ("Pearce", "and Song 2024", PEARCE_SONG)):  # fmt: skip
        for one in known:
            across(right, len(labels), one.value, one.lo, one.hi,
                   f"{author} {year}: {one.label}", "published", **PUBLISHED)  # fmt: skip
            labels.append(f"{author}: {one.label}")
    categories(right, labels)
    for panel in sheet.panels:
        for value, name, color in ((0.73, "Kaplan et al. 2020", COLORS[1]),
                                   (0.5, "Hoffmann et al. 2022", COLORS[0])):  # fmt: skip
            sheet.record.add(panel=panel.name, series=[name], what="published",
                             x_quantity=panel.x, x=[value], y_quantity="", y=[np.nan])  # fmt: skip
            panel.axes.axvline(value, color=color, linewidth=1.0, linestyle=DASHED, zorder=0)
    low, high = zip(*(panel.axes.get_xlim() for panel in sheet.panels), strict=True)
    for panel in sheet.panels:
        panel.axes.set_xlim(min(low), max(high))
    key = [
        *((label, look) for _, label, look in _marks("embeddings", laws) if look is not PREDICTED),
        ("predicted by recounting", PREDICTED),
        ("published", PUBLISHED),
        ("Kaplan et al.: 0.73", {"color": COLORS[1], "linestyle": DASHED}),
        ("Hoffmann et al.: 0.5", {"color": COLORS[0], "linestyle": DASHED}),
    ]  # fmt: skip
    notes += differences_said(found) if found.made else found.why_not()
    notes.append("Bars: 90 % here, 95 % in Porian et al.")
    notes.append("Hollow: not determined by the runs, or only if the law holds.")
    return sheet.drawing(key, notes)


def _answer(found: Analysed) -> str:
    """By how much the predicted a is larger without embeddings than with all parameters."""
    if not found.made:
        return ""
    one = found.parameter(Q.A_DIFFERENCE, group=_group(("kaplan", "embeddings"), None),
                          optional=True)  # fmt: skip
    if one is None or not np.isfinite(one["value"]):
        return ""
    value, ends = with_interval(one["value"], one["lo"], one["hi"])
    return f"counting alone moves\na by {value}\n(90 %: {ends})"


def _marks(count: str, laws: list[str]):
    """Group, label and look of each mark of a count: approaches, other laws, the prediction."""
    for number, (label, look) in APPROACHES.items():
        yield _group(count, number), label, look
    for i, law in enumerate(laws):
        color, marker = LAW_LOOKS[i % len(LAW_LOOKS)]
        yield (
            Group.of(count=count, law=law),
            f"3: {LAW_NAMES.get(law, law)}",
            {"color": color, "marker": marker},
        )
    yield _group(count, None), "predicted", PREDICTED


ANALYSES = {"recount": Analysis(Recount, analyse)}
FIGURES = {"recounted": Figure(Recounted, draw)}
