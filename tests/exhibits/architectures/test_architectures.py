"""Families of models, losses along the context and on other texts, on planted losses."""

import functools

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.kaplan.depth_elsewhere import DepthElsewhere
from isoloss.exhibits.kaplan.families import Families
from isoloss.exhibits.kaplan.positions import ByPosition, SizeByPosition, stopping, stops_said
from isoloss.exhibits.kaplan.transfer import Transfer
from isoloss.exhibits.make import analyse, drawing
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row
from isoloss.results.rows import table_of
from tests.exhibits import made
from tests.exhibits.architectures import planted as P
from tests.exhibits.architectures.cases import spec, tables
from tests.rows import one, some

BOTH = {"sweeps": ["transformer", "lstm_1"], "reference": "transformer", "draws": 100}
FAMILIES = Families(do="families", **BOTH)
POSITIONS = ByPosition(do="by_position", **BOTH)
SIZES = SizeByPosition(
    do="size_by_position", sweeps=["transformer"], short=["context_8"], draws=100
)
DEPTHS = DepthElsewhere(do="depth_elsewhere", sweeps=["deep"], line=["transformer"])
TRANSFER = Transfer(do="transfer", sweeps=["transformer"], draws=50)
MIDDLE = P.SIZES[2]


@functools.cache
def positions():
    """The rows of POSITIONS."""
    return rows_of(POSITIONS, P.positions())


@functools.cache
def sizes():
    """The rows of SIZES."""
    return rows_of(SIZES, P.sizes())


def rows_of(asked, study):
    runs, curves, evaluations = study
    return made.rows_of(asked, runs, curves, evaluations=evaluations)


def holds(row, truth):
    return row["lo"] <= truth <= row["hi"]


def test_each_family_has_its_exponent_and_its_increase_over_the_reference():
    """Both have one loss at the third size, so the lstm is lower before it and higher after it."""
    rows = rows_of(FAMILIES, P.families())
    for sweep, alpha in P.ALPHA.items():
        if sweep in BOTH["sweeps"]:
            found = one(rows, "alpha", group=f"sweep={sweep}")
            assert found["value"] == pytest.approx(alpha, abs=0.003)
            assert found["verdict"] == "identified"
    group = "sweep=lstm_1 - sweep=transformer"
    middle = one(rows, "loss increase", group=group, kind="parameter")
    assert middle["x"] == pytest.approx(MIDDLE)
    assert holds(middle, 0) and abs(middle["value"]) < 0.2
    ends = some(rows, "loss increase", group=group, kind="point")
    expected = [100 * ((size / MIDDLE) ** 0.04 - 1) for size in (P.SIZES[0], P.SIZES[-1])]
    np.testing.assert_allclose(ends["value"], expected, atol=0.3)
    difference = one(rows, "alpha: difference")
    assert holds(difference, -0.04) and difference["hi"] < 0


def test_a_block_that_is_used_again_counts_as_often_as_it_is_applied():
    """With one loss for each size counted once, N of four times is four times as large."""
    loops = {"sweeps": ["transformer", "loop_4"], "reference": "transformer", "draws": 100}
    study = P.families(("transformer", "loop_4"), noise=1e-5)
    once = one(rows_of(Families(do="families", **loops), study), "loss increase", kind="parameter")
    assert once["value"] == pytest.approx(0, abs=0.01)
    applied = rows_of(Families(do="families", counted="applied", **loops), study)
    found = one(applied, "loss increase", kind="parameter")
    assert found["x_quantity"] == "n_params_applied"
    assert found["value"] == pytest.approx(100 * (4**0.1 - 1), abs=0.05)


def test_a_family_of_two_sizes_has_no_law_and_says_so():
    runs, *more = P.families()
    runs = runs[(runs["sweep"] != "lstm_1") | runs["n_params_non_embedding"].isin(P.SIZES[:2])]
    rows = rows_of(FAMILIES, (runs, *more))
    law = one(rows, "alpha", group="sweep=lstm_1")
    assert law["verdict"] == "not made: lstm_1: 2 sizes, a power law needs 3"
    found = one(rows, "loss increase")
    assert found["verdict"].startswith("not made: lstm_1: no law") and pd.isna(found["value"])


def test_a_family_alone_cannot_be_compared():
    runs, *more = P.families(("transformer",))
    with pytest.raises(UserError, match="'transformer' and another family are needed"):
        rows_of(FAMILIES, (runs, *more))


def test_the_loss_along_the_context_has_the_planted_law():
    rows = positions()
    for sweep, power in P.POWER.items():
        group = f"sweep={sweep}, n_params_non_embedding={P.SIZES[-1]}"
        assert one(rows, "alpha", group=group)["value"] == pytest.approx(power, rel=0.1)
        curve = some(rows, "loss", group=group, kind="point")
        truth = P.position_loss(sweep, curve["x"].to_numpy())
        np.testing.assert_allclose(curve["value"], truth, rtol=0.005)


def test_a_family_stops_where_the_rest_of_the_context_gains_less_than_the_threshold():
    rows = positions()
    loss = P.position_loss("lstm_1", np.arange(1, P.CONTEXT + 1))
    gain = [loss[i] / loss[i + 1 :].mean() - 1 for i in range(P.CONTEXT - 1)]
    truth = 1 + next(i for i, value in enumerate(gain) if value < POSITIONS.threshold)
    found = one(rows, "position where the loss stops falling", group="sweep=lstm_1")
    assert 10 < truth < 100 and holds(found, truth)
    assert found["verdict"] == "identified"


def test_whether_a_loss_that_falls_to_the_end_has_stopped_cannot_be_told():
    rows = positions()
    found = one(rows, "position where the loss stops falling", group="sweep=transformer")
    assert found["verdict"].startswith("not identified: the loss may fall to the end")
    assert pd.isna(found["lo"])
    notes = drawing(spec("kaplan_lstm"), tables("kaplan_lstm")).notes
    assert any("transformer, 2 layers stops to improve cannot be told" in note for note in notes)


@pytest.mark.parametrize(("ends", "told"), [((20, 50), False), ((45, 90), True)])
def test_families_whose_stops_overlap_are_not_ranked(ends, told):
    """The other family stops between 10 and 40 tokens."""
    made_rows = [
        Row(quantity=Q.STOPS, kind=Kind.PARAMETER, group=Group.of(sweep=sweep), value=lo + 1.0,
            lo=float(lo), hi=float(hi), level=0.9, verdict=IDENTIFIED)
        for sweep, (lo, hi) in {"lstm_1": (10, 40), "transformer": ends}.items()
    ]  # fmt: skip
    rows = table_of(made_rows, study="test", analysis="by_position", do="by_position")
    found = Analysed(rows, "by_position")
    notes = stops_said(found, {"lstm_1": "LSTM", "transformer": "transformer"})
    assert any("which of them stops first cannot be told" in note for note in notes) != told


def test_a_loss_that_is_flat_has_stopped_at_once_and_one_that_rises_late_has_not():
    flat, rising = np.zeros((1, 64)), np.zeros((1, 64))
    rising[0, 31] = 0.5  # higher than all beyond it, in the middle
    assert stopping(flat, 0.01)[0] == 1
    assert np.isnan(stopping(rising, 0.01)[0])


def test_families_are_compared_at_each_position():
    rows = positions()
    found = some(rows, "loss increase", group="sweep=lstm_1")
    at = found["x"].to_numpy()
    truth = 100 * (P.position_loss("lstm_1", at) / P.position_loss("transformer", at) - 1)
    assert np.mean((found["lo"] <= truth) & (truth <= found["hi"])) > 0.6
    np.testing.assert_allclose(found["value"], truth, atol=0.4)


def test_largest_models_of_other_sizes_are_not_compared():
    runs, curves, evaluations = P.positions()
    runs = runs[(runs["sweep"] == "transformer") | (runs["n_params_non_embedding"] < 60_000)]
    rows = rows_of(POSITIONS, (runs, curves, evaluations))
    found = one(rows, "loss increase", group="sweep=lstm_1")
    assert "the largest models have 49152 and 98304 parameters" in found["verdict"]


def test_size_helps_late_positions_by_what_was_planted():
    rows = sizes()
    first, last = P.EXPONENTS
    assert one(rows, "alpha", group="position=1")["value"] == pytest.approx(first, abs=0.002)
    found = one(rows, "alpha: difference")
    assert found["group"] == "position=200 - position=1"
    share = np.log(np.sqrt(181 * 255)) / np.log(P.CONTEXT)
    assert holds(found, share * (last - first)) and found["lo"] > 0


def test_a_short_context_is_compared_at_its_last_position():
    rows = sizes()
    found = some(rows, "loss increase", group="context=8")
    assert sorted(found["x"]) == sorted(map(float, P.SIZES))
    at = np.sqrt(8 * 10)  # the long models' band of position 8 reaches to 10
    n = found["x"].to_numpy()
    truth = 100 * (P.size_loss(n, at) / P.size_loss(n, 8) * np.exp(0.03) - 1)
    np.testing.assert_allclose(found["value"], truth, atol=0.4)


def test_the_largest_model_is_followed_while_it_trains():
    rows = sizes()
    along = some(rows, "loss", group="position=64", x_quantity="steps").sort_values("x")
    assert list(along["x"]) == [P.STEP // 10, P.STEP]
    assert along["value"].iloc[0] / along["value"].iloc[1] == pytest.approx(10**0.1, rel=0.005)


def test_the_offset_and_the_slope_on_other_texts_are_those_planted():
    rows = rows_of(TRANSFER, P.elsewhere())
    for place, text in enumerate(("books", "headers")):
        offset = one(rows, "offset of the loss elsewhere", group=f"corpus={text}")
        assert offset["value"] == pytest.approx(P.OFFSET * (place + 1), abs=0.002)
        slope = one(rows, "slope of the loss elsewhere", group=f"corpus={text}")
        assert holds(slope, P.SLOPE) and slope["hi"] - slope["lo"] < 0.02
        apart = one(rows, "loss elsewhere while training", group=f"corpus={text}")
        assert holds(apart, P.EARLY)
        assert apart["value"] == pytest.approx(P.EARLY, abs=0.002)


def test_a_slope_that_is_not_one_is_seen_and_training_on_the_line_too():
    study = P.elsewhere(slope=1.5, early=0.0)
    rows = rows_of(TRANSFER, study)
    slope = one(rows, "slope of the loss elsewhere", group="corpus=books")
    assert holds(slope, 1.5) and not holds(slope, 1.0)
    notes = drawing(spec("kaplan_transfer"), Tables(runs=study[0], analyses=rows)).notes
    assert any("so the offset is not constant" in note for note in notes)
    assert any("models lie on the line" in note for note in notes)


def test_two_sizes_have_an_offset_and_no_slope():
    runs, *more = P.elsewhere()
    runs = runs[runs["n_params_non_embedding"].isin(P.SIZES[:2])]
    rows = rows_of(TRANSFER, (runs, *more))
    assert one(rows, "offset of the loss elsewhere", group="corpus=books")["lo"] > 0
    slope = one(rows, "slope of the loss elsewhere", group="corpus=books")
    assert slope["verdict"] == "not made: 2 sizes, a line needs 3"


@pytest.mark.parametrize("change", [0.0, 0.03])
def test_depth_is_seen_where_it_does_more_than_the_loss_in_training_says(change):
    """Deeper models have a higher loss on the training text, which by itself is no effect."""
    study = P.depths(change)
    rows = rows_of(DEPTHS, study)
    for text in ("books", "headers"):
        found = one(rows, "rest of the loss elsewhere by depth", group=f"corpus={text}")
        assert found["value"] == pytest.approx(change, abs=0.003)
        assert holds(found, change) and holds(found, 0) == (change == 0)
    notes = drawing(spec("kaplan_depth_elsewhere"), Tables(runs=study[0], analyses=rows)).notes
    assert ["no effect of depth is seen" in note for note in notes] == [change == 0] * 2


def test_depths_are_compared_at_one_size_only():
    runs, *more = P.depths()
    of_one = runs.index[runs["n_layer"] == 8]
    runs.loc[of_one, "n_params_non_embedding"] *= 2
    with pytest.raises(UserError, match="the models differ in size: N is 24576 to 49152"):
        rows_of(DEPTHS, (runs, *more))
    with pytest.raises(UserError, match="2 depths, a line needs 3"):
        rows_of(DEPTHS, (runs[~(runs["n_layer"] >= 4)], *more))


@pytest.mark.parametrize("asked", [POSITIONS, SIZES, TRANSFER, DEPTHS], ids=lambda one: one.do)
def test_without_further_evaluations_the_reason_is_said(asked):
    runs, curves, evaluations = P.families()
    inputs = made.Inputs(runs=runs, curves=curves, done=evaluations, evaluations=evaluations)
    verdict = analyse("s", asked, inputs)["verdict"].item()
    assert verdict.startswith("not made: no run of these sweeps measured its loss")


def test_a_reference_must_be_a_family():
    with pytest.raises(ValueError, match="reference 'other' is none of its sweeps"):
        Families(do="families", sweeps=["a", "b"], reference="other")
