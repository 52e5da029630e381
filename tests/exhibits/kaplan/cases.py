"""Examples of the figures after Kaplan et al. (2020), from a study that follows their laws."""

import functools

import pandas as pd
from pydantic import TypeAdapter

from isoloss.config.study import Analysis, Figure
from isoloss.exhibits.base import Tables
from tests.exhibits.kaplan import planted
from tests.exhibits.made import analyse_study

LAW = planted.Planted()
GRID = {"sweeps": ["grid"]}
PLAIN = [
    {"do": "kaplan_frontier", "name": "frontier", **GRID},
    {"do": "size_and_steps", "name": "steps", **GRID},
    {"do": "loss_reached", "name": "reached", **GRID},
    {"do": "size_laws", "name": "size", **GRID, "keep": "longest",
     "laws": ["power_law", "logarithmic", "power_law_floor"]},
    {"do": "size_laws", "name": "data", **GRID, "keep": "largest", "x": "n_tokens",
     "laws": ["power_law"]},
    {"do": "size_laws", "name": "total", "sweeps": ["depth", "grid"], "keep": "depths",
     "x": "n_params", "laws": ["power_law"]},
    {"do": "size_laws", "name": "depths", "sweeps": ["depth", "grid"], "keep": "depths",
     "laws": ["power_law"]},
    {"do": "crossing", "name": "crossing", **GRID},
]  # fmt: skip
ADJUSTED = [
    {"do": "critical_batch", "name": "critical", "sweeps": ["batch"]},
    {"do": "kaplan_frontier", "name": "frontier_min", **GRID, "adjusted": True},
    {"do": "loss_reached", "name": "reached_min", **GRID, "adjusted": True},
]
BOTH = {"naive": "frontier", "adjusted": "frontier_min"}
FIGURES = {
    "kaplan_summary": {**GRID, "frontier": "frontier", "data": "data", "size": "size"},
    "kaplan_training": GRID,
    "kaplan_shares": BOTH,
    "kaplan_depth": {"naive": "total", "size": "depths"},
    "kaplan_valleys": {"law": "steps"},
    "kaplan_excess": {"law": "steps", "reached": "reached"},
    "kaplan_frontiers": BOTH,
    "kaplan_optimum": BOTH,
    "kaplan_crossing": {"crossing": "crossing"},
    "kaplan_reached": {"naive": "reached", "adjusted": "reached_min"},
    "kaplan_size_laws": {"size": "size"},
}


@functools.cache
def study() -> Tables:
    """A planted grid, some depths, and a scan of batches."""
    parts = [planted.study(LAW, noise=0.002)]
    for n_layer in (1, 2, 3):
        runs, curves = planted.study(LAW, noise=0.002, seed=n_layer, n_layer=n_layer,
                                            widths=(8, 16, 40), tokens=(460_800,))  # fmt: skip
        parts.append((runs.assign(sweep="depth"), curves))
    for batch_size in (1, 4, 16, 64, 256):
        runs, curves = planted.study(LAW, batch_size=batch_size, widths=(16, 40),
                                            tokens=(2_687_488 * 2,))  # fmt: skip
        named = {"run_id": runs["run_id"] + f"-b{batch_size}", "sweep": "batch"}
        at_b = curves.assign(run_id=curves["run_id"] + f"-b{batch_size}")
        parts.append((runs.assign(**named), at_b))
    runs, curves = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    return analysed(runs, curves, [*ADJUSTED[:1], *PLAIN, *ADJUSTED[1:]])


def analysed(runs, curves, analyses) -> Tables:
    """Tables with the analyses of the runs."""
    asked = TypeAdapter(list[Analysis]).validate_python(analyses)
    return Tables(runs=runs, curves=curves, analyses=analyse_study("s", asked, runs, curves))


@functools.cache
def without_critical_batch() -> Tables:
    """The same without a scan of batches."""
    known = study()
    return analysed(known.runs, known.curves, [*PLAIN, *ADJUSTED[1:]])


def spec(draw, **given):
    """A figure's section of a study, checked as the pipeline checks it."""
    texts = {"draw": draw, "name": "a_figure", "title": "A title", "caption": "A caption."}
    return TypeAdapter(Figure).validate_python(texts | FIGURES[draw] | given)


CASES = {draw: lambda draw=draw: (spec(draw), study()) for draw in FIGURES}
CASES["kaplan_reached at one batch"] = lambda: (spec("kaplan_reached"), without_critical_batch())
