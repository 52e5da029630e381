"""A run that three laws predict: one rightly, one unsure, one not at all."""

from isoloss.exhibits.base import Tables
from isoloss.exhibits.prediction import PredictionTested
from isoloss.tables.schema import CURVE_COLUMNS, PREDICTION_COLUMNS, RUN_COLUMNS, SWEEP, typed
from tests.exhibits.made import analyse_study

SPEC = PredictionTested(
    draw="prediction_tested", name="prediction", title="t", caption="c", sweeps=["grid"],
    labels={"hoffmann": "Hoffmann"},
)  # fmt: skip
RUN = {"sweep": "grid", "status": "done"}
TESTED = RUN | {"run_id": "large", "compute_flops": 1e12, "loss": 1.5}
SMALL = [RUN | {"run_id": f"r{i}", "compute_flops": 1e9 * 2**i, "loss": 3 - 0.1 * i}
         for i in range(6)]  # fmt: skip
SAID = {"study": "text", "run_ids": "large", "compute_flops": 1e12, "level": 0.9, "n_runs": 6}
PREDICTED = [
    SAID | {"fit": "hoffmann", "loss": 1.52, "lo": 1.45, "hi": 1.6, "law_lo": 1.51, "law_hi": 1.53,
            "verdict": "identified"},
    SAID | {"fit": "kaplan", "loss": 1.7, "lo": 1.6, "hi": 1.8, "law_lo": 1.65, "law_hi": 1.75,
            "verdict": "not identified: flat"},
    SAID | {"fit": "third", "verdict": "not fitted: too few runs"},
]  # fmt: skip


def tables(runs, **said):
    runs = typed(runs, (SWEEP, *RUN_COLUMNS))
    prediction = typed([row | said for row in PREDICTED], PREDICTION_COLUMNS)
    analyses = analyse_study("text", [], runs, typed([], CURVE_COLUMNS), prediction)
    return Tables(runs=runs, analyses=analyses)


CASES = {"prediction_tested": lambda: (SPEC, tables([*SMALL, TESTED]))}
