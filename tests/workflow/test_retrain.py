"""When the training code changes, runs are kept, marked and, on request, trained again."""

import copy
import json

import pytest
from tests.workflow.project import Project, run_module
from tests.workflow.test_staleness import FUNCTION


@pytest.fixture
def project(tmp_path):
    """A finished project, one of whose runs was trained by other code."""
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    made.jobs()
    row = next((folder / "results" / "runs").glob("sine-w3-*")) / "row.json"
    row.write_text(row.read_text().replace(json.loads(row.read_text())["code"], "0ther0ther"))
    return made


def isoloss(project, *arguments):
    done = run_module("isoloss.cli.main", arguments, project.folder)
    assert done.returncode == 0, done.stderr
    return done


def test_what_other_code_trained_is_said_kept_and_retrained_on_request(project):
    said = project.snakemake("--dry-run")
    assert "1 of 4 runs were trained by other code" in said.stdout + said.stderr

    dry = isoloss(project, "retrain", "--dry-run")
    assert dry.stdout.endswith("1 of 4 runs were trained by other code.\n")
    assert len(list((project.folder / "results" / "runs").iterdir())) == 4

    isoloss(project, "retrain")
    (aside,) = (project.folder / "results" / "superseded").iterdir()
    assert aside.name.endswith("-0ther0ther")
    assert {path.name for path in aside.iterdir()} == {"row.json", "curve.parquet", "about.json"}

    assert project.jobs()["train"] == 1
    assert isoloss(project, "retrain").stdout == "0 of 4 runs were trained by other code.\n"
