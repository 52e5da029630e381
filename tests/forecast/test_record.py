"""A prediction is a record: it is written once, and what equals it is the same prediction."""

import json
import math
import os
from datetime import UTC, datetime, timedelta

import pytest

from isoloss.errors import UserError
from isoloss.files import write_json, write_parquet
from isoloss.forecast import record
from isoloss.jobs import predict
from isoloss.tables.schema import PREDICTION_COLUMNS, typed

LAW = {
    "study": "text", "fit": "hoffmann", "law": "chinchilla", "run_ids": "large-s0",
    "loss": 2.5, "lo": 2.4, "hi": 2.6, "law_lo": 2.45, "law_hi": 2.55, "drift": 0.01,
    "level": 0.9, "method": "resampling", "verdict": "identified", "compute_flops": 1e12,
    "fitted_compute_flops": 1e11, "n_runs": 2, "runs": "a-s0 b-s0",
}  # fmt: skip
NOT_FITTED = {
    "study": "text", "fit": "kaplan", "law": "kaplan_nd", "run_ids": "large-s0",
    "verdict": "not fitted: too few runs", "compute_flops": 1e12, "n_runs": 2, "runs": "a-s0 b-s0",
}  # fmt: skip
BEFORE, AFTER = {"made_before": True}, {"made_before": False}


def records(folder):
    return [json.loads(path.read_text()) for path in folder.glob("*")]


def test_a_prediction_that_is_made_again_after_its_run_is_the_one_that_was_made_before(tmp_path):
    assert record.said_before(tmp_path, [LAW, NOT_FITTED], BEFORE)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    assert record.said_before(tmp_path, [LAW, NOT_FITTED], AFTER)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [content]


def test_a_prediction_that_was_made_after_its_run_stays_one(tmp_path):
    """Also where the run is removed: its loss was known."""
    assert not record.said_before(tmp_path, [LAW], AFTER)
    assert not record.said_before(tmp_path, [LAW], BEFORE)


@pytest.mark.parametrize(
    "words",
    [{"study": "renamed"}, {"fit": "h"}, {"method": "bootstrap"}, {"verdict": "as it is"},
     {"runs": "b-s0 a-s0"}],
)  # fmt: skip
def test_names_words_and_the_order_of_runs_do_not_make_another_prediction(tmp_path, words):
    record.said_before(tmp_path, [LAW], BEFORE)
    assert record.said_before(tmp_path, [LAW | words], AFTER)
    assert len(records(tmp_path)) == 1


@pytest.mark.parametrize(
    "other",
    [{"loss": 2.5 * (1 + 2e-6)}, {"hi": 2.6 * (1 - 2e-6)}, {"runs": "a-s0"},
     {"run_ids": "large-s1"}, {"law": "kaplan_nd"}, {"drift": None}],
)  # fmt: skip
def test_another_number_law_or_run_is_a_later_prediction_beside_the_first(tmp_path, other):
    record.said_before(tmp_path, [LAW], BEFORE)
    assert not record.said_before(tmp_path, [LAW | other], AFTER)
    assert sorted(one["made_before"] for one in records(tmp_path)) == [False, True]
    assert record.said_before(tmp_path, [LAW], AFTER)


def test_a_number_that_another_processor_rounds_otherwise_is_the_same_prediction(tmp_path):
    record.said_before(tmp_path, [NOT_FITTED, LAW], BEFORE)
    rounded = LAW | {"loss": math.nextafter(2.5, 3), "lo": 2.4 * (1 - 1e-8)}
    assert record.said_before(tmp_path, [rounded, NOT_FITTED], AFTER)
    assert len(records(tmp_path)) == 1


def test_a_law_that_is_added_after_the_run_makes_another_prediction(tmp_path):
    record.said_before(tmp_path, [LAW], BEFORE)
    assert not record.said_before(tmp_path, [LAW, NOT_FITTED], AFTER)


def test_a_record_says_when_it_was_written_and_what_was_said(tmp_path):
    record.said_before(tmp_path, [LAW | {"hi": math.inf}, NOT_FITTED], BEFORE | {"code": "c0de"})
    (one,) = records(tmp_path)
    written = datetime.strptime(one["said_utc"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - written) < timedelta(days=1)
    assert (one["code"], one["date_from"]) == ("c0de", "the clock")
    assert one["said"][0]["loss"] == 2.5
    assert one["said"][0]["hi"] == "inf"
    assert one["said"][1]["verdict"] == "not fitted: too few runs"


INPUTS = {"run_ids": ["large-s0"], "settings": {"width": 8}, "fits": [{"law": "chinchilla"}],
          "fitted": {"a-s0": "1f", "b-s0": "2e"}}  # fmt: skip


def test_what_was_said_before_the_run_stands_when_only_the_code_has_changed(tmp_path):
    first = LAW | {"hi": math.inf}
    record.said_before(tmp_path, [first, NOT_FITTED], BEFORE | INPUTS | {"code": "old"})
    said = record.said_by_other_code(tmp_path, AFTER | INPUTS | {"code": "new"})
    expected = [{k: v for k, v in law.items() if k != "study"} for law in (first, NOT_FITTED)]
    assert said == expected


def test_a_fit_that_is_renamed_since_says_what_it_said_under_its_new_name(tmp_path):
    """The order of fits is no part of a prediction either."""
    of_law, of_other = {"law": "chinchilla", "x": "n_params"}, {"law": "kaplan_nd"}
    first = [of_law | {"name": "hoffmann"}, of_other | {"name": "kaplan"}]
    later = [of_other | {"name": "joint"}, of_law | {"name": "surface"}]
    record.said_before(tmp_path, [LAW, NOT_FITTED], BEFORE | INPUTS | {"fits": first})
    said = record.said_by_other_code(tmp_path, AFTER | INPUTS | {"fits": later})
    assert {law["law"]: law["fit"] for law in said} == {
        "chinchilla": "surface",
        "kaplan_nd": "joint",
    }
    assert said[0]["loss"] == LAW["loss"]
    changed = [later[0], of_law | {"name": "surface", "x": "n_params_non_embedding"}]
    assert record.said_by_other_code(tmp_path, AFTER | INPUTS | {"fits": changed}) is None


def test_two_fits_of_the_same_content_keep_their_own_names(tmp_path):
    of_law = {"law": "chinchilla"}
    first = [of_law | {"name": "hoffmann"}, of_law | {"name": "again"}]
    later = [of_law | {"name": "surface"}, of_law | {"name": "again"}]
    record.said_before(tmp_path, [LAW, LAW | {"fit": "again"}], BEFORE | INPUTS | {"fits": first})
    said = record.said_by_other_code(tmp_path, AFTER | INPUTS | {"fits": later})
    assert [law["fit"] for law in said] == ["surface", "again"]


@pytest.mark.parametrize(
    "other",
    [{"fits": [{"law": "skaling"}]}, {"fitted": {"a-s0": "1f", "b-s0": "3d"}},
     {"settings": {"width": 9}}, {"run_ids": ["large-s1"]}],
)  # fmt: skip
def test_what_was_said_from_other_inputs_or_after_the_run_does_not(tmp_path, other):
    record.said_before(tmp_path, [LAW], BEFORE | INPUTS)
    record.said_before(tmp_path, [LAW | {"loss": 2.7}], AFTER | INPUTS | other)
    assert record.said_by_other_code(tmp_path, AFTER | INPUTS | other) is None


def test_of_several_records_the_latest_from_before_the_run_counts(tmp_path):
    for day, loss in ((2, 2.6), (3, 2.7), (1, 2.5)):
        record.said_before(tmp_path, [LAW | {"loss": loss}], BEFORE | INPUTS)
        path = max(tmp_path.iterdir(), key=lambda one: one.stat().st_mtime_ns)
        write_json(path, json.loads(path.read_text()) | {"said_utc": f"2026-01-0{day}T00:00:00Z"})
    assert record.said_by_other_code(tmp_path, AFTER | INPUTS)[0]["loss"] == 2.7


def test_what_is_no_record_is_named(tmp_path):
    record.said_before(tmp_path, [LAW], BEFORE)
    (path,) = tmp_path.iterdir()
    write_json(path, [])
    with pytest.raises(UserError, match="is not the record of a prediction"):
        record.said_before(tmp_path, [LAW], BEFORE)


@pytest.mark.parametrize("said", [None, [], ["no row"], [{"loss": 2.5}], [LAW | {"typo": 1}]])
def test_a_record_without_what_was_said_is_named(tmp_path, said):
    write_json(tmp_path / "0.json", BEFORE | INPUTS | {"said": said})
    with pytest.raises(UserError, match="is not the record of a prediction"):
        record.said_by_other_code(tmp_path, AFTER | INPUTS)


def test_a_record_of_other_inputs_may_be_of_any_form(tmp_path):
    write_json(tmp_path / "0.json", [])
    write_json(tmp_path / "1.json", BEFORE | INPUTS | {"fits": 3})
    assert record.said_by_other_code(tmp_path, AFTER | INPUTS) is None


def table(results, study, **changes):
    """A table as a version without records left it, in February 2000."""
    path = results / "studies" / study / "prediction.parquet"
    rows = [row | {"made_before": True} | changes for row in (LAW, NOT_FITTED)]
    write_parquet(path, typed(rows, PREDICTION_COLUMNS))
    os.utime(path, (0, 951782400))
    return path


def test_the_table_of_a_version_without_records_becomes_one(tmp_path):
    table(tmp_path, "text")
    (path,) = record.record_tables(tmp_path)
    (one,) = records(tmp_path / "predictions")
    assert one["said_utc"] == "2000-02-29T00:00:00Z"
    assert one["date_from"] == "the time of studies/text/prediction.parquet"
    assert one["made_before"]
    assert record.record_tables(tmp_path) == []
    assert record.said_before(path.parent, [LAW, NOT_FITTED], AFTER)


def test_a_table_that_says_after_the_run_or_is_no_whole_prediction_becomes_no_record(tmp_path):
    """A version without records wrote the first of honest predictions too."""
    table(tmp_path, "late", made_before=False)
    table(tmp_path, "part").write_bytes(b"PAR1")
    write_parquet(table(tmp_path, "other"), typed([], PREDICTION_COLUMNS).assign(study=[]))
    assert record.record_tables(tmp_path) == []


def test_the_hash_of_a_row_is_of_what_stays_when_the_run_is_repeated():
    row = {"run_id": "a-s0", "loss": 2.0, "elapsed_s": 1.0, "max_rss_mb": 100.0}
    first = predict._hash_of(row)
    assert predict._hash_of(row | {"elapsed_s": 2.0, "max_rss_mb": 90.0}) == first
    assert predict._hash_of(row | {"loss": math.nextafter(2.0, 3)}) != first
