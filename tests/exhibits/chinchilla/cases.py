"""Examples of the figures after Hoffmann et al. (2022), from planted laws."""

import functools

from pydantic import TypeAdapter

from isoloss.config.study import Analysis, Figure
from isoloss.exhibits.base import Tables
from tests.exhibits import planted
from tests.exhibits.made import analyse_study

FIGURES = {
    "chinchilla_frontiers": {},
    "chinchilla_envelope": {"sweeps": ["grid"]},
    "chinchilla_isoflop": {},
    "chinchilla_contours": {"sweeps": ["grid"]},
    "chinchilla_tokens": {},
    "chinchilla_curvature": {},
    "approaches_compared": {},
    "recounted": {},
}


@functools.cache
def tables(seed: int = 0, count: str = "embeddings") -> Tables:
    """A study, and all that is made of it, with N and C counted in one way."""
    return made(*planted.tables(seed), count)


def made(runs, curves, count: str = "embeddings") -> Tables:
    """All that is made of a study's runs."""
    asked = [
        {"do": "approaches", "sweeps": ["grid"], "draws": 200, "count": count},
        {"do": "recount", "sweeps": ["grid"], "draws": 100},
        {"do": "curvature", "sweeps": ["grid"], "draws": 100, "count": count},
    ]
    specs = TypeAdapter(list[Analysis]).validate_python(asked)
    return Tables(runs=runs, curves=curves, analyses=analyse_study("s", specs, runs, curves))


def spec(draw: str, **changed):
    """A figure's section of a study, checked as the pipeline checks it."""
    return TypeAdapter(Figure).validate_python({"draw": draw} | FIGURES[draw] | changed)


CASES = {draw: lambda draw=draw: (spec(draw), tables()) for draw in FIGURES}
