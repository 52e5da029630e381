"""After a change only what is stale is computed again: the table of docs/staleness.md, counted."""

import copy
import json
import shutil

import pytest
from tests.workflow.project import Project

from isoloss.tables.schema import TIMED

FUNCTION = {
    "title": "Sine",
    "question": "How does the loss fall?",
    "theory": "It does.",
    "settings": {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 4},
        "data": {"n_samples": 64, "n_heldout": 64},
        "training": {"steps": 20, "peak_lr": 0.01, "schedule": "cosine", "n_evals": 3},
    },
    "sweeps": {"width": {"grid": {"model.width": [2, 3, 4, 6]}}},
    "fits": [
        {
            "name": "width",
            "law": "power_law",
            "variables": {"x": "n_params", "loss": "loss"},
        }
    ],
    "figures": [
        {
            "name": "width",
            "title": "Loss against size",
            "caption": "Each point is a run.",
            "draw": "loss_against_x",
            "x": "n_params",
            "x_label": "Parameters N",
            "y_label": "Loss (squared error)",
            "series": {"width": "runs"},
            "fits": {"width": "width"},
        }
    ],
}
LANGUAGE = {
    "title": "Text",
    "question": "Does it read?",
    "theory": "It does.",
    "settings": {
        "task": {"kind": "language", "corpus": "own", "context": 8},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 2},
        "data": {"n_tokens": 320, "n_heldout_tokens": 64},
        "training": {"peak_lr": 0.01, "schedule": "wsd", "batch_size": 4, "n_evals": 2},
    },
    "corpora": {"own": {"kind": "files", "paths": ["text.txt"]}},
    "sweeps": {"data": {"grid": {"data.n_tokens": [160, 320]}}},
}
EVERYTHING = {
    "train": 6,
    "corpus": 1,
    "plan": 2,
    "collect": 2,
    "losses": 1,
    "complete": 1,
    "fit": 2,
    "fits": 1,
    "figure": 1,
    "report": 1,
}
AFTER_NEW_RUNS = {
    "plan": 1,
    "collect": 1,
    "losses": 1,
    "complete": 1,
    "fit": 1,
    "fits": 1,
    "report": 1,
}


@pytest.fixture(scope="module")
def finished_project(tmp_path_factory):
    """A project in which everything has been run once."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    folder.mkdir()
    (folder / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 100)
    project = Project(folder, {"sine": copy.deepcopy(FUNCTION), "text": copy.deepcopy(LANGUAGE)})
    assert project.jobs() == EVERYTHING
    return project


@pytest.fixture
def project(finished_project, tmp_path):
    """A copy of that project, its files with their times."""
    shutil.copytree(finished_project.folder, tmp_path / "project")
    copied = copy.copy(finished_project)
    copied.folder = tmp_path / "project"
    copied.studies = copy.deepcopy(finished_project.studies)
    return copied


def widths(project, values):
    project.studies["sine"]["sweeps"]["width"]["grid"]["model.width"] = values


def test_touching_nothing_or_only_the_times_of_files_runs_nothing(project):
    assert project.jobs() == {}
    for path in (project.folder / "config").rglob("*.yaml"):
        path.touch()
    (project.folder / "text.txt").touch()
    assert project.jobs() == {}


def test_a_new_width_trains_that_width_and_going_back_trains_nothing(project):
    widths(project, [2, 3, 4, 6, 8])
    assert project.jobs() == AFTER_NEW_RUNS | {"train": 1, "figure": 1}
    widths(project, [2, 3, 4, 6])
    assert project.jobs() == AFTER_NEW_RUNS | {"figure": 1}
    widths(project, [2, 3, 4, 6, 8])
    assert project.jobs() == AFTER_NEW_RUNS | {"figure": 1}


def test_a_removed_width_trains_nothing(project):
    widths(project, [2, 4, 6])
    assert project.jobs() == AFTER_NEW_RUNS | {"figure": 1}


def test_a_label_draws_its_figure_again_and_nothing_else(project):
    project.studies["sine"]["figures"][0]["x_label"] = "Parameters"
    assert project.jobs() == {"figure": 1, "report": 1}


def test_a_sentence_of_the_report_writes_the_report_again_and_nothing_else(project):
    project.studies["sine"]["question"] = "How fast does the loss fall?"
    assert project.jobs() == {"report": 1}


def test_a_fits_setting_fits_again_and_trains_nothing(project):
    project.studies["sine"]["fits"][0]["objective"] = "lad"
    assert project.jobs() == {"fit": 1, "fits": 1, "figure": 1, "report": 1}


def test_another_text_trains_what_reads_it_and_the_old_one_is_found_again(project):
    text = project.folder / "text.txt"
    before = text.read_text()
    text.write_text(before.replace("quick", "sleek"))
    assert project.jobs() == AFTER_NEW_RUNS | {"corpus": 1, "train": 2}
    text.write_text(before)
    assert project.jobs() == AFTER_NEW_RUNS


def test_a_setting_of_the_training_trains_all_of_its_study_and_no_other(project):
    project.studies["sine"]["settings"]["training"]["peak_lr"] = 0.02
    assert project.jobs() == AFTER_NEW_RUNS | {"train": 4, "figure": 1}


def test_a_run_that_was_removed_is_trained_again_to_the_same_loss(project):
    row = next((project.folder / "results" / "runs").glob("sine-w3-*")) / "row.json"
    before = json.loads(row.read_text())
    row.unlink()
    assert project.jobs(str(row.relative_to(project.folder))) == {"train": 1}
    after = json.loads(row.read_text())
    assert {k for k in after if after[k] != before[k]} <= set(TIMED)


def test_a_large_table_of_the_users_is_stale_by_its_content_not_by_its_time(tmp_path):
    """Snakemake itself compares files of up to 1 MB only."""
    table = tmp_path / "losses.csv"
    notes = "n" * 100_000
    rows = [f"{10**i},{3 - i / 10},{notes}" for i in range(12)]
    table.write_text("\n".join(["N,L,notes", *rows]))
    study = {"title": "t", "question": "q", "theory": "th", "source": "table",
             "path": "losses.csv", "columns": {"n_params": "N", "loss": "L"}}  # fmt: skip
    project = Project(tmp_path, {"mine": study})
    target = "results/studies/mine/runs.parquet"
    assert project.jobs(target) == {"collect": 1}
    table.touch()
    assert project.jobs(target) == {}
    table.write_text(table.read_text().replace("2.9", "2.95"))
    assert project.jobs(target) == {"collect": 1}
