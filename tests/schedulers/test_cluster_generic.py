"""The profile cluster-generic: a scheduler that knows no exit codes ends jobs, and they go on."""

import copy
import importlib.util
import os
import re
import shutil
import signal
import subprocess

import pytest
from tests.schedulers.pretended import Queue
from tests.slurm.submitted import curve, row
from tests.survival.started import started, wait_for
from tests.workflow.project import REPOSITORY, Project
from tests.workflow.test_staleness import FUNCTION

PROFILE = REPOSITORY / "workflow" / "profiles" / "cluster-generic"
PATIENT = "patience_s=60"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    made = Queue(tmp_path / "queue")
    monkeypatch.setenv("PATH", f"{made.commands}:{os.environ['PATH']}")
    yield made
    made.end()


@pytest.fixture
def impatient(tmp_path):
    """A copy of the profile for which a job that the scheduler does not know has failed at once."""
    profile = shutil.copytree(PROFILE, tmp_path / "profile")
    script = profile / "status.sh"
    assert PATIENT in script.read_text()
    script.write_text(script.read_text().replace(PATIENT, "patience_s=0"))
    return profile


def status(profile, folder, job):
    done = subprocess.run([profile / "status.sh", job], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def submit(folder, command):
    """Submit a job as Snakemake's plugin does, and return its id."""
    script = folder / "job.sh"
    exec_job = f"cd {folder} && {command} && exit 0 || exit 1"
    text = (PROFILE / "jobscript.sh").read_text()
    script.write_text(text.format(properties="{}", exec_job=exec_job))
    return subprocess.check_output(["qsub", script], text=True).strip()


def exit_code(folder, job):
    path = folder / f".snakemake/cluster_jobs/{job}.exit"
    return path.read_text().strip() if path.exists() else None


@pytest.mark.parametrize("command, ended", [("true", "success"), ("exit 75", "failed")])
def test_the_status_of_a_job_that_ends_by_itself(queue, tmp_path, command, ended):
    job = submit(tmp_path, command)
    wait_for(lambda: exit_code(tmp_path, job))
    assert status(PROFILE, tmp_path, job) == ended


def test_a_job_that_is_killed_has_failed_when_the_scheduler_has_not_known_it_for_long(
    queue, impatient, tmp_path
):
    job = submit(tmp_path, "sleep 60")
    assert status(impatient, tmp_path, job) == "running"
    queue.strike(job, signal.SIGKILL)
    wait_for(lambda: not queue.knows(job))
    assert status(PROFILE, tmp_path, job) == "running"  # it may have ended well, and tell it late
    assert status(impatient, tmp_path, job) == "failed"


def test_a_job_that_is_cancelled_ends_when_what_it_runs_has_kept_its_state(queue, tmp_path):
    job = submit(tmp_path, "sh -c 'trap \"sleep 0.3; touch kept; exit 75\" TERM; sleep 60 & wait'")
    wait_for(lambda: len(queue.processes(job)) > 2)
    subprocess.run(["qdel", job], check=True)
    wait_for(lambda: exit_code(tmp_path, job))
    assert (tmp_path / "kept").exists()
    assert status(PROFILE, tmp_path, job) == "failed"


def test_a_training_that_is_killed_and_preempted_ends_with_the_bytes_of_a_local_run(
    queue, impatient, tmp_path
):
    if not importlib.util.find_spec("snakemake_executor_plugin_cluster_generic"):
        pytest.skip("snakemake-executor-plugin-cluster-generic is not installed")
    study = copy.deepcopy(FUNCTION)
    study["settings"]["training"]["steps"] = 60_000
    study["sweeps"]["width"]["grid"]["model.width"] = [3]
    for name in ("here", "submitted"):
        (tmp_path / name).mkdir()
    here, project = (Project(tmp_path / name, {"sine": study}) for name in ("here", "submitted"))
    assert here.jobs("results/studies/sine/runs.parquet")["train"] == 1
    (run_id,) = (path.name for path in (here.folder / "results" / "runs").iterdir())
    checkpoint = project.folder / "results" / "checkpoints" / f"{run_id}.safetensors"
    log = project.folder / "results" / "logs" / "runs" / f"{run_id}.log"
    states = [None]  # when each of those that jobs have left was written

    def stop_training(number):
        """Stop the training of a job, once it has kept a state; True then."""
        jobs = queue.jobs()
        if len(jobs) < number or written() in (None, states[-1]):
            return False
        for process in queue.processes(jobs[-1])[1:]:
            process.suspend()
        states.append(written())
        return True

    def written():
        """When the state was written that is there now."""
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else None

    options = ("--profile", str(impatient), "--seconds-between-status-checks", "1")
    with started(project, f"results/runs/{run_id}/row.json", *options) as snakemake:
        wait_for(lambda: stop_training(1), snakemake)
        queue.strike(queue.jobs()[0], signal.SIGKILL)
        wait_for(lambda: stop_training(2), snakemake)
        queue.strike(queue.jobs()[1], signal.SIGTERM)
        queue.strike(queue.jobs()[1], signal.SIGCONT)
        assert snakemake.wait(240) == 0, (project.folder / "output.txt").read_text()

    jobs = queue.jobs()
    assert [exit_code(project.folder, job) for job in jobs] == [None, "1", "0"]
    assert "train: SIGTERM at step" in (project.folder / "output.txt").read_text()
    assert "going on from step" in log.read_text()
    asked = [re.search(r"mem=(\d+)mb -l walltime=(\d+) ", queue.options(job)) for job in jobs]
    memory, time = ([int(one[group]) for one in asked] for group in (1, 2))
    assert memory == [memory[0], 2 * memory[0], 3 * memory[0]]
    assert time == [time[0], 2 * time[0], 3 * time[0]]
    assert row(project.folder, run_id) == row(here.folder, run_id)
    assert curve(project.folder, run_id).equals(curve(here.folder, run_id))
