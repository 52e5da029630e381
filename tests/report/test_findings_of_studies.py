"""The one line of each study that fits no law of N and D: what it is depends on its tables."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.report.findings_cases import rows, study

from isoloss.report.findings.copying import copying
from isoloss.report.findings.exact_theory import exact_theory
from isoloss.report.findings.frontier import frontier
from isoloss.report.findings.planted import planted
from isoloss.report.findings.power_laws import power_laws
from isoloss.report.findings.words import brief, count, listed, percent, times

SIZES = 2.0 ** np.arange(4, 12)
RUNS = pd.DataFrame({
    "sweep": "width", "run_id": [f"run-{i}" for i in range(8)], "status": "done",
    "n_params": SIZES, "n_params_non_embedding": SIZES.astype(int), "loss": SIZES**-1.0,
    "compute_flops": 1e6 * SIZES, "n_samples": 64,
})  # fmt: skip
IN_N, IN_D = {"x": "n_params", "loss": "loss"}, {"x": "n_samples", "loss": "loss"}


def only(findings):
    (found,) = findings
    return found


def law(name, values, verdict="identified", law_name="power_law", **columns):
    return rows(name, law_name, values, RUNS, verdict, **columns)


@pytest.mark.parametrize(
    ("theory", "said"),
    [(1.0, "as theory says (1)"), (4.0, "where theory says (4)")],
)
def test_an_exponent_stands_beside_that_of_theory(theory, said):
    fits = [law("width", {"A": 1.0, "alpha": (0.967, 0.893, 1.0355, theory)})]
    found = only(power_laws(study(RUNS, fits, {"width": IN_N})))
    assert found.sentence == f"The loss falls as N^-0.97 (0.89 to 1.04), {said}."


def test_a_floor_comes_first_where_theory_has_one():
    fits = [law("excess", {"A": 1.0, "alpha": (0.967, 0.893, 1.0355, 1.0)}),
            law("loss", {"A": 1.0, "alpha": 1.0, "E": (0.01, 0.009959, 0.01003, 0.01)},
                law_name="power_law_floor")]  # fmt: skip
    variables = {"excess": IN_D | {"loss": "excess_loss"}, "loss": IN_D}
    found = only(power_laws(study(RUNS, fits, variables)))
    assert found.sentence == (
        "The floor is 0.01000 (0.00996 to 0.01003), as theory says (0.01); the error above the "
        "noise falls as D^-0.97 (0.89 to 1.04), as theory says (1)."
    )


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [(2.46, -0.777, "it stops falling, its local exponent goes from 2.5 to −0.78"),
     (0.07, 2.5, "it falls ever faster, its local exponent goes from 0.07 to 2.5"),
     (2.0, 1.0, "it falls ever more slowly, its local exponent goes from 2 to 1")],
)  # fmt: skip
def test_what_is_no_power_law_says_how_it_bends(first, last, why):
    bend = json.dumps({"lack_of_fit": {"exponent_first": first, "exponent_last": last}})
    table = law("width", {"A": 1.0, "alpha": (0.6, 0.0, 3.9, 4.0)}, "not a power law: it bends")
    table["diagnostics"] = bend
    found = only(power_laws(study(RUNS, [table], {"width": IN_N})))
    assert found.sentence == f"The loss is no power law of N: {why}."
    assert found.status == "lack of fit"
    assert "0.6" not in found.sentence + found.headline


def test_an_exponent_that_is_open_is_said_as_a_range():
    why = "not identified: anything fits as well"
    fits = [law("data", {"A": 1.0, "alpha": (0.146, 0.0, 0.323, None, why)}, why)]
    found = only(power_laws(study(RUNS, fits, {"data": IN_D})))
    assert found.sentence == "Any exponent of D from 0 to 0.32 fits."
    assert found.status == "not known"


def test_one_law_for_each_value_is_counted_against_theory():
    why = "not identified: anything fits as well"
    given = {
        "1": (0.35, 0.0, 1.7, 4.0, why),
        "3": (0.87, 0.71, 1.03, 1.33),
        "4": (1.0, 0.79, 1.21, 1.0, "identified only if the law holds: it may bend"),
    }
    fits = [law("size", {"A": 1.0, "alpha": alpha}, group=f"n_inputs={d}")
            for d, alpha in given.items()]  # fmt: skip
    found = only(power_laws(study(RUNS, fits, {"size": IN_N})))
    assert found.sentence == (
        "The runs determine the exponent for 2 of 3 numbers of inputs (0.87 and 1.00), 1 of "
        "them only if the law holds; 1 of the intervals holds the value of theory."
    )


def test_several_exponents_are_counted():
    given = {"a": (1.02, 1.0), "b": (0.99, 1.0), "c": (2.98, 4.0)}
    fits = [
        law(name, {"A": 1.0, "alpha": (x, x - 0.05, x + 0.05, theory)})
        for name, (x, theory) in given.items()
    ]
    found = only(power_laws(study(RUNS, fits, dict.fromkeys("abc", IN_N))))
    assert found.sentence.startswith(
        "2 of 3 measured exponents have the value of theory in their interval: 1.02 (theory 1)"
    )


def test_intervals_that_hold_the_planted_truth_are_counted():
    right, wrong = (1.0, 0.9, 1.1, 1.05), (1.0, 0.9, 1.1, 2.0)
    fits = [law(f"f{i}", {"A": right, "alpha": wrong if i == 0 else right}) for i in range(5)]
    variables = {f"f{i}": IN_N for i in range(5)}
    found = only(planted(study(RUNS, fits, variables, texts={"source": "planted"})))
    assert found.sentence == (
        "Losses were drawn from a known law: 9 of 10 intervals hold the planted value, and about 9 "
        "should."
    )
    assert (found.status, found.detail) == ("synthetic", "Missed: alpha of f0.")


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([0, 0, 0, 0, 0.9, 1, 1, 1],
         "Exact answers jump from 0 % at 128 parameters to 90 % at 256; 2,048 parameters give "
         "100 %."),
        ([0] * 8, "No size solves the task: no answer is exact from 16 to 2,048 parameters."),
        ([0.1] * 8, "No size solves the task: at most 10 % of the answers are exact from 16 to "
         "2,048 parameters."),
        ([0.9] * 8, "Already 16 parameters give 90 % exact answers; 2,048 give 90 %."),
    ],
)  # fmt: skip
def test_a_jump_is_where_the_answers_become_exact(shares, said):
    assert only(copying(study(RUNS.assign(exact_match=shares)))).sentence == said


def test_measured_errors_are_counted_against_their_exact_theory():
    runs = RUNS.assign(n_samples=np.repeat([64, 128], 4), theory_loss=2.0, variance_loss_se=0.02,
                       variance_loss=[2.0] * 4 + [2.2] * 4)  # fmt: skip
    assert only(exact_theory(study(runs))).sentence == (
        "The added error is 1.00 to 1.10 times its exact theory: 1 of 2 intervals hold the theory, "
        "and about 2 should."
    )


def test_the_frontier_is_told_of_the_leading_study():
    other = RUNS.assign(sweep="other", loss=9.0)
    both = pd.concat([RUNS, other], ignore_index=True)
    found = only(frontier(study(both), {"width": "A sine"}, {"width": "nats"}, "width"))
    assert found.sentence == (
        "With 130 times the compute, the lowest loss of the study “A sine” falls from 0.0625 to "
        "0.000488 nats."
    )
    assert found.numbers["times"] == 128


def test_runs_that_diverged_are_no_finding():
    assert copying(study(RUNS.assign(exact_match=1.0, status="diverged"))) == []
    assert frontier(study(RUNS.assign(status="diverged")), {}, {}, "") == []


def test_numbers_have_the_digits_that_a_sentence_needs():
    assert brief(0.01, 0.009959, 0.01003) == ("0.01000", "0.00996 to 0.01003")
    assert brief(0.45, 0.26, 0.98) == ("0.45", "0.26 to 0.98")
    assert brief(2.763, 0.046, 3.07, least=3) == ("2.76", "0.05 to 3.07")
    assert brief(-0.5, -0.9, 0.0) == ("−0.50", "−0.90 to 0")
    assert percent(0.00917) == "0.92 %" and percent(0.5) == "50 %"
    assert times(3.47) == "3.5" and times(10.79) == "11"
    assert count(1, "run") == "1 run" and listed(["a", "b", "c"]) == "a, b and c"
