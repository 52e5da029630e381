"""Porian et al.'s ladder, trained: from Kaplan et al.'s exponent to Hoffmann et al.'s.

Porian et al. (2024, arXiv:2406.19146) begin with Kaplan et al.'s set-up and correct one thing after
another: the count of the output layer, the warm-up, the decay, the tuning. Each rung has an
exponent a of N* ~ C**a.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import Sheet
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.chinchilla.allocation import (
    METHOD,
    NAMES,
    Allocation,
    no_exponent,
    slope_row,
)
from isoloss.exhibits.chinchilla.by_law import third_approach
from isoloss.exhibits.chinchilla.by_valleys import second_approach
from isoloss.exhibits.chinchilla.design import Design, OfGrid, design_of
from isoloss.exhibits.chinchilla.looks import (
    APPROACHES,
    PUBLISHED,
    across,
    categories,
    exponent_panel,
    ours,
)
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.exhibits.notes import in_words
from isoloss.laws.published_allocation import PORIAN_LADDER
from isoloss.results import Analysed, Group, Q, Row, row
from isoloss.runs.select import finished_in
from isoloss.stats.intervals import LEVEL, bounds

if TYPE_CHECKING:
    import pandas as pd

USED = (2, 3)  # approaches: valleys, as Porian et al. have, and a law
# Columns of a run that grow with its tokens.
GROWING = (
    *("compute_flops", "compute_6nd_flops", "compute_6nd_non_embedding_flops"),
    "compute_6nd_logits_flops",
)
LABELS = tuple(one.label for one in PORIAN_LADDER)


class Ladder(OfGrid):
    """The exponent of N*(C) at each rung of Porian et al.'s ladder.

    Of runs with one long schedule, each size gives losses at all steps from `first_step` on, as
    Kaplan et al. read them.
    """

    do: Literal["ladder"]
    name: Name = "ladder"
    long_warmup: list[Name]  # sweeps: one long schedule a size, with a long warm-up
    short_warmup: list[Name]  # the same with a warm-up by size
    matched: list[Name]  # the same with a schedule for each number of tokens
    tuned: list[Name]  # learning rates tuned by size

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.long_warmup, *self.short_warmup, *self.matched, *self.tuned]


class LadderTrained(Drawn):
    """The exponent a, rung by rung, beside the published ladder."""

    draw: Literal["ladder_trained"]
    name: Name = "ladder"
    title: str = "From Kaplan's exponent to Hoffmann's, one step at a time"
    caption: str = (
        "The exponent a of N* ~ C^a, N without embeddings. Left: these runs, by isoFLOP valleys "
        "and by a law. Right: Porian et al. (2024). Each row keeps the corrections above it. "
        "Bars: 90 % intervals here, 95 % in Porian et al. Hollow: the runs do not determine it."
    )
    ladder: Annotated[Name, Does("ladder")] = "ladder"  # the analysis drawn


@dataclass(frozen=True)
class Rung:
    """A rung: its runs as a grid, and how N and C are counted."""

    number: int
    design: Design | None
    problem: str
    count: str
    run_ids: tuple[str, ...]


def analyse(spec: Ladder, inputs: Inputs) -> list[Row]:
    """a at each rung, by isoFLOP valleys and by the parametric law, and what each step changes.

    Raises
    ------
    UserError
        No rung has a grid of four sizes and three numbers of tokens.
    """
    rungs = list(_rungs(spec, inputs))
    if all(one.design is None for one in rungs):
        raise UserError(spec.name, list(dict.fromkeys(one.problem for one in rungs)))
    rows: list[Row] = []
    made: dict[tuple[int, int], Allocation] = {}
    draws = {}
    for rung in rungs:
        # Rungs 1 and 2 are the same runs, and so have the same noise.
        seed = max(rung.number - 2, 0)
        if rung.design is not None and seed not in draws:
            draws[seed] = draw_noise(rung.design, spec.draws, seed)
        for approach in USED:
            group = Group.of(rung=rung.number, approach=approach)
            try:
                if rung.design is None:
                    raise UserError(spec.name, [rung.problem])
                one, said = _make(approach, rung, draws[seed], spec)
            except UserError as error:
                rows.append(no_exponent(group, error))
                continue
            made[rung.number, approach] = one
            published = PORIAN_LADDER[rung.number - 1]
            rows.append(slope_row(
                Q.A_OPT, one.a, one.drawn["a"], one.verdicts.get("a"), said, group=group,
                method=METHOD, n_runs=len(rung.run_ids), runs=" ".join(rung.run_ids),
                theory=published.value, theory_source=published.source,
            ))  # fmt: skip
    return rows + [
        _step(approach, number, made[number, approach], made[number - 1, approach])
        for approach in USED
        for number in range(2, len(rungs) + 1)
        if (number, approach) in made and (number - 1, approach) in made
    ]


def _rungs(spec: Ladder, inputs: Inputs) -> Iterable[Rung]:
    """The five rungs. The first two differ in the count alone."""
    along = [
        readings(finished_in(inputs.runs, sweeps, "loss"), inputs.curves, spec.first_step)
        for sweeps in (spec.long_warmup, spec.short_warmup)
    ]
    ends = [finished_in(inputs.runs, sweeps, "loss") for sweeps in (spec.matched, spec.tuned)]
    tables = (along[0], along[0], along[1], *ends)
    counts = ("kaplan", *["logits"] * 4)
    for number, (table, count) in enumerate(zip(tables, counts, strict=True), start=1):
        ids = tuple(dict.fromkeys(run_id.partition("@")[0] for run_id in table["run_id"]))
        try:
            design = design_of(table, inputs.curves, table["sweep"].unique(), spec.name,
                               spec.first_step, [count])  # fmt: skip
            yield Rung(number, design, "", count, ids)
        except UserError as error:
            yield Rung(number, None, "; ".join(error.problems), count, ids)


def readings(runs: pd.DataFrame, curves: pd.DataFrame, first_step: int) -> pd.DataFrame:
    """Runs that end at each evaluation of the given runs, from `first_step` on.

    Their ids are those of the runs, an @ and the step; all of one run have its lineage.
    """
    import pandas as pd

    found = [runs[:0]]
    curves = curves[(curves["step"] >= first_step) & curves["loss"].notna()]
    for run_id, curve in curves[curves["run_id"].isin(runs["run_id"])].groupby("run_id"):
        run = runs[runs["run_id"] == run_id]
        each = pd.concat([run] * len(curve), ignore_index=True)
        share = curve["n_tokens"].to_numpy(float) / float(run["n_tokens"].iloc[0])
        scaled = {name: each[name].to_numpy(float) * share for name in GROWING}
        found.append(each.assign(
            **scaled,
            run_id=[f"{run_id}@{step}" for step in curve["step"]],
            lineage=run_id,
            n_tokens=np.round(each["n_tokens"].to_numpy(float) * share).astype(int),
            steps=curve["step"].to_numpy("int64"),
            loss=curve["loss"].to_numpy(float),
        ))  # fmt: skip
    return pd.concat(found, ignore_index=True) if len(found) > 1 else runs[:0]


def _make(approach: int, rung: Rung, draws, spec: Ladder) -> tuple[Allocation, str]:
    if approach == 2:
        where = spec.name, spec.levels, spec.reach
        return second_approach(rung.design, draws, rung.count, *where)[0], ""
    found, law = third_approach(rung.design, draws, rung.count, spec.name)
    return found, law.warning


def _step(approach: int, number: int, one: Allocation, before: Allocation) -> Row:
    """By how much a rung changes a; other runs have a noise of their own."""
    draws = one.drawn["a"] - before.drawn["a"]
    good = draws[np.isfinite(draws)]
    lo, hi = bounds(good, LEVEL) if len(good) else (-np.inf, np.inf)
    known = np.isfinite(lo) and not lo <= 0 <= hi
    return row(
        Q.A_DIFFERENCE, one.a - before.a, good, method=METHOD,
        group=Group.of(rung=(number, number - 1), approach=approach),
        theory=PORIAN_LADDER[number - 1].value - PORIAN_LADDER[number - 2].value,
        theory_source=PORIAN_LADDER[0].source,
        warnings="a changes" if known else "whether a changes cannot be told",
    )  # fmt: skip


def draw(spec: LadderTrained, tables: Tables) -> Drawing:
    """Left: a at each rung of these runs. Right: the published ladder."""
    found = tables.analysed(spec.ladder, spec.called)
    sheet, notes = Sheet(2, height=4.0), [] if found.made else found.why_not()
    left = exponent_panel(sheet, "exponent a of N* ~ C^a", "These runs")
    if found.made:
        for number, label in enumerate(LABELS, start=1):
            for aside, approach in zip((-0.15, 0.15), USED, strict=True):
                one = found.parameter(Q.A_OPT, group=Group.of(rung=number, approach=approach))
                name, look = APPROACHES[approach]
                ours(left, number - 1 + aside, one, name, look, notes, f"{label}, {name}")
        categories(left, list(LABELS))
    right = exponent_panel(sheet, "exponent a of N* ~ C^a", "Published")
    for place, one in enumerate(PORIAN_LADDER):
        across(right, place, one.value, one.lo, one.hi, one.label, "published", **PUBLISHED)
    categories(right, list(LABELS))
    ends = [panel.axes.get_xlim() for panel in sheet.panels[0 if found.made else 1 :]]
    for panel in sheet.panels:
        panel.axes.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    if found.made:
        notes += _said(found)
    key = [*(APPROACHES[approach] for approach in USED), ("Porian et al. 2024", PUBLISHED)]
    return sheet.drawing(key, notes)


def _said(found: Analysed) -> list[str]:
    """What each step changes, by approach, beside what it changed in the paper."""
    notes = []
    for _, one in found.parameters(Q.A_DIFFERENCE, optional=True).iterrows():
        group = found.group_of(one)
        number = int(group["rung"][0])
        notes.append(f"{LABELS[number - 1]}, {NAMES[int(group['approach'])]}: a changes by "
                     f"{in_words(one)}; in the paper by {one['theory']:.3f}. "
                     f"{one['warnings'][0].upper()}{one['warnings'][1:]}.")  # fmt: skip
    return notes


ANALYSES = {"ladder": Analysis(Ladder, analyse)}
FIGURES = {"ladder_trained": Figure(LadderTrained, draw)}
