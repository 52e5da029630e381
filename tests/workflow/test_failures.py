"""What goes wrong is said, stays where it happened, and never looks like a measurement."""

import copy
import json
import shutil

import pandas as pd
import pytest
from tests.workflow.project import REPOSITORY, Project
from tests.workflow.test_staleness import FUNCTION, LANGUAGE


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def function_study(**training):
    study = copy.deepcopy(FUNCTION)
    study["settings"]["training"] |= training
    return study


def test_a_diverging_run_is_recorded_left_out_of_the_fit_and_shown(folder):
    study = function_study()
    study["sweeps"]["too_fast"] = {
        "set": {"training.peak_lr": 1e30, "training.schedule": "constant"},
        "grid": {"model.width": [3]},
        "may_diverge": True,
    }
    study["figures"][0]["series"]["too_fast"] = "too fast"
    project = Project(folder, {"sine": study})
    assert project.jobs()["train"] == 5
    losses = pd.read_parquet(folder / "results" / "losses.parquet").set_index("status")
    assert list(losses.index).count("done") == 4
    diverged = losses.loc["diverged"]
    assert pd.isna(diverged["loss"])
    assert "loss was" in diverged["reason"]
    fits = pd.read_parquet(folder / "results" / "fits.parquet")
    assert set(fits["n_runs"]) == {4}
    assert fits["warnings"].str.contains("1 of 5 runs left out").all()
    html = (folder / "results" / "report.html").read_text()
    assert diverged["run_id"] in html
    assert "diverged" in html


def test_a_job_that_always_fails_leaves_the_others_to_finish(folder):
    (folder / "text.txt").write_bytes(b"\xff" * 4000)
    text = copy.deepcopy(LANGUAGE)
    text["corpora"]["own"]["tokenizer"] = {"kind": "chars"}
    project = Project(folder, {"sine": function_study(), "text": text})
    finished = project.snakemake()
    assert finished.returncode != 0
    assert "text.txt" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert (folder / "results" / "studies" / "sine" / "fits.parquet").exists()
    assert (folder / "figures" / "sine" / "width.png").exists()
    assert not list((folder / "results").rglob("*.partial"))


def test_what_is_wrong_with_a_config_is_said_before_any_job_starts(folder):
    study = function_study(steps=0)
    study["fits"][0]["law"] = "powerlaw"
    study["figures"][0] |= {"series": {"widht": "runs"}, "fits": {"widht": "width"}}
    planted = {
        **{name: FUNCTION[name] for name in ("title", "question", "theory")},
        "source": "planted",
        "law": "chinchilla",
        "noise_sd": 0.01,
        "parameters": {"E": 1.8, "A": 482.0, "B": 2085.0, "alpha": 0.35, "bta": 0.37},
        "sweeps": {"size": {"n_params": [1e6, 1e7]}},
    }
    finished = Project(folder, {"sine": study, "planted": planted}).snakemake()
    assert finished.returncode != 0
    assert "planted: parameters.bta" in finished.stderr
    assert "planted: sweeps.size" in finished.stderr
    assert "fits.width.law: got 'powerlaw'; did you mean 'power_law'?" in finished.stderr
    assert "figures.width: sweeps: got 'widht'; did you mean 'width'?" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (folder / "results").exists()


def test_a_target_that_no_study_makes_is_said_without_a_traceback(folder):
    project = Project(folder, {"sine": function_study()})
    finished = project.snakemake("results/studies/sine/prediction.parquet")
    assert finished.returncode != 0
    assert "sine has no `prediction`" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_code_of_another_clone_is_refused(folder, tmp_path, monkeypatch):
    other = tmp_path / "other" / "workflow"
    (other / "isoloss").mkdir(parents=True)
    for package in ("isoloss", "snakemake_logger_plugin_isoloss"):
        shutil.copytree(REPOSITORY / "workflow" / package, other / package, dirs_exist_ok=True)
    monkeypatch.setenv("PYTHONPATH", str(other))
    finished = Project(folder, {"sine": function_study()}).snakemake()
    assert finished.returncode != 0
    assert f"Python finds the isoloss of another folder, {other.parent}" in finished.stderr
    assert f"export PYTHONPATH={REPOSITORY / 'workflow'}" in finished.stderr
    assert not (folder / "results").exists()


def test_a_results_folder_that_cannot_be_written_to_is_named(folder):
    (folder / "results").write_text("I am a file.")
    finished = Project(folder, {"sine": function_study()}).snakemake()
    assert finished.returncode != 0
    assert "results" in finished.stderr
    assert (folder / "results").read_text() == "I am a file."


def test_a_corrupted_result_is_named_and_never_used(folder):
    project = Project(folder, {"sine": function_study()})
    project.jobs()
    row = next((folder / "results" / "runs").glob("sine-w3-*")) / "row.json"
    whole = row.read_text()
    row.write_text(whole[: len(whole) // 2])
    for _ in range(2):
        finished = project.snakemake()
        assert finished.returncode != 0
        assert f"{row.relative_to(folder)}: is not whole JSON" in finished.stderr
    row.unlink()
    counts = project.jobs()
    assert (counts["train"], counts["collect"], counts["report"]) == (1, 1, 1)
    assert json.loads(row.read_text())["loss"] == json.loads(whole)["loss"]
