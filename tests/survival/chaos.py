"""Kill training jobs at random moments, some while they write a checkpoint, until they are done."""

import contextlib
import copy
import os
import random
import signal
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
EARLIEST_S, MEAN_S = 0.2, 0.6  # between two kills: a job gets a little further each time
WRITE_PATIENCE_S = 1.0  # waited for a checkpoint that is being written
MOST_OF_A_KIND = 0.3  # of all kills: what starts first is not killed alone
EVERY_SNAKEMAKE = 10  # each so many kills, the workflow itself and all that it runs


def project(folder: Path, steps: int) -> Project:
    """MLPs, transformers with trunks and cooldowns, and runs that see little data many times.

    Parameters
    ----------
    steps : int
        Of the longest runs.
    """
    folder.mkdir(parents=True)
    words = random.Random(0)
    text = " ".join(words.choice(["to", "be", "or", "not", "that", "is"]) for _ in range(20_000))
    (folder / "text.txt").write_text(text)
    mlp = copy.deepcopy(FUNCTION)
    mlp["settings"]["training"] |= {"steps": 4 * steps, "batch_size": 16, "n_evals": 20}
    mlp["sweeps"]["width"]["grid"]["model.width"] = [3, 5]
    trunks = copy.deepcopy(LANGUAGE)
    trunks["settings"]["model"] = {"n_layer": 1, "d_model": 16, "n_head": 1, "dropout": 0.1}
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
    fit = {"name": "law", "law": "power_law", "variables": {"x": "n_tokens", "loss": "loss"}}
    trunks["fits"] = [fit]
    studies = {"mlp": mlp, "trunks": trunks, "limited": limited}
    return Project(folder, studies, budget={"flops": 1e15, "runs": 100})


class Monkey:
    """Kills what a project's Snakemake runs.

    Attributes
    ----------
    kills : Counter
        Of what: "MLP", "trunk", "cooldown", "data-limited", "during a write", "snakemake".
    """

    def __init__(self, project: Project, seed: int):
        self.project, self.random = project, random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.results = project.folder / "results"
        plan = load_project(
            {"studies": list(project.studies)} | project.config, project.folder
        ).plan
        self.limited = set(plan.run_ids("limited"))

    def run(self, count: int) -> None:
        """Run the project to its end, with `count` kills of training jobs, if it takes so long."""
        while True:
            with self._snakemake() as process:
                self._disturb(process, count)
                if process.wait() == 0:
                    return
                assert self.killed_snakemake, (self.project.folder / "output.txt").read_text()

    def _snakemake(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--directory", str(self.project.folder), "--cores", "2"]
        command += ["--retries", str(RETRIES)]
        own = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
        self.killed_snakemake = False
        with (self.project.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                command, env=own | {INTERVAL: "0.05"}, stdout=output, stderr=output
            )

    def _disturb(self, process: subprocess.Popen, count: int) -> None:
        while process.poll() is None and sum(self.of_jobs().values()) < count:
            time.sleep(EARLIEST_S + self.random.expovariate(1 / MEAN_S))
            training = self._training(process.pid, MOST_OF_A_KIND * count)
            if not training:
                continue
            writing = self._writing(training) if self.random.random() < 0.7 else None
            victim = writing or self.random.choice(sorted(training))
            if not _kill(victim):
                continue
            self.kills[training[victim]] += 1
            with contextlib.suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
                psutil.Process(victim).wait(5)
            left = (self.results / "checkpoints").glob(f".*.{victim}.partial")
            self.kills["during a write"] += bool(list(left))
            if sum(self.of_jobs().values()) % EVERY_SNAKEMAKE == 0:
                self.killed_snakemake = _kill(process.pid)
                self.kills["snakemake"] += self.killed_snakemake

    def of_jobs(self) -> dict[str, int]:
        """The kills of training jobs, by kind."""
        others = ("during a write", "snakemake")
        return {kind: n for kind, n in self.kills.items() if kind not in others}

    def _training(self, snakemake: int, most: float) -> dict[int, str]:
        """The jobs that train, workers of the pool: number -> kind, if it may be killed."""
        try:
            processes = psutil.Process(snakemake).children(recursive=True)
        except psutil.NoSuchProcess:
            return {}
        found = {one.pid: kind for one in processes if (kind := self._kind(one.pid))}
        return {pid: kind for pid, kind in found.items() if self.kills[kind] < most}

    def _writing(self, training: dict[int, str]) -> int | None:
        """A job that writes its checkpoint at this moment: its partial file has its number."""
        deadline = time.monotonic() + WRITE_PATIENCE_S
        folder = self.results / "checkpoints"
        while time.monotonic() < deadline and folder.exists():
            for name in os.listdir(folder):  # noqa: PTH208
                if name.endswith(".partial") and int(name.split(".")[-2]) in training:
                    return int(name.split(".")[-2])
        return None

    def _kind(self, pid: int) -> str | None:
        """What a process trains, by the log that it writes to; None for any other process."""
        try:
            log = Path(f"/proc/{pid}/fd/1").readlink()
            if "isoloss.runtime.worker_pool" not in Path(f"/proc/{pid}/cmdline").read_text():
                return None
        except OSError:
            return None
        if log.parent.name == "trunks":
            return "trunk"
        if log.parent.name != "runs":
            return None
        if log.name.startswith("sine"):
            return "MLP"
        return "data-limited" if log.stem in self.limited else "cooldown"


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


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
    """How many runs, curves' rows and fits there are to be compared."""
    results = one.folder / "results"
    curves = [pd.read_parquet(path) for path in results.glob("studies/*/curves.parquet")]
    return {
        "runs": len(pd.read_parquet(results / "losses.parquet")),
        "rows of curves": sum(map(len, curves)),
        "fitted numbers": len(pd.read_parquet(results / "fits.parquet")),
    }
