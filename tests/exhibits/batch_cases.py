"""Examples of the figures of batch size, repeated data and training, from planted laws."""

import functools

import pandas as pd
from pydantic import TypeAdapter

from isoloss.config.study import Analysis, Figure
from isoloss.exhibits.base import Tables
from tests.exhibits import planted
from tests.exhibits.kaplan import planted_batch
from tests.exhibits.made import analyse_study

ANALYSES = [
    {"do": "critical_batch", "name": "batches", "sweeps": ["batch"]},
    {"do": "seed_noise", "name": "noise", "sweeps": ["seeds", "cosine"]},
    {"do": "overfitting", "name": "repeated", "sweeps": ["limited"]},
    {"do": "size_and_steps", "name": "steps", "sweeps": ["grid"], "adjusted": True},
    {"do": "cooldown_check", "name": "cooldowns", "sweeps": ["grid"], "cooled": ["seeds"],
     "independent": ["cosine"]},
    {"do": "cooldown_forecast", "name": "forecasts", "sweeps": ["grid"]},
    {"do": "collapse", "name": "shapes", "sweeps": ["grid"], "seeds": ["seeds"]},
    {"do": "learning_rate", "name": "rates", "sweeps": ["lr"]},
]  # fmt: skip
FIGURES = {
    "joint_laws": {"overfitting": "repeated", "steps": "steps", "sweeps": ["grid"],
                   "critical": "batches"},
    "repeated_data": {"overfitting": "repeated"},
    "critical_batch_size": {"critical": "batches"},
    "early_stopping": {"overfitting": "repeated", "sweeps": ["limited"]},
    "batch_tradeoff": {"critical": "batches"},
    "cooldown_checked": {"check": "cooldowns", "sweeps": ["grid"], "independent": ["cosine"]},
    "cooldown_forecasts": {"check": "forecasts"},
    "collapsed": {"check": "shapes"},
    "learning_rates": {"rates": "rates", "used": ["grid"]},
    "seed_scatter": {"noise": "noise"},
}  # fmt: skip


@functools.cache
def study() -> Tables:
    """A planted study; its limited runs are those with a planted step to stop at."""
    runs, curves = planted.tables()
    limited, limited_curves = planted_batch.repeated(noise=0.003)
    dropped = set(runs["run_id"][runs["sweep"] == "limited"])
    runs = pd.concat([runs[~runs["run_id"].isin(dropped)], limited], ignore_index=True)
    curves = pd.concat([curves[~curves["run_id"].isin(dropped)], limited_curves],
                       ignore_index=True)  # fmt: skip
    return analysed(runs, curves)


def analysed(runs, curves, analyses=ANALYSES) -> Tables:
    """Tables with the analyses of the runs."""
    asked = TypeAdapter(list[Analysis]).validate_python(list(analyses))
    return Tables(runs=runs, curves=curves, analyses=analyse_study("s", asked, runs, curves))


def spec(draw, **given):
    """A figure's section of a study, checked as the pipeline checks it."""
    texts = {"draw": draw, "name": "a_figure", "title": "A title", "caption": "A caption."}
    return TypeAdapter(Figure).validate_python(texts | FIGURES[draw] | given)


CASES = {draw: lambda draw=draw: (spec(draw), study()) for draw in FIGURES}


def numbers(table, *columns):
    """The numbers of some columns, a row each, in an order of their own."""
    return table[list(columns)].astype(float).sort_values(list(columns)).to_numpy()
