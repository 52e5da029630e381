"""Snakemake is killed, and the next command goes on from what is whole; nobody unlocks anything."""

import os
import signal
import time

import psutil
import pytest
from tests.survival.started import (
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
                second = project.snakemake()
            assert second.returncode != 0
            assert f"in use by another snakemake: process {process.pid} on " in second.stderr
            assert "Wait for it, or end it" in second.stderr
            assert "--unlock" not in second.stderr
        end(process)
        process.wait()
        _, left = psutil.wait_procs(children, timeout=60)
        assert not left
    whole = finished_rows(project)
    kept = list((project.folder / "results" / "checkpoints").glob("*.safetensors"))
    assert whole and kept

    finished = project.snakemake()
    assert finished.returncode == 0, finished.stderr
    assert ("The last snakemake here was killed" in finished.stderr) == (end is not interrupt_twice)
    assert {path: path.stat().st_mtime_ns for path in whole} == whole
    logs = (project.folder / "results" / "logs" / "runs").glob("*.log")
    assert sum("going on from step" in log.read_text() for log in logs) == len(kept)
    assert (project.folder / "results" / "report.html").exists()
