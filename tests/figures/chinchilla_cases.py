"""Examples of the figures after Hoffmann et al. (2022), from planted laws."""

import functools

from pydantic import TypeAdapter
from tests.analysis import synthetic
from tests.exhibits.made import analyse_study

from isoloss.config.study import Analysis, Figure
from isoloss.exhibits.base import Tables

ANALYSES = [
    {"do": "approaches", "name": "three", "sweeps": ["grid"], "draws": 200},
    {"do": "recount", "name": "counts", "sweeps": ["grid"], "draws": 100},
    {"do": "curvature", "name": "bend", "sweeps": ["grid"], "draws": 100},
]
FIGURES = {
    "chinchilla_frontiers": {"approaches": "three"},
    "chinchilla_envelope": {"approaches": "three", "sweeps": ["grid"]},
    "chinchilla_isoflop": {"approaches": "three"},
    "chinchilla_contours": {"approaches": "three", "sweeps": ["grid"]},
    "chinchilla_tokens": {"approaches": "three"},
    "chinchilla_curvature": {"curvature": "bend"},
    "approaches_compared": {"approaches": "three"},
    "recounted": {"recount": "counts"},
}


@functools.cache
def tables(seed: int = 0) -> Tables:
    """A study, and all that is made of it."""
    runs, curves = synthetic.tables(seed)
    specs = TypeAdapter(list[Analysis]).validate_python(ANALYSES)
    return Tables(runs=runs, curves=curves, analyses=analyse_study("s", specs, runs, curves))


def spec(draw: str, **changed):
    """A figure's section of a study, checked as the pipeline checks it."""
    texts = {"name": "a_figure", "title": "A title", "caption": "A caption.", "draw": draw}
    return TypeAdapter(Figure).validate_python(texts | FIGURES[draw] | changed)


CASES = {draw: lambda draw=draw: (spec(draw), tables()) for draw in FIGURES}
