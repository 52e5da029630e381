"""Snakemake is killed, and the next command goes on from what is whole; nobody unlocks anything."""

import os
import signal
import time

import psutil
import pytest
from tests.survival.started import (
    PATIENCE_S,
    descendants,
    finished_rows,
    is_training,
    paused,
    slow_project,
    started,
    wait_for,
)


def kill(process):
    os.kill(process.pid, signal.SIGKILL)


def interrupt_twice(process):
    """Ctrl-C twice: a terminal tells all of its processes."""
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)


def close_the_terminal(process):
    os.killpg(process.pid, signal.SIGHUP)


@pytest.mark.parametrize("end", [kill, interrupt_twice, close_the_terminal])
def test_the_next_command_goes_on(tmp_path, end):
    project = slow_project(tmp_path / "project")
    with started(project) as process:
        wait_for(lambda: is_training(project), process)
        children = descendants(process.pid)
        if end is kill:
            with paused(children):
                # Snakemake would let a command with other outputs run, and at its end remove the
                # lock files of the first.
                elsewhere = project.snakemake("--config", "results=else", "figures=drawn")
                again = project.snakemake()
            for other in (elsewhere, again):
                assert other.returncode != 0
                assert f"in use by another snakemake: process {process.pid} on " in other.stderr
                assert "Wait for it, or end it" in other.stderr
                assert "--unlock" not in other.stderr
                assert "Traceback" not in other.stderr
            assert not (project.folder / "else" / "runs").exists()
        end(process)
        process.wait()
        _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
        assert not left
    whole = finished_rows(project)
    kept = list((project.folder / "results" / "checkpoints").glob("*.safetensors"))
    assert whole and kept

    finished = project.snakemake()
    assert finished.returncode == 0, finished.stderr
    # Lock files tell it; those of the other case are gone with the commands that were refused.
    said = "The last snakemake here was killed" in finished.stderr
    assert said == (end is close_the_terminal)
    assert {path: path.stat().st_mtime_ns for path in whole} == whole
    logs = (project.folder / "results" / "logs" / "runs").glob("*.log")
    assert sum("going on from step" in log.read_text() for log in logs) == len(kept)
    assert (project.folder / "results" / "report.html").exists()
