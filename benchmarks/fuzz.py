"""Spoil real studies at random, and count what becomes of them.

    python benchmarks/fuzz.py [--configs 1000] [--run 30] [--seed 0] [--out FILE]

Each config is read and planned as the Snakefile does it: it must be accepted, or refused with a
message that says where to look; an exception, a file left behind or a message without a place is a
failure. Of those that are accepted, some are run whole by Snakemake: a job may fail with a message,
but with no traceback, and a report must be there in the end.
"""

import argparse
import collections
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]

from tests.hostile.mutations import Attempt, real_studies, spoilt  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=int, default=1000, help="how many are spoilt")
    parser.add_argument("--run", type=int, default=30, help="how many of the accepted ones are run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON file for the tally")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally, accepted = spoil(Path(folder), arguments.configs, arguments.seed)
        chosen = random.Random(arguments.seed).sample(accepted, min(arguments.run, len(accepted)))
        for number, case in enumerate(chosen):
            tally[run(Path(folder) / f"run{number}", case)] += 1
    print(json.dumps(tally, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(tally, indent=1) + "\n")
    return int(any(key.startswith("FAILURE") for key in tally))


def spoil(folder: Path, count: int, start: int) -> tuple[collections.Counter, list]:
    """What becomes of `count` spoilt configs, and those that are accepted."""
    tally, accepted = collections.Counter(), []
    studies, attempt = real_studies(), Attempt(folder / "spoilt")

    @seed(start)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(spoilt(studies))
    def each(case):
        tally["configs"] += 1
        try:
            fine, message = attempt(case)
        except Exception as error:
            tally[f"FAILURE: {type(error).__name__}"] += 1
            print(f"{type(error).__name__}: {error}\n{case}", file=sys.stderr)
            return
        if fine:
            tally["accepted"] += 1
            accepted.append(case)
        elif attempt.says_where(message, case):
            tally["refused, with the place"] += 1
        else:
            tally["FAILURE: no place"] += 1
            print(message, file=sys.stderr)
        if attempt.left_behind():
            tally["FAILURE: files left behind"] += 1

    each()
    return tally, accepted


def run(folder: Path, case: tuple[str, str, str]) -> str:
    """What becomes of an accepted config when Snakemake runs it."""
    config, name, study = case
    (folder / "config" / "studies").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(config)
    (folder / "config" / "studies" / f"{name}.yaml").write_text(study)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2"]
    finished = subprocess.run(command, capture_output=True, text=True)
    said = finished.stdout + finished.stderr
    report = list(folder.rglob("report.html"))
    if "Traceback" in said or not report or list(folder.rglob("*.partial")):
        print(said[-3000:], study, sep="\n", file=sys.stderr)
        return "FAILURE: run"
    return "run whole" if finished.returncode == 0 else "run, with a message"


if __name__ == "__main__":
    sys.exit(main())
