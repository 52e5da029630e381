"""The smoke study on a cluster: few allocations, and the bytes of a run without one."""

import copy
import json
import shutil

import pandas as pd
import pytest
from tests.slurm.submitted import ALONE, Submitted
from tests.workflow.project import REPOSITORY, Project
from tests.workflow.test_staleness import FUNCTION

from isoloss.tables.schema import TIMED

# All trainings, and the figures of some studies: none of them is drawn on the cluster.
STUDIES = ("sine", "polynomial", "copy")
TARGETS = (
    *("results/smoke/losses.parquet", "results/smoke/fits.parquet"),
    *(f"study_{study}" for study in STUDIES),
)


@pytest.fixture(scope="module")
def submitted(slurm, tmp_path_factory):
    """The smoke study, submitted; the fixture `smoke` is the same without a cluster."""
    folder = tmp_path_factory.mktemp("submitted")
    shutil.copytree(REPOSITORY / "config", folder / "config")
    config = ("--configfile", "config/smoke.yaml", "--slurm-keep-successful-logs")
    run = Submitted(slurm, folder, *TARGETS, *config)
    assert run.wait() == 0, run.text()
    return run


def test_all_trainings_are_submitted_and_short_ones_share_an_allocation(submitted, smoke):
    states = submitted.jobs()
    n_runs = len(pd.read_parquet(smoke[2] / "results/smoke/losses.parquet"))
    assert set(states.values()) == {"COMPLETED"}
    assert n_runs > 80
    assert len(states) <= n_runs // 10
    logs = "".join(
        path.read_text() for path in (submitted.folder / ".snakemake/slurm_logs").rglob("*.log")
    )
    trained = {path.name for path in (submitted.folder / "results/smoke/runs").iterdir()}
    assert all(f"Training {run_id}\n" in logs for run_id in trained)


def test_the_cluster_listens_on_this_machine_only(slurm):
    assert slurm.listening() == {"127.0.0.1"}


def test_losses_are_the_same_as_without_a_cluster(submitted, smoke):
    tables = [
        pd.read_parquet(folder / "results/smoke/losses.parquet").drop(columns=[*TIMED])
        for folder in (submitted.folder, smoke[2])
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_fits_and_figures_are_the_same_bytes_as_without_a_cluster(submitted, smoke):
    names = ["results/smoke/fits.parquet"]
    for study in STUDIES:
        folder = smoke[2] / "figures/smoke" / study
        names += [f"figures/smoke/{study}/{path.name}" for path in sorted(folder.iterdir())]
    assert len(names) > 20
    for name in names:
        assert (submitted.folder / name).read_bytes() == (smoke[2] / name).read_bytes(), name


def test_a_run_that_always_fails_leaves_the_others_of_its_allocation_to_finish(slurm, tmp_path):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project", {"sine": copy.deepcopy(FUNCTION)})
    project.snakemake("results/studies/sine/plan.json")
    plan = json.loads((project.folder / "results/studies/sine/plan.json").read_text())
    run_ids = [run_id for _, run_id in plan["members"]]
    # Its state cannot be kept.
    obstacle = project.folder / f"results/checkpoints/{run_ids[1]}.safetensors"
    obstacle.mkdir(parents=True)
    submitted = Submitted(slurm, project.folder, "--retries", "0")
    assert submitted.wait() != 0
    assert list(submitted.jobs().values()) == ["FAILED"]
    rows = {i: project.folder / f"results/runs/{i}/row.json" for i in run_ids}
    assert [i for i in run_ids if not rows[i].exists()] == [run_ids[1]]
    obstacle.rmdir()
    assert project.jobs()["train"] == 1


def test_a_training_on_cuda_asks_for_a_gpu(slurm, tmp_path):
    (tmp_path / "project").mkdir()
    study = copy.deepcopy(FUNCTION)
    study["sweeps"]["width"]["grid"]["model.width"] = [2]
    project = Project(tmp_path / "project", {"sine": study}, device="cuda")
    target = "results/studies/sine/runs.parquet"
    submitted = Submitted(slurm, project.folder, target, *ALONE, "--retries", "0")
    submitted.wait()
    (job,) = submitted.jobs()
    assert slurm.job(job)["TresPerJob"] == "gres:gpu:1"
