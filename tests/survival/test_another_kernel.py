"""Runs of another kernel than would train them now are kept, and named as such."""

import copy

import pytest
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION

from isoloss.cli.main import main
from isoloss.files import write_json
from isoloss.pipeline.jobs import OTHER_CODE, OTHER_KERNEL
from isoloss.pipeline.project import read_project
from isoloss.runtime.fingerprint import training_fingerprint

PRESENT = training_fingerprint("function")
MADE = {  # the row of each of four runs
    "native": {"code": PRESENT, "kernel": "native 1"},
    "torch": {"code": PRESENT, "kernel": "torch 2.7"},
    "both": {"code": PRESENT, "kernel": "native 1, then torch 2.7"},
    "other code": {"code": "0ther0ther", "kernel": "torch 2.7"},
}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A project whose four runs have the rows in MADE: what trained each -> the run."""
    monkeypatch.chdir(tmp_path)
    Project(tmp_path, {"sine": copy.deepcopy(FUNCTION)}, kernel="torch")
    workflow = read_project(tmp_path)
    named = dict(zip(MADE, workflow.plan.run_ids("sine"), strict=True))
    for what, run_id in named.items():
        row = {"task": "function", "device": "cpu"} | MADE[what]
        write_json(tmp_path / workflow.run(run_id, "row.json"), row)
    return named


def test_what_is_other_is_known_of_each_run(runs):
    assert read_project(".").trained_by_other_code() == {
        runs["native"]: OTHER_KERNEL,
        runs["both"]: OTHER_KERNEL,
        runs["other code"]: OTHER_CODE,
    }


def test_retrain_says_that_the_kernel_is_another(runs, capsys):
    assert main(["retrain", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("3 of 4 runs were trained by other code or another kernel.\n")
    assert f"{runs['native']}-{PRESENT}.native\n" in said
