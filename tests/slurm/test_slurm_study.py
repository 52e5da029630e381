"""Runs of every kind on a cluster: few allocations, and the bytes of a run without one."""

import copy

import pandas as pd
import pytest
from tests.slurm.submitted import ALONE, Submitted
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION, LANGUAGE

from isoloss.pipeline import load_project
from isoloss.tables.schema import TIMED

ASKED = {"title": "Some runs", "question": "Where are they trained?", "theory": "Anywhere."}
# Trunks with cooldowns, and what an analysis and its figure say of them.
TEXT = copy.deepcopy(LANGUAGE)
TEXT["settings"]["data"]["n_unique_tokens"] = "all"
TEXT["settings"]["training"] |= {"warmup_steps": 1, "n_evals": 1}
TEXT["sweeps"]["data"] |= {"seeds": 2}
TEXT["analyses"] = [{"do": "seed_noise", "name": "noise", "sweeps": ["data"]}]
TEXT["figures"] = [{"draw": "seed_scatter", "noise": "noise"}]
COPY = ASKED | {
    "settings": {
        "task": {"kind": "copy", "n_symbols": 16, "length": 8},
        "model": {"n_layer": 1, "d_model": 8, "n_head": 1},
        "data": {"n_samples": 320, "n_heldout": 32},
        "training": {"peak_lr": 0.005, "schedule": "cosine", "batch_size": 32, "n_evals": 2},
    },
    "sweeps": {"width": {"grid": {"model.d_model": [8, 12]}, "seeds": 2}},
}
POLYNOMIAL = ASKED | {
    "settings": {
        "task": {"kind": "polynomial", "target": "sine", "noise_sd": 0.1, "repeats": 10},
        "model": {"degree": 5},
        "data": {"n_samples": 64, "n_heldout": 64},
    },
    "sweeps": {"data": {"grid": {"data.n_samples": [32, 64, 128, 256]}}},
}
STUDIES = {"sine": FUNCTION, "text": TEXT, "copy": COPY, "polynomial": POLYNOMIAL}
LOSSES = "results/losses.parquet"
N_RUNS = 4 + 4 + 4 + 4


def some_runs(folder):
    """A project with runs of every kind."""
    folder.mkdir()
    (folder / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 100)
    return Project(folder, copy.deepcopy(STUDIES))


@pytest.fixture(scope="module")
def here(tmp_path_factory, slurm):
    """The folder in which this machine has made all without a cluster."""
    project = some_runs(tmp_path_factory.mktemp("without") / "project")
    made = project.jobs()
    assert (made["train"], made["trunk"], made["analyse"]) == (N_RUNS, 4, 1)
    return project.folder


@pytest.fixture(scope="module")
def submitted(slurm, tmp_path_factory):
    """The same project, made with the profile for SLURM."""
    project = some_runs(tmp_path_factory.mktemp("submitted") / "project")
    run = Submitted(slurm, project.folder, "--slurm-keep-successful-logs")
    assert run.wait() == 0, run.explain()
    return run


def test_all_trainings_are_submitted_and_short_ones_share_an_allocation(submitted):
    assert list(submitted.jobs().values()) == ["COMPLETED"]
    results = submitted.folder / "results"
    trained = {path.name for path in (results / "runs").iterdir()}
    trained |= {path.stem for path in (results / "trunks").glob("*.safetensors")}
    assert len(trained) == N_RUNS + 4
    logs = (submitted.folder / ".snakemake" / "slurm_logs").rglob("*.log")
    said = "".join(log.read_text() for log in logs)
    assert all(f"Training {job_id}\n" in said for job_id in trained)


def test_the_cluster_listens_on_this_machine_only(slurm):
    assert slurm.listening() == {"127.0.0.1"}


def test_losses_are_the_same_as_without_a_cluster(submitted, here):
    tables = [
        pd.read_parquet(folder / LOSSES).drop(columns=[*TIMED])
        for folder in (submitted.folder, here)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_fits_and_figures_are_the_same_bytes_as_without_a_cluster(submitted, here):
    figures = sorted(path.relative_to(here) for path in (here / "figures").glob("*/*"))
    assert {path.parts[1] for path in figures} == {"sine", "text"}
    for name in ("results/fits.parquet", *figures):
        assert (submitted.folder / name).read_bytes() == (here / name).read_bytes(), name


def test_a_run_that_always_fails_leaves_the_others_of_its_allocation_to_finish(slurm, tmp_path):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project", {"sine": copy.deepcopy(FUNCTION)})
    plan = load_project({"studies": ["sine"]} | project.config, project.folder).plan
    run_ids = sorted(plan.runs)
    # Its state cannot be kept.
    obstacle = project.folder / f"results/checkpoints/{run_ids[1]}.safetensors"
    obstacle.mkdir(parents=True)
    submitted = Submitted(slurm, project.folder, LOSSES, "--retries", "0")
    assert submitted.wait() != 0
    assert list(submitted.jobs().values()) == ["FAILED"], submitted.explain()
    rows = {i: project.folder / f"results/runs/{i}/row.json" for i in run_ids}
    assert [i for i in run_ids if not rows[i].exists()] == [run_ids[1]]
    obstacle.rmdir()
    assert project.jobs(LOSSES)["train"] == 1


def test_a_training_on_cuda_asks_for_a_gpu(slurm, tmp_path):
    """The one of this cluster is none, so nobody waits for what the training says of it."""
    (tmp_path / "project").mkdir()
    study = copy.deepcopy(FUNCTION)
    study["sweeps"]["width"]["grid"]["model.width"] = [2]
    project = Project(tmp_path / "project", {"sine": study}, device="cuda")
    submitted = Submitted(slurm, project.folder, LOSSES, *ALONE, "--retries", "0")
    (job,) = submitted.until(submitted.jobs)
    assert slurm.job(job)["TresPerJob"] == "gres:gpu:1"
    submitted.process.kill()
    slurm.client("scancel", str(job))
