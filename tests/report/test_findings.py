"""Findings say what the results are, whatever they are, in numbers that the tables hold."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.report.findings_cases import (
    A_TRUE,
    INNER,
    ND,
    TEXTS,
    TRUTH,
    analysed,
    fitted,
    grid,
    rows,
    study,
    unfitted,
)

from isoloss.laws import published as laws
from isoloss.report.findings import find
from isoloss.report.findings.best_size import best_size
from isoloss.report.findings.floor import floor
from isoloss.report.findings.joint import joint_laws, tied
from isoloss.report.findings.prediction import prediction
from isoloss.report.findings.which_law import which_law
from isoloss.report.findings.words import percent

RUNS = grid()
OPEN = "not identified: anything fits as well"
KAPLAN = {"Nc": 1e13, "Dc": 1e13, "alpha_N": 0.08, "alpha_D": 0.1}


def only(findings):
    (found,) = findings
    return found


@pytest.fixture(scope="module")
def planted():
    """Losses of Chinchilla's sum, fitted with it and with a law that they do not follow."""
    return study(RUNS, [fitted(RUNS, "chinchilla", "kaplan_nd")],
                 {"chinchilla": ND, "kaplan_nd": ND})  # fmt: skip


def test_the_law_that_was_planted_is_the_one_that_fits(planted):
    found = only(which_law(planted))
    assert found.sentence.startswith("Chinchilla's sum misses these runs by 0.2")
    assert "; Kaplan's joint law misses them by" in found.sentence
    assert "a tie" not in found.sentence
    assert found.status == "known"
    assert found.detail.startswith("Lack of fit: Kaplan's joint law leaves a pattern")
    assert found.numbers["miss_chinchilla"] == pytest.approx(0.003, rel=0.3)


def test_the_best_size_grows_as_the_planted_law_says(planted):
    found = only(best_size(planted))
    assert found.numbers["a_lo"] < A_TRUE < found.numbers["a_hi"]
    assert found.sentence == (
        "Ten times the compute is best spent on a model "
        f"{10 ** found.numbers['a']:.1f} times as large."
    )
    assert "Kaplan" not in found.small + found.detail  # these runs reject its form


def test_the_floor_is_that_of_the_law_that_holds(planted):
    found = only(floor(planted))
    assert found.sentence.startswith("No size and no amount of data brings the loss below 1.8")
    assert found.numbers["E"] == pytest.approx(TRUTH["E"], rel=0.05)
    assert found.status == "known"


def nothing_determined(**values):
    """Fits of both laws that leave everything open."""
    wide = {name: (value, 0.1, 2.5, None, OPEN) for name, value in (TRUTH | {"a": 0.45}).items()}
    return study(RUNS, [rows("surface", "chinchilla", wide | values, RUNS, OPEN)],
                 {"surface": ND})  # fmt: skip


def test_what_the_runs_do_not_determine_is_said_as_a_range():
    results = nothing_determined(a=(0.45, 0.26, 0.98, None, OPEN))
    size, low = only(best_size(results)), only(floor(results))
    assert size.sentence == (
        "These runs do not tell how the best size grows with compute: by Chinchilla's sum, any "
        "exponent a from 0.26 to 0.98 fits."
    )
    assert size.status == low.status == "not known"
    assert "0.45" not in size.headline + size.sentence + size.small
    assert "isoloss next" in size.detail
    assert low.sentence == (
        "These runs do not tell the floor: anything from 0.1 to 2.5 nats per byte fits them."
    )
    assert "1.8" not in low.headline + low.sentence


def test_a_floor_that_may_be_zero_is_said_from_zero():
    low = only(floor(nothing_determined(E=(0.4, 0.0, 1.43, None, OPEN))))
    assert low.headline == "E: 0 to 1.4"


def test_a_number_of_a_law_that_the_runs_reject_is_said_with_its_condition():
    verdict = "identified only if the law holds: it misses the runs by 2.2 times their noise"
    all_n, inner = (
        rows(fit, "chinchilla", TRUTH | {"a": (a, a - 0.1, a + 0.1, None, verdict)}, RUNS, verdict)
        for fit, a in (("all", 0.54), ("inner", 0.64))
    )
    found = only(best_size(study(RUNS, [inner, all_n], {"all": ND, "inner": INNER})))
    assert found.headline == "a = 0.54, or 0.64"
    assert found.sentence == (
        "If Chinchilla's sum holds, ten times the compute is best spent on a model 3.5 times as "
        "large, or 4.4 times if embeddings are not counted."
    )
    assert found.small == ("90 % intervals 0.44 to 0.64 and 0.54 to 0.74, by Chinchilla's sum.")
    assert found.status == "if the law holds"


def test_counting_is_told_by_one_law_alone():
    """Another law that misses the runs by less without embeddings does not speak beside it."""
    near = TRUTH | {"a": (0.54, 0.44, 0.64)}
    fits = [rows("all", "chinchilla", near, RUNS),
            rows("inner", "skaling", TRUTH | {"k": 1.0, "a": (0.7, 0.65, 0.75)}, RUNS)]  # fmt: skip
    found = only(best_size(study(RUNS, fits, {"all": ND, "inner": INNER})))
    assert found.headline == "a = 0.54"


@pytest.mark.parametrize(
    ("lo", "hi", "said"),
    [(0.04, 0.17, "Counting alone, with one law and the same runs, moves a by 0.11 (0.04 to"),
     (-0.06, 0.17, "Counting alone may change nothing: it moves a by −0.06 to 0.17.")],
)  # fmt: skip
def test_what_counting_does_is_what_its_interval_says(lo, hi, said):
    table = analysed({"analysis": "recount", "do": "recount", "quantity": "a: difference",
                      "group": "count=kaplan - count=embeddings, predicted",
                      "value": 0.11, "lo": lo, "hi": hi})  # fmt: skip
    fits = [rows("all", "chinchilla", TRUTH | {"a": (0.5, 0.45, 0.55)}, RUNS)]
    found = only(best_size(study(RUNS, fits, {"all": ND}, analyses=table)))
    assert said in found.detail


def test_a_grid_that_diverged_has_no_law_and_says_how_many_runs_are_lost():
    runs = RUNS.assign(status="diverged", loss=np.nan)
    runs.loc[:3, ["status", "loss"]] = ["done", 2.0]
    fits = [unfitted("surface", "chinchilla", runs[:4], "5 parameters need more than 5 runs")]
    results = study(runs, fits, {"surface": ND}, planned=list(runs["run_id"]))
    found = only(which_law(results))
    assert found.sentence == (
        "44 of 48 runs diverged, and too few runs are left to fit Chinchilla's sum."
    )
    assert found.detail == "5 parameters need more than 5 runs."
    assert best_size(results) == floor(results) == []


def test_laws_that_noise_alone_could_rank_are_a_tie():
    noisy = grid(noise=0.05)
    near = TRUTH | {"A": 404.0}
    fits = [rows("surface", "chinchilla", TRUTH, noisy),
            rows("coupled", "skaling", near | {"k": 1.0}, noisy)]  # fmt: skip
    best, other = joint_laws(study(noisy, fits, {"surface": ND, "coupled": ND}))
    assert tied(best, other)
    found = only(which_law(study(noisy, fits, {"surface": ND, "coupled": ND})))
    assert found.sentence.endswith(", a tie.")
    exact = [rows("surface", "chinchilla", TRUTH, RUNS),
             rows("coupled", "skaling", near | {"k": 1.1}, RUNS)]  # fmt: skip
    assert not tied(*joint_laws(study(RUNS, exact, {"surface": ND, "coupled": ND})))


def test_a_law_with_more_parameters_does_not_come_first_by_having_them():
    fits = [rows("coupled", "skaling", TRUTH | {"k": 1.0}, RUNS),
            rows("surface", "chinchilla", TRUTH, RUNS)]  # fmt: skip
    found = only(which_law(study(RUNS, fits, {"surface": ND, "coupled": ND})))
    assert found.sentence == (
        "Chinchilla's sum misses these runs by 0.26 % and the law Skaling by 0.26 %, a tie."
    )


def test_the_misfit_with_the_other_count_of_n_is_told_beside_it():
    fits = [rows("joint", "chinchilla", TRUTH, RUNS), rows("inner", "chinchilla", TRUTH, RUNS)]
    by_count = {"joint": ND, "inner": INNER}
    first, second = joint_laws(study(RUNS, fits, by_count))
    found = only(which_law(study(RUNS, fits, by_count)))
    assert found.headline == percent(first.miss) != percent(second.miss)
    assert second.counted == "embeddings not counted"
    assert f"With embeddings not counted: Chinchilla's sum {percent(second.miss)}." in found.detail


def test_the_misfit_is_that_of_the_law_and_the_runs_of_the_table():
    fits = [rows("joint", "kaplan_nd", KAPLAN, RUNS)]
    found = only(which_law(study(RUNS, fits, {"joint": ND})))
    n, d = RUNS["n_params"], RUNS["n_tokens"]
    law = ((1e13 / n) ** 0.8 + 1e13 / d) ** 0.1
    off = np.log(RUNS["loss"] / law)
    assert found.numbers["miss_kaplan_nd"] == pytest.approx(np.sqrt(np.mean(off**2)))


def test_the_scatter_of_seeds_stands_beside_the_misfit():
    table = analysed({
        "analysis": "noise", "do": "seed_noise", "quantity": "relative sd of the loss",
        "value": 0.00778, "lo": 0.0056, "hi": 0.0133,
    })  # fmt: skip
    fits = [rows("joint", "kaplan_nd", KAPLAN, RUNS)]
    found = only(which_law(study(RUNS, fits, {"joint": ND}, analyses=table)))
    assert found.small == (
        "Runs that differ in their seed alone scatter by 0.78 % (0.56 to 1.33 %). "
        "All parameters counted."
    )


def predicted(loss, *, late=False, records=(), law="best", measured="done"):
    """A study that predicted its largest run."""
    said = {"fit": "average", "law": law, "run_ids": "run-47", "made_before": not late,
            "loss": 1.483, "lo": 1.41, "hi": 1.79, "level": 0.9, "n_runs": 24,
            "compute_flops": 6e19, "fitted_compute_flops": 5.56e18, "verdict": OPEN}  # fmt: skip
    table = analysed({"analysis": "prediction", "do": "prediction", "group": "average",
                      "quantity": "predicted loss", "value": said["loss"], "theory": loss,
                      "verdict": OPEN})  # fmt: skip
    runs = RUNS.assign(status=np.where(RUNS["run_id"] == "run-47", measured, "done"))
    return study(runs, analyses=table, prediction=pd.DataFrame([said]), records=records)


def test_a_prediction_that_held_is_said_to_have_held():
    found = only(prediction(predicted(1.4541)))
    assert found.sentence == (
        "Before it was trained, a run of 11 times the compute was predicted to reach 1.48 by an "
        "average of laws; it came to 1.45, inside the interval."
    )
    assert (found.headline, found.status) == ("1.48 said, 1.45 measured", "held")
    assert found.small == "90 % interval 1.41 to 1.79, nats per byte."
    assert found.numbers["measured"] == 1.4541


@pytest.mark.parametrize(("loss", "where"), [(1.9, "above"), (1.3, "below")])
def test_a_prediction_that_failed_is_said_to_have_failed(loss, where):
    found = only(prediction(predicted(loss)))
    assert found.sentence.endswith(f", {where} the interval: the prediction failed.")
    assert found.status == "missed"


def test_a_prediction_made_after_the_run_is_never_said_to_come_before_it():
    found = only(prediction(predicted(1.4541, late=True)))
    assert "Before" not in found.sentence and "before" not in found.label
    assert found.sentence.endswith("but this was computed after the run.")
    assert found.status == "after the run"
    assert found.detail.startswith("No record of it was made before the run.")


def test_what_was_recorded_before_the_run_is_said_beside_a_later_prediction():
    record = {"made_before": True, "run_ids": ["run-47"], "said_utc": "2026-01-01T00:00:00Z",
              "said": [{"law": "kaplan_nd", "loss": 1.7, "lo": 1.6, "hi": 1.8,
                        "verdict": "identified"}]}  # fmt: skip
    other = record | {"run_ids": ["run-46"]}
    found = only(prediction(predicted(1.4541, late=True, records=[record, other])))
    assert found.detail.startswith(
        "Recorded before the run: 1.70 (1.60 to 1.80) by Kaplan's joint law; it does not hold "
        "the measured loss."
    )


def test_a_predicted_run_without_a_loss_is_said_to_have_none():
    found = only(prediction(predicted(None, measured="diverged")))
    assert found.sentence == (
        "An average of laws predicts a loss of 1.48 for a run of 11 times the compute; that run "
        "has no loss: it diverged."
    )
    assert found.status == "missing"


def test_a_run_that_no_law_could_predict_is_said():
    said = predicted(1.45)
    none = {"loss": np.nan, "verdict": "not fitted: 4 runs, 5 parameters"}
    found = only(prediction(dataclasses.replace(said, prediction=said.prediction.assign(**none))))
    assert found.headline == "no prediction"
    assert found.detail == "4 runs, 5 parameters."


def test_a_prediction_without_an_interval_is_not_judged():
    said = predicted(1.4541)
    bare = said.prediction.assign(lo=np.nan, hi=np.nan)
    found = only(prediction(dataclasses.replace(said, prediction=bare)))
    assert found.sentence.endswith("came to 1.45, and there is no interval to judge it by.")
    assert found.status == "not known"
    assert set(found.data()["numbers"]) == {"predicted", "times_the_compute", "measured"}


def test_a_study_without_predictions_has_none():
    assert prediction(study(RUNS)) == []


def test_the_law_that_speaks_is_not_chosen_by_the_outcome():
    """The average of laws, though another prediction comes nearer."""
    near = {"fit": "near", "law": "chinchilla", "loss": 1.4541, "lo": 1.45, "hi": 1.46,
            "verdict": "identified"}  # fmt: skip
    results = predicted(1.4541)
    both = pd.concat([results.prediction.assign(**near), results.prediction], ignore_index=True)
    found = only(prediction(dataclasses.replace(results, prediction=both)))
    assert found.headline == "1.48 said, 1.45 measured"


def test_the_first_measured_study_leads_and_every_other_has_a_line(planted):
    made_up = dataclasses.replace(planted, name="made_up", texts=planted.texts | {
        "source": "planted", "draws": {"grid": "loss_grid"}}, drawn=("grid",))  # fmt: skip
    measured = dataclasses.replace(planted, name="measured")
    paper = study(name="paper", texts={"source": "published"})
    empty = study(name="empty", planned=["run-1"])
    found = find([made_up, measured, paper, empty])
    assert {one.study for one in found.main} == {"measured"}
    assert [one.study for one in found.others] == ["made_up", "paper", "empty"]
    assert found.others[2].sentence == (
        "0 runs of the study empty have a loss, and no law was fitted to them."
    )
    assert found.others[2].detail == "1 run: it has not been trained."
    assert found.hero == ("made_up", "grid")


def test_a_report_without_a_grid_shows_the_lines_first():
    found = find([study(name=f"s{i}") for i in range(4)])
    assert [one.study for one in found.main] == ["s0", "s1", "s2"]
    assert [one.study for one in found.others] == ["s3"]


def test_published_rules_are_compared_at_one_budget():
    found = only(find([study(texts={"source": "published"})]).main)
    kaplan = laws.kaplan_allocation(1e24)[0]
    assert found.numbers["kaplan"] == kaplan
    assert f"{kaplan / laws.chinchilla_allocation(1e24)[0]:.1f} times" in found.sentence


def test_no_sentence_is_longer_than_thirty_words(planted):
    every = [*find([planted, study(texts={"source": "published"})]).main,
             *prediction(predicted(1.45)), *prediction(predicted(1.9, late=True)),
             *prediction(predicted(None)), *best_size(nothing_determined()),
             *floor(nothing_determined())]  # fmt: skip
    assert len(every) == 7
    for one in every:
        assert len(one.sentence.split()) <= 30, one.sentence


def test_the_data_of_a_finding_are_what_json_can_hold(planted):
    data = find([planted]).data(n_failed=2)
    assert data["failed_jobs"] == 2
    first = data["main"][0]
    assert first["runs"] and set(first["runs"]) <= set(RUNS["run_id"])
    assert all(np.isfinite(list(one["numbers"].values())).all() for one in data["main"])
    assert TEXTS["title"] not in first["sentence"]
