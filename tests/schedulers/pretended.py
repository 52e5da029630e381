"""A scheduler that is none: `qsub`, `qstat` and `qdel`, which start, find and end processes.

Each job is a process group. A job that has ended is forgotten, so nobody can ask for its exit code.
"""

import os
import signal
import subprocess
from pathlib import Path

import psutil

COMMANDS = {
    # Its options are those of PBS; the last argument is the job's script.
    "qsub": """\
for script; do :; done
id=$(($(ls "$QUEUE" | grep -c '[.]args$') + 1)).here
echo "$@" >"$QUEUE/$id.args"
PBS_JOBID=$id setsid sh "$script" >"$QUEUE/$id.output" 2>&1 </dev/null &
echo $! >"$QUEUE/$id.pid"
echo "$id"
""",
    # A process that nobody has waited for yet has ended, too.
    "qstat": """\
state=$(ps -o stat= -p "$(cat "$QUEUE/$1.pid")") || exit 153
case $state in Z*) exit 153 ;; esac
""",
    "qdel": """\
for id; do kill -TERM "-$(cat "$QUEUE/$id.pid")"; done
""",
}


class Queue:
    """The scheduler, in a folder of its own.

    Attributes
    ----------
    commands : path
        The folder of its commands, for PATH.
    """

    def __init__(self, folder: Path):
        self.jobs_folder, self.commands = folder / "jobs", folder / "bin"
        for made in (self.jobs_folder, self.commands):
            made.mkdir(parents=True)
        for name, text in COMMANDS.items():
            command = self.commands / name
            command.write_text(f"#!/bin/sh\nQUEUE='{self.jobs_folder}'\n{text}")
            command.chmod(0o755)

    def jobs(self) -> list[str]:
        """The ids of all jobs so far, the first one first."""
        found = [path.name.removesuffix(".pid") for path in self.jobs_folder.glob("*.pid")]
        return sorted(found, key=lambda job: int(job.split(".")[0]))

    def knows(self, job: str) -> bool:
        """Whether a job has not ended yet."""
        return subprocess.run([self.commands / "qstat", job]).returncode == 0

    def options(self, job: str) -> str:
        """What a job was submitted with."""
        return (self.jobs_folder / f"{job}.args").read_text()

    def processes(self, job: str) -> list[psutil.Process]:
        """The processes of a job, its shell first."""
        try:
            shell = psutil.Process(self._group(job))
            return [shell, *shell.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def strike(self, job: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a job, as a scheduler does."""
        os.killpg(self._group(job), number)

    def end(self) -> None:
        """Kill what is left."""
        for job in self.jobs():
            for process in self.processes(job):
                process.kill()

    def _group(self, job: str) -> int:
        return int((self.jobs_folder / f"{job}.pid").read_text())
