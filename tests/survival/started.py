"""Snakemake, started and not waited for, so that something can happen to it."""

import contextlib
import copy
import os
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from tests.workflow.project import SNAKEFILE, Project
from tests.workflow.test_staleness import FUNCTION

from isoloss.train.keep import INTERVAL

PATIENCE_S = 800.0  # of a busy machine; what does not happen in this time hangs


def slow_project(folder: Path, steps: int = 40_000) -> Project:
    """A project of one run that takes longer than Snakemake takes to see the end of two others."""
    folder.mkdir()
    study = copy.deepcopy(FUNCTION)
    study["sweeps"]["width"]["grid"]["model.width"] = [2, 3]
    study["sweeps"]["slow"] = {
        "set": {"training.steps": steps},
        "grid": {"model.width": [7]},
    }
    return Project(folder, {"sine": study})


@contextlib.contextmanager
def started(project: Project, *arguments: str, cores: int = 2) -> Iterator[subprocess.Popen]:
    """Snakemake in a process group of its own; whatever is left of it ends with the block."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--directory", str(project.folder), "--cores", str(cores), *arguments]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
    inherited[INTERVAL] = "0.2"
    with (project.folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            env=inherited,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_hear_signals,
        )
        try:
            yield process
        finally:
            left = [process.pid, *(child.pid for child in descendants(process.pid))]
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def _hear_signals() -> None:
    """A process that inherits `nohup` would not hear that its terminal is closed."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def descendants(pid: int) -> list[psutil.Process]:
    """The processes that a process has started, and theirs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


@contextlib.contextmanager
def paused(processes: list[psutil.Process]) -> Iterator[None]:
    """Nothing is computed by these processes meanwhile, however long it takes."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    yield
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def wait_for(happened: Callable[[], object], process: subprocess.Popen | None = None) -> None:
    """Wait until something has happened, and fail if the process has ended before."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        assert process is None or process.poll() is None, "the process has ended"
        time.sleep(0.05)


def is_training(project: Project) -> bool:
    """Whether a quick run is finished, and the slow one has kept its state."""
    kept = project.folder.glob("results/checkpoints/*.safetensors")
    return bool(finished_rows(project)) and any(kept)


def finished_rows(project: Project) -> dict[Path, int]:
    """The rows of runs whose end Snakemake has seen, and when each was written, in nanoseconds.

    Snakemake marks what a job makes until it has seen the job's end, which is a moment after the
    files are there. What is marked when it is killed is made again.
    """
    marks = project.folder / ".snakemake" / "incomplete"
    marked = {
        urlsafe_b64decode("".join(part.removeprefix("@") for part in path.relative_to(marks).parts))
        for path in marks.rglob("*")
        if path.is_file()
    }
    rows = sorted((project.folder / "results" / "runs").glob("*/row.json"))
    return {
        row: row.stat().st_mtime_ns
        for row in rows
        if str(row.relative_to(project.folder)).encode() not in marked
    }
