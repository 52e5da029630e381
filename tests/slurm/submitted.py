"""A project whose trainings are submitted to the tests' cluster."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from tests.slurm.cluster import Slurm
from tests.workflow.project import REPOSITORY, SNAKEFILE

from isoloss.tables.schema import TIMED

PROFILE = REPOSITORY / "workflow" / "profiles" / "slurm"
# What a user sets in a copy of the profile: this cluster has no accounting, and little time.
SITE = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
    *("--latency-wait", "10", "--default-resources", "slurm_account=none", "slurm_partition=main"),
)
ALONE = ("--group-components", "none=1")  # every run has an allocation of its own
# Enough for a busy machine; what does not happen in this time hangs.
PATIENCE_S = 800.0
SHOWN = 4000  # last characters of each log that a test shows which waits in vain


class Submitted:
    """Snakemake, running in a project's folder with the SLURM profile."""

    def __init__(self, slurm: Slurm, folder: Path, *arguments: str, **environ: str):
        self.slurm, self.folder = slurm, folder
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--directory", str(folder), "--profile", str(PROFILE), *arguments, *SITE]
        kept = {k: v for k, v in slurm.environ.items() if not k.startswith("ISOLOSS_")}
        self.before = set(slurm.jobs())
        self.output = folder / "snakemake.output"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=kept | environ, stdout=output, stderr=subprocess.STDOUT
            )
        slurm.users.append(self.process)

    def wait(self) -> int:
        """The exit code of Snakemake."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end after {PATIENCE_S} s\n{self.explain()}") from None
        finally:
            self.process.kill()

    def text(self) -> str:
        """What Snakemake has said."""
        return self.output.read_text()

    def explain(self) -> str:
        """The states of all jobs, and the ends of all logs: what hangs, or why it ended."""
        logs = [self.output, *(self.folder / ".snakemake" / "slurm_logs").rglob("*.log")]
        logs += sorted((self.folder / "results" / "logs").rglob("*.log"))
        ends = [f"{log.relative_to(self.folder)}:\n{log.read_text()[-SHOWN:]}" for log in logs]
        return "\n".join([f"SLURM's jobs: {self.jobs()}", *ends, self.slurm.logs()])

    def jobs(self) -> dict[int, str]:
        """The SLURM jobs that this has submitted, with their states."""
        return {k: v for k, v in self.slurm.jobs().items() if k not in self.before}

    def jobs_of(self, run_id: str) -> list[int]:
        """The SLURM jobs of a run that has allocations of its own, the first one first."""
        return [job for job in sorted(self.jobs()) if run_id in self.slurm.job(job)["Comment"]]

    def trainings(self) -> list[tuple[str, int, int]]:
        """Each process that trains: its run, its SLURM job and its id, the first job first."""
        found = [
            (words[5], job, process)
            for process, job, words in self.slurm.processes()
            if words[1:4] == ["-m", "isoloss.runtime.job", "train"]
        ]
        return sorted(found, key=lambda one: one[1])

    def until(self, condition):
        """Wait for something that is true, and return it."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert self.process.poll() is None, self.explain()
            assert time.monotonic() < deadline_s, f"not in {PATIENCE_S} s\n{self.explain()}"
            time.sleep(0.05)
        return found


def row(folder: Path, run_id: str) -> dict:
    """The result of a run, without what depends on the machine's speed."""
    found = json.loads((folder / "results" / "runs" / run_id / "row.json").read_text())
    return {name: value for name, value in found.items() if name not in TIMED}


def curve(folder: Path, run_id: str) -> pd.DataFrame:
    """The learning curve of a run, without the same."""
    table = pd.read_parquet(folder / "results" / "runs" / run_id / "curve.parquet")
    return table.drop(columns=[name for name in TIMED if name in table])
