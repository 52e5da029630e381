"""What a cluster does to jobs: each is tried again, goes on, and ends with the same bytes."""

import copy
import os
import signal

import pandas as pd
import pytest
from tests.slurm.submitted import ALONE, Submitted, curve, row
from tests.workflow.project import Project
from tests.workflow.test_staleness import FUNCTION

STEPS = 100_000  # some seconds
CANCELLED, KILLED, TOO_LONG, TOO_LARGE, PREEMPTED = WIDTHS = (2, 3, 4, 6, 8)
FITS, FIGURE = "results/fits.parquet", "figures/sine/width"
OFTEN = {"ISOLOSS_CHECKPOINT_S": "0.2"}


def study(steps=STEPS, widths=WIDTHS):
    made = copy.deepcopy(FUNCTION)
    made["settings"]["training"]["steps"] = steps
    made["sweeps"]["width"]["grid"]["model.width"] = list(widths)
    return made


def checkpoint(folder, run_id):
    return folder / "results" / "checkpoints" / f"{run_id}.safetensors"


@pytest.fixture(scope="module")
def here(tmp_path_factory, slurm):
    """The study, trained on this machine without a cluster."""
    project = Project(tmp_path_factory.mktemp("here"), {"sine": study()})
    assert project.jobs()["train"] == len(WIDTHS)
    return project.folder


@pytest.fixture(scope="module")
def run_ids(here):
    """Width -> run."""
    names = [path.name for path in (here / "results" / "runs").iterdir()]
    return {int(name.split("-")[1][1:]): name for name in names}


@pytest.fixture(scope="module")
def struck(slurm, run_ids, tmp_path_factory):
    """The study on the cluster, where all happens at once; the jobs of each run, once struck."""
    folder = tmp_path_factory.mktemp("struck")
    Project(folder, {"sine": study()})
    limits = (
        f"train:runtime=attempt if '-w{TOO_LONG}-' in wildcards.run_id else 10",
        f"train:mem_mb=100 if '-w{TOO_LARGE}-' in wildcards.run_id and attempt == 1 else 2000",
    )
    submitted = Submitted(
        slurm, folder, *ALONE, "--retries", "5", "--set-resources", *limits, **OFTEN
    )

    def kept():
        """A run of those that are waited for, which trains and has kept a state, and its place."""
        for run_id, job, process in submitted.trainings():
            width = widths[run_id]
            if width in waiting and checkpoint(folder, run_id).exists():
                return width, job, process
        return None

    widths = {run_id: width for width, run_id in run_ids.items()}
    first, waiting = {TOO_LARGE: 0}, {CANCELLED, KILLED, TOO_LONG, PREEMPTED}
    while waiting:
        # On a busy machine, an attempt may have been over its time before.
        width, first[width], trainer = submitted.until(kept)
        os.kill(trainer, signal.SIGSTOP)  # or it might be done before it is struck
        waiting.remove(width)
        if width == CANCELLED:
            slurm.client("scancel", str(first[width]))
        elif width == PREEMPTED:
            slurm.client("scontrol", "requeue", str(first[width]))
        elif width == KILLED:
            os.kill(trainer, signal.SIGKILL)
    assert submitted.wait() == 0, submitted.explain()
    jobs = {width: submitted.jobs_of(run_ids[width]) for width in WIDTHS}
    return submitted, {w: [job for job in jobs[w] if job >= first[w]] for w in WIDTHS}


def states(struck, width):
    submitted, jobs = struck
    return [slurm_job["JobState"] for slurm_job in map(submitted.slurm.job, jobs[width])]


@pytest.mark.parametrize(
    "width, ended",
    [
        pytest.param(CANCELLED, {"CANCELLED"}, id="scancel"),
        pytest.param(KILLED, {"FAILED"}, id="kill -9 of the process"),
        pytest.param(TOO_LONG, {"TIMEOUT"}, id="over its time"),
        pytest.param(TOO_LARGE, {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}, id="over its memory"),
    ],
)
def test_a_job_that_the_cluster_ends_is_submitted_again(struck, width, ended):
    found = states(struck, width)
    assert found[0] in ended
    assert found[-1] == "COMPLETED"
    assert len(found) >= 2


def test_a_second_attempt_has_more_time(struck):
    submitted, jobs = struck
    limits = [submitted.slurm.job(job)["TimeLimit"] for job in jobs[TOO_LONG]]
    assert limits == [f"00:0{limits[0][4]}:00", f"00:0{int(limits[0][4]) + 1}:00"]


def test_a_preempted_job_goes_back_into_the_queue_and_is_not_submitted_again(struck):
    submitted, jobs = struck
    job, *more = jobs[PREEMPTED]
    assert not more
    assert submitted.slurm.job(job)["Restarts"] == "1"
    assert states(struck, PREEMPTED) == ["COMPLETED"]


@pytest.mark.parametrize("width", [CANCELLED, KILLED, TOO_LONG, PREEMPTED])
def test_what_was_ended_goes_on_from_its_checkpoint(struck, run_ids, width):
    submitted, _ = struck
    log = submitted.folder / "results" / "logs" / "runs" / f"{run_ids[width]}.log"
    assert "going on from step" in log.read_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_that_was_ended_has_the_bits_of_one_that_was_not(struck, here, run_ids, width):
    submitted, _ = struck
    assert row(submitted.folder, run_ids[width]) == row(here, run_ids[width])
    curves = [curve(folder, run_ids[width]) for folder in (submitted.folder, here)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)


@pytest.mark.parametrize("name", [FITS, *(f"{FIGURE}.{end}" for end in ("pdf", "png", "csv"))])
def test_fits_and_figures_of_runs_that_were_ended_are_the_same_bytes(struck, here, name):
    submitted, _ = struck
    assert (submitted.folder / name).read_bytes() == (here / name).read_bytes()


def test_an_orphan_and_its_resubmission_write_the_same_result(slurm, here, run_ids, tmp_path):
    """A Snakemake that is killed leaves its jobs to the cluster; the next one submits them anew."""
    folder = tmp_path / "orphan"
    folder.mkdir()
    Project(folder, {"sine": study()})
    run_id = run_ids[CANCELLED]
    target = f"results/runs/{run_id}/row.json"
    first = Submitted(slurm, folder, target, *ALONE, **OFTEN)
    first.until(lambda: checkpoint(folder, run_id).exists() and first.trainings())
    ((_, orphan, trainer),) = first.trainings()
    os.kill(trainer, signal.SIGSTOP)
    first.process.kill()
    first.process.wait()

    second = Submitted(slurm, folder, target, *ALONE, **OFTEN)
    second.until(lambda: len(second.trainings()) == 2)
    os.kill(trainer, signal.SIGCONT)  # now both train, and keep their states in one file
    assert second.wait() == 0, second.explain()
    assert row(folder, run_id) == row(here, run_id)
    slurm.until_ended(orphan)
    assert row(folder, run_id) == row(here, run_id)
    pd.testing.assert_frame_equal(curve(folder, run_id), curve(here, run_id), check_exact=True)
    assert not list((folder / "results").rglob("*.partial"))
