"""Examples of the figures of shapes, schedules, tuning, epochs and corpora, on planted losses."""

import functools

from pydantic import TypeAdapter

from isoloss.config.study import Analysis, Figure
from isoloss.exhibits.base import Tables
from tests.exhibits.made import analyse_study
from tests.exhibits.recipes import planted as P

# Figure -> the planted study, the analyses, and the figure's own keys.
OF = {
    "kaplan_shape": (P.shapes, [{"do": "shape", "name": "aspect", "sweeps": ["aspect"]}], {}),
    "kaplan_schedules": (P.schedules, [{"do": "schedules", "sweeps": list(P.SCHEDULES)}], {}),
    "chinchilla_cosine": (P.lengths, [{"do": "cosine_length", "sweeps": ["length"]}], {}),
    "chinchilla_optimiser": (P.optimisers, [{"do": "optimiser", "sweeps": ["optimiser"]}], {}),
    "epochs_worth": (P.epochs, [{"do": "epochs", "sweeps": ["fresh", "few"], "draws": 20}], {}),
    "tuned_enough": (P.tuning, [{"do": "tuning", "sweeps": ["tuning"], "own": ["own"]}], {}),
    "ladder_trained": (P.ladder, [
        {"do": "ladder", "sweeps": [], "long_warmup": ["long"], "short_warmup": ["short"],
         "matched": ["matched"], "tuned": ["tuned"], "draws": 25},
    ], {}),
    "chinchilla_corpora": (P.corpora, [
        {"do": "corpora", "sweeps": ["code", "books"], "draws": 25},
    ], {}),
    "chinchilla_head_to_head": (P.rivals, [
        {"do": "head_to_head", "sweeps": [], "kaplan": ["kaplan"], "ours": ["ours"]},
    ], {}),
}  # fmt: skip


@functools.cache
def tables(draw) -> Tables:
    """A figure's study with its analyses."""
    made, analyses, _ = OF[draw]
    runs, curves = made()
    asked = TypeAdapter(list[Analysis]).validate_python(analyses)
    return Tables(runs=runs, curves=curves, analyses=analyse_study("s", asked, runs, curves))


def spec(draw, **changed):
    """A figure's section of a study, checked as the pipeline checks it."""
    return TypeAdapter(Figure).validate_python({"draw": draw} | OF[draw][2] | changed)


CASES = {draw: lambda draw=draw: (spec(draw), tables(draw)) for draw in OF}
