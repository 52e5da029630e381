"""Snakemake, started and not waited for, so that something can happen to it."""

import contextlib
import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from tests.workflow.project import REPOSITORY, Project
from tests.workflow.test_staleness import FUNCTION

from isoloss.train.keep import INTERVAL

PATIENCE_S = 300.0


def slow_project(folder: Path, steps: int = 12_000) -> Project:
    """A project of one run that takes a second or two, and two that take none."""
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
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(project.folder), "--cores", str(cores), *arguments]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
    inherited[INTERVAL] = "0.2"
    with (project.folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, env=inherited, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield process
        finally:
            left = [process.pid, *(child.pid for child in descendants(process.pid))]
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def descendants(pid: int) -> list[psutil.Process]:
    """The processes that a process has started, and theirs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def wait_for(happened: Callable[[], object], process: subprocess.Popen | None = None) -> None:
    """Wait until something has happened, and fail if the process has ended before."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        assert process is None or process.poll() is None, "the process has ended"
        time.sleep(0.05)


def is_training(project: Project) -> bool:
    """Whether a quick run is finished, and the slow one has kept its state."""
    results = project.folder / "results"
    return all(
        list(results.glob(files)) for files in ("runs/*/row.json", "checkpoints/*.safetensors")
    )
