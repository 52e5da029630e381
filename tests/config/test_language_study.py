"""The language-model study is what docs/method.md says of it, before anything is trained."""

import shutil
from pathlib import Path

import pytest

from isoloss.config.load import read_yaml
from isoloss.pipeline import load_project

ROOT = Path(__file__).parents[2]
KAPLAN = (1, 2, 3, 4, 6, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 23)
FIGURES = [
    *(f"kaplan_{number:02}" for number in KAPLAN),
    *(f"chinchilla_{name}" for name in ("01", "02", "03", "04", "a3", "a5")),
    *("recount", "approaches", "prediction", "cooldown", "learning_rate"),
]  # fmt: skip


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """The study in a folder where nothing was trained yet."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "config", folder / "config")
    return load_project(read_yaml(ROOT / "config" / "config.yaml") | {"studies": ["text"]}, folder)


@pytest.fixture(scope="module")
def grid(workflow):
    return runs_of(workflow, "grid")


def runs_of(workflow, name):
    return [workflow.plan.runs[i] for sweep, i in workflow.plan.members["text"] if sweep == name]


def test_eight_sizes_meet_five_lengths_and_four_train_on_over_two_and_three_quarter_decades(grid):
    cells = {_cell(run) for run in grid}
    lengths = {width: sorted(d for w, d in cells if w == width) for width, _ in cells}
    compute = [run.whole_flops for run in grid]
    assert len(cells) == len(grid) == 8 * 5 + 7
    assert sorted(map(len, lengths.values())) == [5, 5, 5, 5, 6, 7, 7, 7]
    assert len({tuple(of_one[:5]) for of_one in lengths.values()}) == 1
    assert max(compute) / min(compute) >= 10**2.75


def test_the_sweep_trains_at_most_three_fifths_of_the_flops_of_single_runs(workflow, grid):
    trunks = {trunk_id for run in grid for trunk_id in workflow.plan.chain(run)}
    trained = sum(run.cost.flops for run in grid)
    trained += sum(workflow.plan.trunks[trunk_id].cost.flops for trunk_id in trunks)
    assert trained <= 0.6 * sum(run.whole_flops for run in grid)


def test_every_run_of_the_grid_takes_a_thousand_steps_and_is_judged_by_the_same_128_000_bytes(grid):
    assert min(run.cost.steps + run.trunk.steps for run in grid) >= 1000
    heldout = {run.settings["data"].get("n_heldout_tokens") for run in grid}
    assert heldout == {128_000}


def test_the_prediction_is_made_from_a_tenth_of_the_compute_of_the_run_that_tests_it(workflow):
    held = workflow.plan.held_out["text"]
    (largest,) = (workflow.plan.runs[run_id].whole_flops for run_id in held.run_ids)
    assert max(workflow.plan.runs[i].whole_flops for i in held.fitted) <= largest / 10
    assert workflow.prediction_before(held.run_ids[0]) == [
        "results/studies/text/prediction.parquet"
    ]


def test_the_largest_model_has_half_a_million_parameters(grid):
    assert max(12 * run.settings["model"]["d_model"] ** 2 for run in grid) * 2 >= 480_000


def test_the_small_sizes_have_three_seeds_at_every_length_of_the_grid(workflow, grid):
    cells = {_cell(run) for run in grid}
    again = runs_of(workflow, "again")
    assert {run.seed for run in again} == {1, 2}
    widths = {width for width, _ in map(_cell, again)}
    lengths = {length for width, length in cells if width == min(widths)}
    assert len(widths) == 4 and {_cell(run) for run in again} <= cells
    assert len(again) == 2 * len(widths) * len(lengths)


def _cell(run):
    return run.settings["model"]["d_model"], run.settings["data"]["n_tokens"]


def test_five_sizes_meet_five_data_sizes_and_five_depths(workflow, grid):
    limited = [run.settings for run in runs_of(workflow, "limited")]
    assert len({run["model"]["d_model"] for run in limited}) == 5
    assert len({run["data"].get("n_unique_tokens") for run in limited}) == 5
    depths = {run.settings["model"]["n_layer"] for run in (*runs_of(workflow, "depth"), *grid)}
    assert depths == {1, 2, 3, 4, 6}


def test_schedules_are_compared_by_six_seeds_each(workflow):
    for name in ("seeds", "alone", "cosine"):
        assert len({run.seed for run in runs_of(workflow, name)}) == 6


def test_every_figure_of_the_papers_that_the_study_promises_is_there(workflow):
    drawn = [figure.name for figure in workflow.studies["text"].figures]
    assert set(FIGURES) <= set(drawn)
