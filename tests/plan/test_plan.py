"""Who a run is, and what a plan refuses."""

import copy
import random

import pytest

from isoloss.config.load import parse_study
from isoloss.config.study import Budget
from isoloss.errors import UserError
from isoloss.plan.plan import KnownCorpus, make_plan

BUDGET = Budget(flops=1e15, runs=1000)
FUNCTION = {
    "title": "t",
    "question": "q",
    "theory": "th",
    "settings": {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 8},
        "data": {"n_samples": 256},
        "training": {"steps": 10, "peak_lr": 0.01, "schedule": "cosine"},
    },
    "sweeps": {"width": {"grid": {"model.width": [2, 4]}, "seeds": 2}},
}
LANGUAGE = {
    "title": "t",
    "question": "q",
    "theory": "th",
    "settings": {
        "task": {"kind": "language", "corpus": "books", "context": 8},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 2},
        "data": {"n_tokens": 1000, "n_heldout_tokens": 100},
        "training": {"peak_lr": 0.01, "schedule": "cosine", "batch_size": 4},
    },
    "sweeps": {"data": {"grid": {"data.n_tokens": [1000, 2000]}}},
}
BOOKS = {"books": KnownCorpus("books-0123456789", 5000, 200)}


def plan_of(*studies, corpora=BOOKS, budget=BUDGET):
    parsed = {f"s{i}": parse_study(study, "x.yaml") for i, study in enumerate(studies)}
    return make_plan(parsed, dict.fromkeys(parsed, corpora), budget)


def changed(study, path, value):
    study = copy.deepcopy(study)
    *parents, last = path.split("/")
    section = study
    for parent in parents:
        section = section[parent]
    section[last] = value
    return study


def shuffled(value, rng):
    if not isinstance(value, dict):
        return value
    keys = list(value)
    rng.shuffle(keys)
    return {key: shuffled(value[key], rng) for key in keys}


def test_a_sweep_of_several_grids_has_the_runs_of_each_once():
    both = [{"model.width": [2, 4], "data.n_samples": [64]}, {"model.width": [4, 8]}]
    apart = [[{"model.width": [2], "data.n_samples": [64]}], [{"model.width": [8]}]]
    plan = plan_of(changed(FUNCTION, "sweeps/width/grid", both))
    widths = [run.settings["model"]["width"] for run in plan.runs.values()]
    assert sorted(widths) == [2, 2, 4, 4, 4, 4, 8, 8]
    twice = plan_of(changed(FUNCTION, "sweeps/width/grid", [both[0], both[0]]))
    assert len(twice.members["s0"]) == len(twice.runs) == 4
    for grid in apart:
        assert set(plan_of(changed(FUNCTION, "sweeps/width/grid", grid)).runs) < set(plan.runs)


def test_a_mistake_in_the_second_grid_is_named_with_its_key():
    grids = [{"model.width": [2]}, {"model.width": [0]}]
    with pytest.raises(UserError) as error:
        plan_of(changed(FUNCTION, "sweeps/width/grid", grids))
    assert "sweeps.width.grid.model.width: input should be greater than 0" in str(error.value)


def test_a_run_is_the_same_in_whatever_order_its_settings_are_written():
    reordered = shuffled(FUNCTION, random.Random(1))
    assert list(plan_of(FUNCTION).runs) == list(plan_of(reordered).runs)


def test_a_setting_written_out_at_its_default_changes_nothing():
    written = changed(FUNCTION, "settings/training/beta1", 0.9)
    assert set(plan_of(written).runs) == set(plan_of(FUNCTION).runs)


def test_a_run_is_the_same_whatever_runs_are_beside_it():
    more = changed(FUNCTION, "sweeps/width/grid/model.width", [1, 2, 3, 4])
    assert set(plan_of(FUNCTION).runs) < set(plan_of(more).runs)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("settings/task/noise_sd", 0.1),
        ("settings/model/n_hidden", 3),
        ("settings/data/n_samples", 512),
        ("settings/training/peak_lr", 0.02),
        ("settings/training/schedule", "linear"),
        ("settings/training/n_evals", 3),
        ("sweeps/width/seeds", [7, 8]),
    ],
)
def test_what_can_change_the_result_makes_another_run(path, value):
    assert not set(plan_of(changed(FUNCTION, path, value)).runs) & set(plan_of(FUNCTION).runs)


@pytest.mark.parametrize("path", ["title", "question", "theory"])
def test_what_cannot_change_the_result_makes_the_same_run(path):
    assert list(plan_of(changed(FUNCTION, path, "other")).runs) == list(plan_of(FUNCTION).runs)


def test_a_run_that_two_studies_want_is_planned_once_and_belongs_to_both():
    plan = plan_of(FUNCTION, changed(FUNCTION, "sweeps/width/grid/model.width", [4, 8]))
    assert len(plan.runs) == 6
    assert set(plan.run_ids("s0")) & set(plan.run_ids("s1"))


def test_other_text_makes_another_run_and_another_name_for_the_same_text_does_not():
    other_text = plan_of(LANGUAGE, corpora={"books": KnownCorpus("books-9999999999", 5000, 200)})
    renamed = plan_of(
        changed(LANGUAGE, "settings/task/corpus", "texts"), corpora={"texts": BOOKS["books"]}
    )
    assert not set(other_text.runs) & set(plan_of(LANGUAGE).runs)
    assert list(renamed.runs) == list(plan_of(LANGUAGE).runs)


def test_a_run_of_a_release_keeps_its_name():
    """Results that users have are found by it; a change of it must be meant."""
    assert next(iter(plan_of(FUNCTION).runs)) == "sine-w2-n256-s0-97f0b3c818"
    assert next(iter(plan_of(LANGUAGE).runs)) == "language-L1-d8-D1000-s0-d60697b82d"


@pytest.mark.parametrize(
    ("study", "path", "value", "problem"),
    [
        (
            FUNCTION, "settings/task/kind", "functoin",
            "settings.task.kind: got 'functoin', allowed are function, polynomial, copy, language; "
            "did you mean 'function'?",
        ),
        (FUNCTION, "settings/model/widht", 3,
         "settings.model.widht: unknown key; did you mean 'width'?"),
        (FUNCTION, "sweeps/width/grid/model.width", [0, 4],
         "sweeps.width.grid.model.width: input should be greater than 0, got 0"),
        (FUNCTION, "settings/training/batch_size", 257,
         "settings.training.batch_size 257 is larger than data.n_samples 256"),
        (LANGUAGE, "settings/model/n_head", 3,
         "settings.model: n_head 3 does not divide d_model 8"),
        (LANGUAGE, "settings/task/corpus", "boks",
         "sweeps.data: task.corpus: unknown corpus 'boks', there are books; did you mean 'books'?"),
        (LANGUAGE, "sweeps/data/grid/data.n_tokens", [1000, 5000],
         "sweeps.data: data.n_tokens: 5,000 is more than the 4,999 training tokens of the corpus "
         "'books'; set data.n_unique_tokens for several epochs"),
        (LANGUAGE, "settings/data/n_heldout_tokens", 200,
         "sweeps.data: data.n_heldout_tokens: 200 is more than the 199 held-out tokens of the "
         "corpus 'books'"),
        (LANGUAGE, "sweeps/data/grid/data.n_tokens", [10],
         "sweeps.data.grid.data.n_tokens 10 is smaller than one batch of 32"),
    ],
)  # fmt: skip
def test_an_impossible_run_is_refused_with_its_key(study, path, value, problem):
    with pytest.raises(UserError) as error:
        plan_of(changed(study, path, value))
    assert error.value.problems == (f"s0: {problem}",)


def test_a_plan_beyond_the_budget_is_refused_with_its_largest_run():
    with pytest.raises(UserError) as error:
        plan_of(FUNCTION, budget=Budget(flops=1e3, runs=3))
    runs, flops = error.value.problems
    assert runs == "budget.runs: 4 runs are planned, 3 are allowed"
    assert flops.startswith("budget.flops: 9.22e+05 FLOPs are planned, 1.00e+03 ")
    assert "are allowed; the largest run is sine-w4-n256-s0-" in flops
