"""Examples of the figures of architectures, of positions and of other texts."""

import functools

from pydantic import TypeAdapter

from isoloss.config.study import Analysis, Figure
from isoloss.exhibits.base import Tables
from tests.exhibits.architectures import planted as P
from tests.exhibits.made import analyse_study

BOTH = {"sweeps": ["transformer", "lstm_1"], "reference": "transformer"}
LOOPS = {"sweeps": ["transformer", "loop_4"], "reference": "transformer", "draws": 50}
BY_POSITION = {"do": "by_position", **BOTH, "draws": 50}
BY_SIZE = {"do": "size_by_position", "sweeps": ["transformer"], "short": ["context_8"]}
# Figure -> the planted study, the analyses, and the figure's own keys.
OF = {
    "kaplan_lstm": (P.positions, [{"do": "families", **BOTH, "draws": 50}, BY_POSITION], {}),
    "kaplan_reuse": (lambda: P.families(("transformer", "loop_4")), [
        {"do": "families", "name": "reuse", **LOOPS},
        {"do": "families", "name": "reuse_applied", "counted": "applied", **LOOPS},
    ], {}),
    "kaplan_context": (P.sizes, [
        {**BY_POSITION, "sweeps": ["transformer"]}, {**BY_SIZE, "draws": 50},
    ], {"sweep": "transformer"}),
    "kaplan_context_sizes": (P.sizes, [{**BY_SIZE, "draws": 50}], {}),
    "kaplan_transfer": (P.elsewhere, [
        {"do": "transfer", "sweeps": ["transformer"], "draws": 50},
    ], {}),
    "kaplan_depth_elsewhere": (P.depths, [
        {"do": "depth_elsewhere", "sweeps": ["deep"], "line": ["transformer"]},
    ], {}),
}  # fmt: skip


@functools.cache
def tables(draw) -> Tables:
    """A figure's study with its analyses."""
    made, analyses, _ = OF[draw]
    runs, curves, evaluations = made()
    asked = TypeAdapter(list[Analysis]).validate_python(analyses)
    rows = analyse_study("s", asked, runs, curves, evaluations=evaluations)
    return Tables(runs=runs, curves=curves, analyses=rows)


def spec(draw, **changed):
    """A figure's section of a study, checked as the pipeline checks it."""
    return TypeAdapter(Figure).validate_python({"draw": draw} | OF[draw][2] | changed)


CASES = {draw: lambda draw=draw: (spec(draw), tables(draw)) for draw in OF}
