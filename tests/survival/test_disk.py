"""A full disk, an unwritable folder, damaged files: named, never used, made again on request."""

import copy
import os
import subprocess

import pytest
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION

ROOT = os.geteuid() == 0 if hasattr(os, "geteuid") else False


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a quarter of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if not ROOT or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_finished_results_survive(tmp_path, small_disk):
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    (folder / "results").symlink_to(small_disk)
    (small_disk / "ballast").write_bytes(bytes(150_000))
    finished = project.snakemake()
    said = finished.stdout + finished.stderr
    assert finished.returncode != 0
    assert "results: 0.0 MB are left on its disk. No space left on device?" in said
    rows = {path: path.read_bytes() for path in small_disk.glob("runs/*/row.json")}
    assert not list(small_disk.rglob("*.partial"))

    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert project.snakemake().returncode == 0
    assert {path: path.read_bytes() for path in rows} == rows
    check_that_a_damaged_file_is_named_and_made_again(project)


def check_that_a_damaged_file_is_named_and_made_again(project):
    plan = project.folder / "results" / "studies" / "sine" / "plan.json"
    before = plan.read_bytes()
    os.truncate(plan, len(before) // 2)
    finished = project.snakemake()
    said = finished.stdout + finished.stderr
    assert finished.returncode != 0
    assert "results/studies/sine/plan.json: 1 problem" in said
    assert "is not whole JSON" in said
    assert "Traceback" not in said
    plan.unlink()
    counts = project.jobs()
    assert counts["plan"] == 1
    assert "train" not in counts
    assert plan.read_bytes() == before


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    """A file where a folder should be stands for it: root may write to any folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    (folder / "figures").write_text("I am a file.")
    finished = project.snakemake()
    assert finished.returncode != 0
    assert "figures" in finished.stdout + finished.stderr
    assert len(list(folder.glob("results/runs/*/row.json"))) == 4
    assert (folder / "figures").read_text() == "I am a file."
