"""A job that failed is done again by the next command, and what follows from it too."""

import copy

import pandas as pd
import pytest
from tests.survival.started import started
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION

# Python reads this file at its start, also that of a job.
SABOTAGE = """
import os, signal, sys, time
command = " ".join(sys.orig_argv)
if "isoloss.runtime.job" in command:
    {then}
"""
KILL_THE_JOB = """if " fit " in command:
        os.kill(os.getpid(), signal.SIGKILL)"""
# The fit of the first study fails; once Snakemake has seen that, it is killed too.
KILL_SNAKEMAKE = """if " fit --study sine " in command:
        os.kill(os.getpid(), signal.SIGKILL)
    if " fit --study other " in command:
        while "fit sine failed" not in open("output.txt").read():
            time.sleep(0.1)
        time.sleep(1)
        with open(f"/proc/{os.getppid()}/stat") as stat:
            snakemake = int(stat.read().rpartition(")")[2].split()[1])
        os.kill(snakemake, signal.SIGKILL)"""
TABLE = {name: FUNCTION[name] for name in ("title", "question", "theory")} | {
    "source": "table",
    "path": "mine.csv",
    "columns": {"n_params": "size", "loss": "loss"},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def sabotaged(tmp_path, monkeypatch):
    """A way to spoil jobs, and to stop that."""
    path = tmp_path / "sabotage" / "sitecustomize.py"
    path.parent.mkdir()
    path.write_text("")
    monkeypatch.setenv("PYTHONPATH", str(path.parent), prepend=":")
    return lambda then: path.write_text(SABOTAGE.format(then=then) if then else "")


def objectives(project):
    return set(pd.read_parquet(project.folder / "results" / "fits.parquet")["objective"])


def test_a_wrong_cell_is_said_until_it_is_right_and_then_the_table_arrives(folder):
    rows = [f"{1000 * 2**i},{3 - 0.2 * i}\n" for i in range(6)]
    (folder / "mine.csv").write_text("size,loss\n" + "".join(rows))
    project = Project(folder, {"mine": TABLE})
    project.jobs()
    (folder / "mine.csv").write_text("size,loss\n" + "".join([*rows, "64000,oops\n"]))
    for _ in range(2):
        finished = project.snakemake()
        assert finished.returncode != 0
        assert "is not a number, e.g. 'oops'" in finished.stderr
        assert "row 7" in finished.stderr
    (folder / "mine.csv").write_text("size,loss\n" + "".join([*rows, "64000,1.5\n"]))
    counts = project.jobs()
    assert (counts["collect"], counts["losses"], counts["report"]) == (1, 1, 1)
    assert len(pd.read_parquet(folder / "results" / "losses.parquet")) == 7
    assert project.jobs() == {}


def test_a_table_that_is_not_there_is_named_before_any_job_and_nothing_old_is_kept_silently(folder):
    project = Project(folder, {"mine": copy.deepcopy(TABLE)})
    for path, said in (
        ("mine.csv", "mine: path: there is no file mine.csv"),
        ("mine.xls", "mine: path: the name must end in one of .csv, .tsv, .txt"),
    ):
        project.studies["mine"]["path"] = path
        project.write()
        finished = project.snakemake()
        assert finished.returncode != 0
        assert said in finished.stderr
        assert "Traceback" not in finished.stderr
    project.studies["mine"]["path"] = "mine.csv"
    (folder / "mine.csv").write_text(
        "size,loss\n" + "".join(f"{10**i},{3 - 0.2 * i}\n" for i in range(3, 9))
    )
    project.jobs()
    (folder / "mine.csv").unlink()
    finished = project.snakemake()
    assert finished.returncode != 0
    assert "mine: path: there is no file mine.csv" in finished.stderr


def test_a_job_that_was_killed_is_done_again(folder, sabotaged):
    project = Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    project.jobs()
    assert objectives(project) == {"huber"}
    project.studies["sine"]["fits"][0]["objective"] = "lad"
    project.write()
    sabotaged(KILL_THE_JOB)
    assert project.snakemake().returncode != 0
    sabotaged(None)
    assert project.jobs("results/fits.parquet") == {"fit": 1, "fits": 1}
    assert objectives(project) == {"lad"}
    assert project.jobs() == {"figure": 1, "report": 1}
    assert project.jobs() == {}


def test_a_job_that_failed_before_snakemake_was_killed_is_done_again(folder, sabotaged):
    studies = {"sine": copy.deepcopy(FUNCTION), "other": copy.deepcopy(FUNCTION)}
    project = Project(folder, studies)
    project.jobs()
    for study in project.studies.values():
        study["fits"][0]["objective"] = "lad"
    project.write()
    sabotaged(KILL_SNAKEMAKE)
    with started(project) as process:
        process.wait()
    assert not (folder / "results" / "studies" / "sine" / "fits.parquet").exists()
    sabotaged(None)
    counts = project.jobs()
    assert (counts["fit"], counts["fits"], counts["report"]) == (2, 1, 1)
    assert objectives(project) == {"lad"}


def test_whatever_is_removed_by_hand_is_made_again(folder):
    project = Project(folder, {"sine": copy.deepcopy(FUNCTION)})
    project.jobs()
    kept = [
        path
        for path in (folder / "results").rglob("*")
        if path.is_file() and not {"logs", "checkpoints", "provenance.json"} & set(path.parts)
    ]
    for path in [next(p for p in kept if p.name == name) for name in {p.name for p in kept}]:
        path.unlink()
        project.jobs()
        assert path.exists()
