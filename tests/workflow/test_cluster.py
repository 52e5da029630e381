"""Which jobs share an allocation of a cluster, and what a group leaves behind."""

import copy
import re

import pytest
import yaml
from tests.workflow.project import REPOSITORY, SNAKEFILE, Project
from tests.workflow.test_staleness import FUNCTION
from tests.workflow.test_trunk_jobs import FIT, STUDY

import isoloss.pipeline
from isoloss.files import canonical_json, read_json
from isoloss.jobs import train
from isoloss.pipeline import cluster
from isoloss.runtime.job import LAST_STATES
from isoloss.tables.schema import TIMED

PROFILE = REPOSITORY / "workflow" / "profiles" / "slurm" / "config.yaml"
ALL = tuple(cluster.GROUPS)


def workflow_of(folder, study, **config):
    project = Project(folder, {"made": study}, **config)
    (folder / "text.txt").write_text("abcdefgh" * 800)
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text())
    return isoloss.pipeline.load_project(config, project.folder)


def groups_of(found, known=ALL, device="cpu"):
    groups = cluster.Groups(found.plan, device)
    return {job_id: groups.of(job_id, known) for job_id in (*found.plan.runs, *found.plan.trunks)}


def test_the_groups_of_the_profile_are_those_that_there_are():
    components = yaml.safe_load(PROFILE.read_text())["group-components"]
    assert [entry.split("=")[0] for entry in components] == list(ALL)


def test_only_trainings_are_submitted():
    files = [SNAKEFILE, *(SNAKEFILE.parent / "rules").glob("*.smk")]
    text = "".join(path.read_text() for path in files)
    here = re.search(r"^localrules:\n((?: {4}\w+,\n)+)", text, re.MULTILINE)[1]
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    assert rules - set(re.findall(r"\w+", here)) == {"train", "trunk", "stack"}


@pytest.mark.parametrize(
    "steps, group", [(20, "short"), (300_000, "medium"), (3_000_000, "long"), (300_000_000, None)]
)
def test_longer_runs_share_an_allocation_with_fewer_others(tmp_path, steps, group):
    study = copy.deepcopy(FUNCTION)
    study["settings"]["training"]["steps"] = steps
    found = workflow_of(tmp_path, study, budget={"flops": 1e18, "runs": 100})
    assert set(groups_of(found).values()) == {group}


def test_a_profile_without_groups_gives_each_training_an_allocation_of_its_own(tmp_path):
    found = workflow_of(tmp_path, FUNCTION)
    assert set(groups_of(found, known=()).values()) == {None}
    assert set(groups_of(found, known=("long",)).values()) == {"long"}


def test_a_trunk_and_all_that_goes_on_from_it_are_in_one_group(tmp_path):
    study = copy.deepcopy(STUDY)
    # Each is short; all together are not.
    study["sweeps"]["data"]["grid"]["data.n_tokens"] = [n * 32 * 100_000 for n in (1, 2, 3, 4)]
    found = workflow_of(tmp_path, study, budget={"flops": 1e18, "runs": 100})
    assert len(found.plan.trunks) == 4
    assert all(job.cost.core_s < 6 for job in found.plan.trunks.values())
    assert set(groups_of(found).values()) == {"medium"}


def test_what_waits_for_a_prediction_is_not_grouped_with_what_it_is_made_from(tmp_path):
    study = copy.deepcopy(STUDY)
    study["sweeps"]["data"]["grid"]["data.n_tokens"] = [320, 400, 480, 560, 640, 1280]
    study["prediction"] = {"sweep": "data", "at_most": 0.6, "fits": [FIT]}
    found = workflow_of(tmp_path, study)
    groups = groups_of(found)
    waiting = set(found.plan.predicted_by)
    assert len(waiting) == 2  # the largest run, and the piece of trunk that it alone needs
    assert {groups[job_id] for job_id in waiting} == {None}
    assert {group for job_id, group in groups.items() if job_id not in waiting} == {"short"}


def test_in_a_group_a_job_asks_for_less_time(tmp_path):
    found = workflow_of(tmp_path, FUNCTION)
    groups = cluster.Groups(found.plan, "cpu")
    (run_id, *_) = found.plan.runs
    resources = found.resources(run_id)
    alone = groups.runtime_min(run_id, resources, ())
    assert alone == resources.runtime_min
    assert groups.runtime_min(run_id, resources, ALL) == alone - 4 > 0


def test_one_gpu_is_asked_for_where_the_config_says_cuda():
    assert [cluster.gpus(device) for device in ("cuda", "cpu", "auto")] == [1, None, None]


def test_a_finished_training_of_a_group_that_is_tried_again_has_nothing_left_to_do(
    tmp_path, monkeypatch, capfd
):
    settings = copy.deepcopy(FUNCTION["settings"]) | {"model": {"width": 3}}
    checkpoint = tmp_path / "checkpoints" / "run.safetensors"
    folder = tmp_path / "runs" / "run"
    options = {
        "--run-id": "run",
        "--settings": canonical_json(settings),
        "--seed": "0",
        "--checkpoint": str(checkpoint),
        "--folder": str(folder),
    }
    argv = [word for option in options.items() for word in option]
    monkeypatch.setenv(LAST_STATES, "1")
    train.main(argv)
    first = read_json(folder / "row.json")
    (folder / "row.json").unlink()
    capfd.readouterr()
    train.main(argv)
    assert "going on from step 20 " in capfd.readouterr().err
    again = read_json(folder / "row.json")
    assert {k for k in again if again[k] != first[k]} <= set(TIMED)

    (checkpoint.parent / "other.safetensors").write_bytes(b"")
    cluster.remove_last_states(tmp_path)
    assert [path.name for path in checkpoint.parent.iterdir()] == ["other.safetensors"]
