"""Trunks, predictions and interrupted runs in a real workflow."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode

import pandas as pd
import pytest
from tests.workflow.project import REPOSITORY, Project, run_module
from tests.workflow.test_staleness import LANGUAGE

from isoloss.tables.schema import TIMED

STUDY = copy.deepcopy(LANGUAGE)
STUDY["settings"]["data"]["n_unique_tokens"] = "all"
STUDY["settings"]["training"] |= {"warmup_steps": 1, "n_evals": 1}
STUDY["sweeps"]["data"]["grid"]["data.n_tokens"] = [320, 640, 1280]
TARGET = "results/studies/text/runs.parquet"
FIT = {"name": "law", "law": "power_law", "variables": {"x": "n_tokens", "loss": "loss"}}


def project(folder, budgets=(320, 640, 1280), **changes):
    study = copy.deepcopy(STUDY) | changes
    study["sweeps"]["data"]["grid"]["data.n_tokens"] = list(budgets)
    made = Project(folder, {"text": study})
    text = "".join(chr(97 + (i * i // 7) % 26) for i in range(6000))
    (folder / "text.txt").write_text(text)
    return made


def losses(made):
    runs = pd.read_parquet(made.folder / TARGET)
    return runs.drop(columns=[*TIMED, "trunk", "trunk_flops"]).set_index("run_id").sort_index()


@pytest.fixture(scope="module")
def short_then_long(tmp_path_factory):
    """A project run for two budgets, then for three: what ran the second time, and the project."""
    made = project(tmp_path_factory.mktemp("project"), budgets=[320, 640])
    made.jobs(TARGET)
    made.studies["text"]["sweeps"]["data"]["grid"]["data.n_tokens"] = [320, 640, 1280]
    return made.jobs(TARGET), made


def test_a_larger_budget_goes_on_from_the_last_checkpoint_and_retrains_nothing(short_then_long):
    ran, made = short_then_long
    assert ran == {"trunk": 1, "train": 1, "plan": 1, "collect": 1}
    trunks = sorted((made.folder / "results" / "trunks").glob("*.json"))
    steps = sorted(json.loads(path.read_text())["steps"] for path in trunks)
    assert steps == [[0, 8], [8, 16], [16, 32]]


def test_runs_from_a_trunk_are_to_the_last_bit_those_that_were_trained_alone(
    short_then_long, tmp_path
):
    _, made = short_then_long
    alone = project(tmp_path)
    # An evaluation of its own for each length: nothing is shared, and the last one is the same.
    alone.studies["text"]["settings"]["training"] |= {"n_evals": 2}
    assert "trunk" not in alone.jobs(TARGET)
    assert list(losses(made)["loss"]) == list(losses(alone)["loss"])


def test_a_budget_in_the_middle_or_a_lost_checkpoint_makes_no_run_stale(short_then_long):
    _, made = short_then_long
    grid = made.studies["text"]["sweeps"]["data"]["grid"]
    grid["data.n_tokens"] = [320, 640, 960, 1280]
    ran = made.jobs(TARGET)
    assert ran["train"] == 1
    for path in (made.folder / "results" / "trunks").glob("*"):
        path.unlink()
    assert made.jobs(TARGET) == {}
    grid["data.n_tokens"] = [320, 640, 1280]
    assert made.jobs(TARGET) == {"plan": 1, "collect": 1}


def test_the_prediction_is_there_before_the_run_that_tests_it_may_start(tmp_path):
    made = project(
        tmp_path, prediction={"sweep": "data", "at_most": 0.6, "fits": [FIT]}, budgets=[320, 400,
        480, 560, 640, 1280]
    )  # fmt: skip
    largest = "results/runs/*D1280*/row.json"
    prediction = tmp_path / "results/studies/text/prediction.parquet"
    made.write()
    finished = made.snakemake("results/studies/text/prediction.parquet")
    assert finished.returncode == 0, finished.stderr
    assert not list(tmp_path.glob(largest))
    content = prediction.read_bytes()
    predicted = pd.read_parquet(prediction).iloc[0]
    assert predicted["n_runs"] == 5
    assert predicted["made_before"]
    assert predicted["lo"] < predicted["loss"] < predicted["hi"]
    # Alone, the largest run takes the others with it, because the prediction needs them.
    prediction.unlink()
    (run_id,) = predicted["run_ids"].split()
    ran = made.jobs(f"results/runs/{run_id}/row.json")
    assert ran["predict"] == 1
    assert ran["train"] == 1
    assert prediction.read_bytes() == content
    assert prediction.stat().st_mtime < next(tmp_path.glob(largest)).stat().st_mtime


def test_a_finished_run_is_not_trained_again_because_it_is_predicted_or_no_longer(tmp_path):
    """Neither by a larger run, nor where the prediction is left out, or comes later."""
    prediction = {"sweep": "data", "at_most": 0.6, "fits": [FIT]}
    budgets = [320, 400, 480, 560, 640, 1280]
    made = project(tmp_path, budgets=budgets)
    wanted = (TARGET, "results/studies/text/prediction.parquet")
    said = tmp_path / wanted[1]
    assert made.jobs(TARGET)["train"] == 6
    study = made.studies["text"]
    study["prediction"] = prediction
    assert "train" not in made.jobs(*wanted)
    assert not pd.read_parquet(said)["made_before"].any()
    study["sweeps"]["data"]["grid"]["data.n_tokens"] = [*budgets, 2560]
    ran = made.jobs(*wanted)
    assert (ran["predict"], ran["train"]) == (1, 1)
    assert pd.read_parquet(said)["made_before"].all()
    study["sweeps"]["data"]["grid"]["data.n_tokens"] = [*budgets, 2560, 5120]
    assert made.jobs(*wanted)["train"] == 1
    prediction["at_most"] = 0.3
    ran = made.jobs()
    assert "train" not in ran
    assert not pd.read_parquet(said)["made_before"].any()
    analyses = pd.read_parquet(said.with_name("analyses.parquet"))
    assert "measured before" in set(analyses["theory_source"])
    said_of_it = "Predicted after the run was made"
    assert said_of_it in (tmp_path / "results" / "report.html").read_text()
    del study["prediction"]
    assert "train" not in made.jobs()
    finished = made.snakemake("--dry-run")
    assert "metadata" not in finished.stdout + finished.stderr


SETTINGS = {
    "task": {"kind": "function", "target": "sine"},
    "model": {"width": 4},
    "data": {"n_samples": 64, "n_heldout": 64},
    "training": {"steps": 12_000, "peak_lr": 0.01, "schedule": "cosine", "n_evals": 5},
}
JOB = "isoloss.runtime.job"


def train_options(folder):
    return ["train", "--run-id", "run", "--settings", json.dumps(SETTINGS), "--seed", "0",
            "--folder", f"{folder}/run", "--checkpoint", f"{folder}/run.safetensors"]  # fmt: skip


def run_results(folder):
    row = json.loads((folder / "run" / "row.json").read_text())
    curve = pd.read_parquet(folder / "run" / "curve.parquet")
    return {k: v for k, v in row.items() if k not in TIMED}, curve.drop(columns="elapsed_s")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The results of a job that nobody ended."""
    folder = tmp_path_factory.mktemp("whole")
    finished = run_module(JOB, train_options(folder), folder, OMP_NUM_THREADS="1")
    assert finished.returncode == 0, finished.stderr
    return run_results(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_job_that_is_ended_goes_on_from_its_checkpoint_with_the_same_bytes(
    number, whole, tmp_path
):
    checkpoint = tmp_path / "run.safetensors"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
    environ = {"PYTHONPATH": str(REPOSITORY / "workflow"), "OMP_NUM_THREADS": "1"}
    environ["ISOLOSS_CHECKPOINT_S"] = "0.02"
    first = subprocess.Popen(
        [sys.executable, "-m", JOB, *train_options(tmp_path)],
        env=inherited | environ, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while first.poll() is None and not checkpoint.exists():
        time.sleep(0.01)
    first.send_signal(number)
    said = first.communicate()[1]
    assert first.returncode == (-9 if number == signal.SIGKILL else 75), said
    assert checkpoint.exists()
    assert not (tmp_path / "run" / "row.json").exists()
    second = run_module(JOB, train_options(tmp_path), tmp_path, OMP_NUM_THREADS="1")
    assert second.returncode == 0
    assert "going on from step" in second.stderr
    assert not checkpoint.exists()
    row, curve = run_results(tmp_path)
    assert row == whole[0]
    assert curve.equals(whole[1])


def test_trunks_of_other_code_are_set_aside_with_their_runs(tmp_path):
    made = project(tmp_path, budgets=[320, 640])
    made.jobs(TARGET)
    for path in [
        *tmp_path.glob("results/trunks/*.json"),
        *tmp_path.glob("results/runs/*/row.json"),
    ]:
        path.write_text(path.read_text().replace(json.loads(path.read_text())["code"], "0ther"))
    said = run_module("isoloss.cli.main", ["retrain"], tmp_path).stdout
    assert said.endswith("2 of 2 runs were trained by other code.\n")
    assert not list((tmp_path / "results" / "trunks").iterdir())
    assert len(list((tmp_path / "results" / "superseded").iterdir())) == 2 + 2 * 2
    ran = made.jobs(TARGET)
    assert (ran["trunk"], ran["train"]) == (2, 2)


def test_a_trunk_that_was_whole_when_snakemake_was_killed_does_not_hide_its_runs(tmp_path):
    """The mark of an incomplete output is what a killed Snakemake leaves."""
    made = project(tmp_path, budgets=[320])
    made.jobs(TARGET)
    (state,) = (tmp_path / "results" / "trunks").glob("*.safetensors")
    before = state.stat().st_mtime_ns
    mark = urlsafe_b64encode(str(state.relative_to(tmp_path)).encode()).decode()
    (tmp_path / ".snakemake" / "incomplete" / mark).touch()
    shutil.rmtree(tmp_path / "results" / "runs")
    (tmp_path / TARGET).unlink()
    assert made.jobs(TARGET) == {"train": 1, "collect": 1}
    assert state.stat().st_mtime_ns == before
    assert len(losses(made)) == 1
