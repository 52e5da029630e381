"""The figure of a prediction and its test."""

import pandas as pd
import pytest

from isoloss.config.exhibits import in_unit
from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.exhibits.prediction import PredictionTested
from isoloss.tables.schema import RUN_COLUMNS, SWEEP, typed
from tests.exhibits.prediction_cases import SMALL, SPEC, TESTED, tables
from tests.rows import some


def test_every_law_that_predicts_is_drawn_and_the_others_are_named_with_the_reason():
    drawn = drawing(SPEC, tables([*SMALL, TESTED]))
    predicted = drawn.table[drawn.table["what"] == "predicted"]
    assert list(predicted["series"]) == ["Hoffmann", "kaplan"]
    assert list(predicted["lo"]) == [1.45, 1.6]
    assert "third: not fitted: too few runs." in drawn.notes
    assert "Hollow: the fitted runs do not determine 1 of 2 laws." in drawn.notes
    said = "It lies within 1 of 2 intervals with drift, and 0 without."
    assert f"The measured loss is 1.5000. {said}" in drawn.notes
    narrow = drawn.table[drawn.table["what"] == "without drift"]
    assert list(narrow["lo"]) == [1.51, 1.65]


def test_before_the_run_is_trained_the_figure_shows_the_prediction_alone():
    drawn = drawing(SPEC, tables(SMALL))
    assert not any("measured loss" in note for note in drawn.notes)
    assert "held-out run" not in set(drawn.table["series"])


def test_a_prediction_that_was_made_after_the_run_is_not_shown_as_one_made_before():
    before = tables([*SMALL, TESTED], made_before=True)
    after = tables([*SMALL, TESTED], made_before=False)
    assert "Predicted before the run" in set(drawing(SPEC, before).table["panel"])
    drawn = drawing(SPEC, after)
    assert "Predicted after the run" in set(drawn.table["panel"])
    assert "The run was measured before this prediction was made." in drawn.notes
    said = some(after.analyses, kind="parameter")
    assert set(said["theory_source"]) == {"measured before"}
    assert said["warnings"].str.contains("predicted after the run was made").all()


def test_losses_are_in_the_unit_of_the_study():
    given = in_unit({"draw": "prediction_tested", "sweeps": ["grid"]}, "bits per byte")
    drawn = drawing(PredictionTested(**given), tables([*SMALL, TESTED]))
    assert [axes.get_xlabel() for axes in drawn.figure.axes][1].endswith("(bits per byte)")
    assert drawn.figure.axes[0].get_ylabel() == "held-out loss (bits per byte)"


def test_a_study_without_a_prediction_is_told_so():
    with pytest.raises(UserError, match="there is no analysis 'prediction'"):
        drawing(SPEC, Tables(runs=typed(SMALL, (SWEEP, *RUN_COLUMNS)), analyses=pd.DataFrame()))
