"""Give two commands in one folder at once, and compare with a folder that had one at a time.

    python benchmarks/pairs.py [--pairs 20] [--seed 0] [--out FILE]

Each pair has two random targets. The second command starts up to four seconds after the first. The
one that works is left to finish, interrupted (Ctrl-C) or killed (SIGKILL), at random. Every command
that is refused must name a process that is alive and works in the folder. Then both commands are
given again, one after the other, and what they make must be the same to the last bit.
"""

import argparse
import copy
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]

from tests.survival.chaos import differences  # noqa: E402
from tests.workflow.project import SNAKEFILE, Project  # noqa: E402
from tests.workflow.test_staleness import FUNCTION  # noqa: E402

TARGETS = (
    "results/studies/sine/runs.parquet",
    "results/studies/other/fits.parquet",
    "figures/sine/width.png",
    "figures/other/width.pdf",
    "results/losses.parquet",
    "results/complete.json",
    "results/report.html",
    "study_sine",
)
REFUSED = re.compile(r"in use by another snakemake: process (\d+) on ")
ENDS = {"finished": None, "interrupted": signal.SIGINT, "killed": signal.SIGKILL}
LATEST_S = 4.0  # the second command starts, and the one that works is ended
PATIENCE_S = 900.0


@dataclass
class Command:
    """A command that was started, with what it writes and when it ended."""

    process: subprocess.Popen
    output: Path
    ended_s: float | None = None

    @property
    def refused_for(self) -> int | None:
        """The process that it was refused for, by its message."""
        found = REFUSED.search(self.output.read_text(errors="replace"))
        return int(found[1]) if found else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON file for the tally")
    arguments = parser.parse_args()
    drawn, tally, wrong = random.Random(arguments.seed), Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        calm, shared = (made(Path(folder) / name) for name in ("calm", "shared"))
        calm.jobs()
        for _ in range(arguments.pairs):
            wrong += pair(shared, drawn, tally)
            finished = shared.snakemake()
            if finished.returncode:
                wrong.append("the last command failed: " + finished.stderr[-2000:])
            wrong += differences(calm, shared)
            for made_there in ("results", "figures"):
                shutil.rmtree(shared.folder / made_there)
    result = {"pairs": arguments.pairs, **dict(sorted(tally.items())), "wrong": wrong}
    print(json.dumps(result, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return int(bool(wrong))


def made(folder: Path) -> Project:
    """A project of two studies, which share some runs."""
    folder.mkdir()
    studies = {"sine": copy.deepcopy(FUNCTION), "other": copy.deepcopy(FUNCTION)}
    studies["other"]["sweeps"]["width"]["grid"]["model.width"] = [3, 4, 5, 7]
    return Project(folder, studies)


def pair(project: Project, drawn: random.Random, tally: Counter) -> list[str]:
    """Two commands at once, whose end is drawn, and then one after the other: what was wrong."""
    targets = drawn.sample(TARGETS, 2)
    commands = [start(project, targets[0], "first")]
    time.sleep(drawn.uniform(0, LATEST_S))
    commands.append(start(project, targets[1], "second"))
    end = drawn.choice(list(ENDS))
    wait(commands, ENDS[end], drawn.uniform(0, LATEST_S))
    tally[f"the one that worked was {end}"] += 1
    wrong = []
    for command, other in (commands, commands[::-1]):
        named = command.refused_for
        if named is None:
            continue
        tally["refused"] += 1
        refused_s = command.output.stat().st_mtime
        if named != other.process.pid or refused_s > other.ended_s:
            wrong.append(f"process {named} was named, and did not work there")
        if command.process.returncode == 0:
            wrong.append("a command that was refused has ended with exit code 0")
    for target in drawn.sample(targets, 2):
        finished = project.snakemake(target)
        if finished.returncode:
            wrong.append(f"{target}, given again, failed: {finished.stderr[-2000:]}")
    return wrong


def start(project: Project, target: str, name: str) -> Command:
    """Start Snakemake for a target."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--directory", str(project.folder), "--cores", "2", target]
    own = {k: v for k, v in os.environ.items() if not k.startswith("ISOLOSS_")}
    output = project.folder.with_suffix(f".{name}.txt")
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, env=own, stdout=file, stderr=file, start_new_session=True
        )
    return Command(process, output)


def wait(commands: list[Command], number: int | None, after_s: float) -> None:
    """Wait for two commands, and send the one that goes on a signal once the other is refused."""
    deadline_s = time.monotonic() + PATIENCE_S
    send_s = None
    while any(command.ended_s is None for command in commands):
        for command in commands:
            if command.ended_s is None and command.process.poll() is not None:
                command.ended_s = time.time()
        running = [command for command in commands if command.ended_s is None]
        if len(running) == 1 and send_s is None:
            send_s = time.monotonic() + after_s
        if running and send_s and number and time.monotonic() > send_s:
            os.killpg(running[0].process.pid, number)
            number = None
        if time.monotonic() > deadline_s:
            raise SystemExit("the commands do not end: " + commands[0].output.read_text())
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
