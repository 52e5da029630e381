"""The figure of a prediction and its test."""

import pandas as pd
import pytest
from tests.exhibits.made import analyse_study
from tests.rows import some

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.exhibits.prediction import PredictionTested
from isoloss.tables.schema import CURVE_COLUMNS, PREDICTION_COLUMNS, RUN_COLUMNS, SWEEP, typed

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


def test_every_law_that_predicts_is_drawn_and_the_others_are_named_with_the_reason():
    drawn = drawing(SPEC, tables([*SMALL, TESTED]))
    predicted = drawn.table[drawn.table["what"] == "predicted"]
    assert list(predicted["series"]) == ["Hoffmann", "kaplan"]
    assert list(predicted["lo"]) == [1.45, 1.6]
    assert "third: not fitted: too few runs." in drawn.notes
    assert "kaplan: not identified: flat (hollow marker)." in drawn.notes
    said = "lies within 1 of 2 90 % intervals, and within 0 of those without drift."
    assert f"The measured loss, 1.5000, {said}" in drawn.notes
    narrow = drawn.table[drawn.table["what"] == "without drift"]
    assert list(narrow["lo"]) == [1.51, 1.65]


def test_before_the_run_is_trained_the_figure_shows_the_prediction_alone():
    drawn = drawing(SPEC, tables(SMALL))
    assert not any("measured loss" in note for note in drawn.notes)
    assert "held-out run" not in set(drawn.table["series"])


def test_a_prediction_that_was_made_after_the_run_is_not_shown_as_one_made_before():
    before = tables([*SMALL, TESTED], made_before=True)
    after = tables([*SMALL, TESTED], made_before=False)
    assert "Said before, measured after" in set(drawing(SPEC, before).table["panel"])
    drawn = drawing(SPEC, after)
    assert "Measured before, said after" in set(drawn.table["panel"])
    assert "The run was measured before this prediction was made." in drawn.notes
    said = some(after.analyses, kind="parameter")
    assert set(said["theory_source"]) == {"measured before"}
    assert said["warnings"].str.contains("predicted after the run was made").all()


def test_a_study_without_a_prediction_is_told_so():
    with pytest.raises(UserError, match="the study has no `prediction`"):
        drawing(SPEC, Tables(runs=typed(SMALL, (SWEEP, *RUN_COLUMNS)), analyses=pd.DataFrame()))
