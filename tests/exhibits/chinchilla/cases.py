"""Examples of the figures after Hoffmann et al. (2022), from planted laws."""

import functools

import pandas as pd
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
    """A study, and all that is made of it, with N and C counted in one way.

    The recount takes every count, and is made once.
    """
    runs, curves = planted.tables(seed)
    rows = [_analysed(do, runs, curves, count) for do in ("approaches", "curvature")]
    rows.insert(1, _recounted(seed))
    return Tables(runs=runs, curves=curves, analyses=pd.concat(rows, ignore_index=True))


@functools.cache
def _recounted(seed: int) -> pd.DataFrame:
    return _analysed("recount", *planted.tables(seed))


def made(runs, curves) -> Tables:
    """All that is made of a study's runs, with N and C counted with embeddings."""
    rows = [_analysed(do, runs, curves) for do in ("approaches", "recount", "curvature")]
    return Tables(runs=runs, curves=curves, analyses=pd.concat(rows, ignore_index=True))


def _analysed(do: str, runs, curves, count: str = "embeddings") -> pd.DataFrame:
    asked = {"do": do, "sweeps": ["grid"], "draws": 200 if do == "approaches" else 100}
    asked |= {} if do == "recount" else {"count": count}
    specs = TypeAdapter(list[Analysis]).validate_python([asked])
    return analyse_study("s", specs, runs, curves)


def spec(draw: str, **changed):
    """A figure's section of a study, checked as the pipeline checks it."""
    return TypeAdapter(Figure).validate_python({"draw": draw} | FIGURES[draw] | changed)


CASES = {draw: lambda draw=draw: (spec(draw), tables()) for draw in FIGURES}
