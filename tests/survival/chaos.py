"""End training jobs, the worker pool and Snakemake at random moments, until the runs are done."""

import contextlib
import copy
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from tests.workflow.project import SNAKEFILE, Project
from tests.workflow.test_staleness import FUNCTION, LANGUAGE

from isoloss.pipeline import load_project
from isoloss.tables.schema import TIMED
from isoloss.train.keep import INTERVAL

RETRIES = 1000
EARLIEST_S, MEAN_S = 0.2, 0.6  # between two ends: a job gets a little further each time
WRITE_PATIENCE_S = 1.0  # waited for a checkpoint that is being written
MOST_OF_A_KIND = 0.15  # of all ends: what starts first is not ended alone
ORPHAN_S = 10.0  # after so long, nothing is left of what the ended process had started
LIMIT_PATIENCE_S = 5.0  # waited for a process to hit its limit
FULL_S = 3.0  # the disk stays full, if nothing ends before
# Of 100 ends, how many are of what, and how many are by what.
VICTIMS = {"training": 60, "worker pool": 20, "snakemake": 20}
MEANS = {"SIGKILL": 60, "memory limit": 20, "full disk": 20}
# What the runs of a study are called in the tally; those of trunks end with a cooldown.
KINDS = {"mlp": "MLP", "trunks": "cooldown", "limited": "data-limited", "dropout": "dropout"}


def project(folder: Path, steps: int) -> Project:
    """MLPs, transformers with trunks and cooldowns, and runs that see little data many times.

    The kernel of isoloss trains them. PyTorch trains one more, because it has dropout.

    Parameters
    ----------
    steps : int
        Of the longest run with a cooldown. MLPs have four times as many, data-limited runs twice,
        and the run with dropout a sixteenth.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = random.Random(0)
    text = " ".join(words.choice(["to", "be", "or", "not", "that", "is"]) for _ in range(20_000))
    (folder / "text.txt").write_text(text)
    mlp = copy.deepcopy(FUNCTION)
    mlp["settings"]["training"] |= {"steps": 4 * steps, "batch_size": 16, "n_evals": 20}
    mlp["sweeps"]["width"]["grid"]["model.width"] = [3, 5]
    trunks = copy.deepcopy(LANGUAGE)
    trunks["settings"]["model"] = {"n_layer": 1, "d_model": 16, "n_head": 1}
    trunks["settings"]["data"] |= {"n_tokens": 32 * steps, "n_unique_tokens": "all"}
    trunks["settings"]["training"] |= {"warmup_steps": 10, "evals_per_octave": 2}
    trunks["settings"]["training"] |= {"cooldown_fraction": 0.5}
    del trunks["settings"]["training"]["n_evals"]
    limited = copy.deepcopy(trunks)
    budgets = [32 * steps // 4, 32 * steps // 2, 32 * steps]
    trunks["sweeps"] = {"data": {"grid": {"data.n_tokens": budgets}, "seeds": 2}}
    limited["settings"]["training"] |= {"schedule": "constant", "patience": 1000}
    limited["settings"]["data"]["n_tokens"] = 2 * 32 * steps
    del limited["settings"]["training"]["cooldown_fraction"]
    limited["sweeps"] = {"unique": {"grid": {"data.n_unique_tokens": [640, 2560]}}}
    dropout = copy.deepcopy(limited)
    dropout["settings"]["model"]["dropout"] = 0.1
    dropout["settings"]["data"]["n_tokens"] = 32 * steps // 16
    dropout["sweeps"] = {"unique": {"grid": {"data.n_unique_tokens": [640]}}}
    fit = {"name": "law", "law": "power_law", "variables": {"x": "n_tokens", "loss": "loss"}}
    trunks["fits"] = [fit]
    studies = {"mlp": mlp, "trunks": trunks, "limited": limited, "dropout": dropout}
    return Project(folder, studies, budget={"flops": 1e15, "runs": 100})


class Monkey:
    """Ends what a project's Snakemake runs.

    Attributes
    ----------
    kinds : Counter
        Ends of training jobs, by kind: "MLP", "trunk", "cooldown", "data-limited", "dropout".
    ends : Counter
        (victim, means) -> ends. A full disk may end several victims at once: each counts.
    during_a_write : int
        Ends of training jobs while they wrote a checkpoint.
    orphans : list of str
        Commands that ran on for more than `ORPHAN_S` after what had started them was ended.
    slowest_s : float
        The longest time that a process took to end after what had started it.
    """

    def __init__(self, project: Project, seed: int):
        self.project, self.random = project, random.Random(seed)
        self.kinds: Counter[str] = Counter()
        self.ends: Counter[tuple[str, str]] = Counter()
        self.during_a_write = 0
        self.orphans: list[str] = []
        self.slowest_s = 0.0
        self.results = project.folder / "results"
        plan = load_project(
            {"studies": list(project.studies)} | project.config, project.folder
        ).plan
        self.kind_of_run = {
            run_id: kind for study, kind in KINDS.items() for run_id in plan.run_ids(study)
        }
        self.has_own_disk = os.path.ismount(project.folder)
        self._output = project.folder.with_suffix(".output.txt")

    def run(self, count: int) -> None:
        """Run the project to its end, with `count` ends of its processes, if it takes so long."""
        while True:
            with self._snakemake() as process:
                before = sum(self.ends.values())
                self._disturb(process, count)
                if process.wait() == 0:
                    return
                ended = sum(self.ends.values()) - before
                assert ended, self._output.read_text()[-5000:]

    def _snakemake(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--directory", str(self.project.folder), "--cores", "2"]
        command += ["--retries", str(RETRIES)]
        own = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
        # Not on the disk that will be full: nobody could read there why a command has failed.
        path = self._output
        with path.open("ab") as output:
            return subprocess.Popen(
                command, env=own | {INTERVAL: "0.05"}, stdout=output, stderr=output
            )

    def _disturb(self, process: subprocess.Popen, count: int) -> None:
        while process.poll() is None and sum(self.ends.values()) < count:
            time.sleep(EARLIEST_S + self.random.expovariate(1 / MEAN_S))
            found = self._processes(process.pid, MOST_OF_A_KIND * count)
            if not any(victim == "training" for victim, _ in found.values()):
                continue
            means = self._drawn(MEANS)
            if means == "full disk" and self.has_own_disk:
                self._fill_the_disk(found)
                continue
            wanted = self._drawn(VICTIMS)
            victims = sorted(pid for pid, (victim, _) in found.items() if victim == wanted)
            if victims:
                self._end(found, victims, "SIGKILL" if means == "full disk" else means)

    def _drawn(self, weights: dict[str, int]) -> str:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def _end(self, found: dict[int, tuple[str, str]], victims: list[int], means: str) -> None:
        """End one of some processes by a signal or a limit, and look for orphans."""
        writing = self._writing(victims) if self.random.random() < 0.7 else None
        pid = writing or self.random.choice(victims)
        started = _descendants(pid)
        try:
            process = psutil.Process(pid)
            if means == "SIGKILL":
                process.kill()
            else:
                process.rlimit(resource.RLIMIT_AS, (process.memory_info().vms, -1))
        except psutil.NoSuchProcess:
            return
        if _left([process], LIMIT_PATIENCE_S):  # it needed no more memory than it had
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(resource.RLIMIT_AS, (-1, -1))
            return
        self._count(found[pid], means, pid)
        self._look_for_orphans(started)

    def _fill_the_disk(self, found: dict[int, tuple[str, str]]) -> None:
        """Leave no room on the project's disk, until something has ended or nothing needs room."""
        started = {pid: _descendants(pid) for pid in found}
        alive = [process for pid in found if (process := _process(pid))]
        ballast = self.project.folder / "ballast"
        try:
            with contextlib.suppress(OSError), ballast.open("wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
            left = _left(alive, FULL_S, all_of_them=False)
        finally:
            ballast.unlink(missing_ok=True)
        for process in set(alive) - set(left):
            self._count(found[process.pid], "full disk", process.pid)
            self._look_for_orphans(started[process.pid])

    def _count(self, what: tuple[str, str], means: str, pid: int) -> None:
        victim, kind = what
        self.ends[victim, means] += 1
        print(sum(self.ends.values()), means, victim, kind, file=sys.stderr)
        if victim == "training":
            self.kinds[kind] += 1
            left = (self.results / "checkpoints").glob(f".*.{pid}.partial")
            self.during_a_write += bool(list(left))

    def _look_for_orphans(self, started: list[psutil.Process]) -> None:
        start_s = time.monotonic()
        left = _left(started, ORPHAN_S)
        self.slowest_s = max(self.slowest_s, time.monotonic() - start_s)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.orphans.append(" ".join(process.cmdline()))

    def _processes(self, snakemake: int, most: float) -> dict[int, tuple[str, str]]:
        """What may be ended: number -> victim, kind of training."""
        found = {snakemake: ("snakemake", "")}
        alone = {}
        for process in _descendants(snakemake):
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                command, log = " ".join(process.cmdline()), Path(f"/proc/{process.pid}/fd/1")
                kind = self._kind(log.readlink())
                if "isoloss.runtime.worker_pool" in command:
                    found[process.pid] = ("training", kind) if kind else ("worker pool", "")
                elif "isoloss.runtime.job" in command and kind and "bash" not in command:
                    alone[process.pid] = ("training", kind)
        if ("worker pool", "") not in found.values():
            found |= alone  # jobs that found no pool
        return {
            pid: (victim, kind)
            for pid, (victim, kind) in found.items()
            if victim != "training" or self.kinds[kind] < most
        }

    def _writing(self, victims: list[int]) -> int | None:
        """A job that writes its checkpoint at this moment: its partial file has its number."""
        deadline = time.monotonic() + WRITE_PATIENCE_S
        folder = self.results / "checkpoints"
        while time.monotonic() < deadline and folder.exists():
            for name in os.listdir(folder):  # noqa: PTH208
                if name.endswith(".partial") and int(name.split(".")[-2]) in victims:
                    return int(name.split(".")[-2])
        return None

    def _kind(self, log: Path) -> str | None:
        """What a process trains, by the log that it writes to; None for any other process."""
        if log.parent.name == "trunks":
            return "trunk"
        if log.parent.name != "runs":
            return None
        return self.kind_of_run[log.stem]


@contextlib.contextmanager
def own_disk(folder: Path, size_mb: int = 200):
    """Give a folder a disk of its own, so that it can be full; without, where nobody may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    may = os.geteuid() == 0 and shutil.which("mount")
    mounted = may and not subprocess.run(command, capture_output=True).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def _left(
    processes: list[psutil.Process], timeout_s: float, *, all_of_them: bool = True
) -> list[psutil.Process]:
    """Wait until processes have ended, or the first of them, and return those that have not.

    `psutil.wait_procs` would take the exit code of Snakemake from the one who has started it.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        left = [process for process in processes if _runs(process)]
        enough = not left if all_of_them else len(left) < len(processes)
        if enough or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _process(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def differences(one: Project, other: Project) -> list[str]:
    """What two projects found differently: losses, learning curves, fits."""
    found = []
    for pattern, timed in (("losses.parquet", TIMED), ("studies/*/curves.parquet", ["elapsed_s"])):
        for path in sorted((one.folder / "results").glob(pattern)):
            relative = path.relative_to(one.folder)
            tables = [pd.read_parquet(project.folder / relative) for project in (one, other)]
            untimed = [table.drop(columns=[*timed]) for table in tables]
            if not untimed[0].equals(untimed[1]):
                found.append(str(relative))
    for path in sorted((one.folder / "results").glob("**/fits.parquet")):
        relative = path.relative_to(one.folder)
        if path.read_bytes() != (other.folder / relative).read_bytes():
            found.append(str(relative))
    return found


def counted(one: Project) -> dict[str, Any]:
    """How many runs, curves' rows and fits there are to be compared, and what trained the runs."""
    results = one.folder / "results"
    curves = [pd.read_parquet(path) for path in results.glob("studies/*/curves.parquet")]
    runs = pd.read_parquet(results / "losses.parquet")
    return {
        "runs": len(runs),
        "trained by": dict(sorted(Counter(runs["kernel"]).items())),
        "rows of curves": sum(map(len, curves)),
        "fitted numbers": len(pd.read_parquet(results / "fits.parquet")),
    }
