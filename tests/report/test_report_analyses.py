"""What the report says of analyses, of comparisons, and of the runs behind a number."""

import pandas as pd
import pytest

from isoloss.report.analyses import analyses, compared
from isoloss.report.run_sets import RunSets
from isoloss.report.study import Paths, runs
from isoloss.tables.schema import ANALYSIS_COLUMNS, FIT_COLUMNS, typed

MEASURED = {
    "study": "text", "analysis": "recount", "do": "recount", "group": "count=exact",
    "kind": "parameter", "quantity": "a", "value": 0.512, "lo": 0.48, "hi": 0.55, "level": 0.9,
    "method": "residual", "n_runs": 2, "verdict": "identified", "runs": "one two",
    "theory": 0.5, "theory_source": "Hoffmann et al. 2022",
}  # fmt: skip
UNSURE = MEASURED | {"group": "count=kaplan", "verdict": "not identified: flat", "runs": "one"}
POINT = MEASURED | {"kind": "point", "quantity": "n_opt", "x_quantity": "compute_flops", "x": 1e9}
FAILED = {"analysis": "noise", "do": "seed_noise", "verdict": "not made: no two seeds"}
ROW = {
    "quantity": "a", "kaplan": "0.73", "chinchilla": "0.50", "elsewhere": "", "scale": "roughly",
    "of": "recount", "group": "count=exact", "parameter": "a",
}  # fmt: skip


@pytest.fixture
def sets(tmp_path):
    for run in ("one", "two"):
        (tmp_path / "results" / "runs" / run).mkdir(parents=True)
    (tmp_path / "results" / "runs" / "one" / "about.json").write_text("{}")
    paths = Paths(report=tmp_path / "results" / "report.html", results=tmp_path / "results",
                  figures=tmp_path / "figures")  # fmt: skip
    return RunSets(paths, study="text")


def table(*rows):
    return typed(list(rows), ANALYSIS_COLUMNS)


def test_a_number_has_its_interval_and_the_list_of_its_runs_and_points_are_left_to_figures(sets):
    (shown,) = analyses(table(MEASURED, POINT), sets)
    (number,) = shown.numbers
    assert (number.quantity, number.value, number.agrees) == ("a", "0.512", True)
    assert number.interval == "0.480 to 0.550"
    assert number.n_runs == "2"
    (behind,) = sets.shown()
    assert behind.anchor == number.runs
    assert behind.runs == [("one", "runs/one/about.json"), ("two", "")]
    assert (behind.behind, behind.back) == ("a", shown.anchor)
    assert shown.methods == ["90 % intervals: residual"]


def test_a_number_that_the_data_do_not_determine_is_not_shown_as_one(sets):
    (shown,) = analyses(table(UNSURE), sets)
    assert (shown.numbers[0].value, shown.numbers[0].agrees) == ("–", None)
    assert shown.numbers[0].verdict == "not identified: flat"


def test_a_number_that_holds_only_if_its_law_does_is_shown_with_that_word(sets):
    doubted = MEASURED | {"verdict": "identified only if the law holds: it misses the runs by 1.0%"}
    (shown,) = analyses(table(doubted), sets)
    assert (shown.numbers[0].value, shown.numbers[0].agrees) == ("0.512", None)
    assert shown.numbers[0].verdict == doubted["verdict"]
    (row,) = compared([ROW], None, table(doubted | {"group": "count=exact"}), sets)
    assert (row.value, row.verdict) == ("0.512", doubted["verdict"])


def test_an_analysis_that_could_not_be_made_says_why(sets):
    (shown,) = analyses(table(FAILED), sets)
    assert shown.numbers[0].verdict == "not made: no two seeds"
    assert shown.numbers[0].value == "–"


def test_numbers_of_the_same_runs_share_one_list(sets):
    analyses(table(MEASURED, UNSURE, MEASURED | {"quantity": "b"}), sets)
    assert [(len(one.runs), one.behind) for one in sets.shown()] == [(2, "a, b"), (1, "a")]


def test_a_comparison_takes_its_number_from_the_named_fit_or_analysis_and_its_group(sets):
    fit = {"fit": "surface", "group": "", "parameter": "alpha", "value": 0.3, "lo": 0.2, "hi": 0.4,
           "verdict": "identified", "fit_verdict": "identified", "runs": "one"}  # fmt: skip
    rows = [ROW, ROW | {"group": "count=kaplan"}, ROW | {"of": "noise", "group": ""},
            ROW | {"of": "surface", "group": "", "parameter": "alpha"}]  # fmt: skip
    made = table(MEASURED, UNSURE, FAILED)
    shown = compared(rows, typed([fit], FIT_COLUMNS), made, sets)
    assert [row.value for row in shown] == ["0.512", "–", "–", "0.30"]
    assert [row.verdict for row in shown] == [
        "",
        "not identified: flat",
        "not made: no two seeds",
        "",
    ]


def test_a_comparison_says_over_which_runs_its_number_was_measured(sets):
    runs = pd.DataFrame({
        "run_id": ["one", "two", "three"], "n_params_non_embedding": [1536, 203136, 9e9],
        "n_tokens": [256000, 256000, 9e9],
    })  # fmt: skip
    measured = MEASURED | {"runs": "one two", "warnings": "the fit covers 0.9 decades of compute"}
    (row,) = compared([ROW | {"scale": "no absolute value"}], None, table(measured), sets, runs)
    assert row.over == [
        "2 runs, N (no embeddings) 1536 to 203k, D 256k",
        "The fit covers 0.9 decades of compute.",
        "no absolute value",
    ]


def test_what_was_not_measured_is_said_not_to_be(sets):
    (shown,) = compared([ROW], None, None, sets)
    assert (shown.value, shown.verdict) == ("", "not measured")


def test_a_trunk_counts_once_in_the_cost_of_a_study():
    trained = pd.DataFrame({"run_id": ["a", "b"], "status": ["done", "done"],
                            "train_cpu_s": [1.0, 2.0]})  # fmt: skip
    assert runs(trained, ["a", "b"], {}, {"trunk": 10.0}).core_seconds == 13.0


def test_neighbours_that_show_the_same_verdict_show_it_once(sets):
    wide = "not identified: may be anything from {} to 0.9"
    rows = [MEASURED | {"quantity": quantity, "verdict": wide.format(low)}
            for quantity, low in (("a", 0.1), ("b", 0.2))]  # fmt: skip
    (shown,) = analyses(table(*rows, MEASURED | {"quantity": "alpha_C"}), sets)
    assert [row.span for row in shown.numbers] == [2, 0, 1]


def test_a_measured_number_without_an_interval_stands_beside_its_verdict(sets):
    bare = UNSURE | {"quantity": "sd of ln loss", "value": 0.0389, "lo": None, "hi": None}
    (shown,) = analyses(table(bare), sets)
    assert (shown.numbers[0].value, shown.numbers[0].interval) == ("0.0389", "")
    assert shown.numbers[0].verdict == "not identified: flat"


def test_an_analysis_without_a_number_has_no_table_and_one_that_repeats_another_says_so(sets):
    again = MEASURED | {"analysis": "again"}
    shown = analyses(table(MEASURED, POINT | {"analysis": "curves"}, again), sets)
    assert [(one.name, one.same_as) for one in shown] == [("recount", ""), ("again", "recount")]
