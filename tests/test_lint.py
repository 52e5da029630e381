"""The form of the code, held by the tools themselves; `make lint` runs these tests alone."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECKS = {
    "snakemake --lint": ["snakemake", "--lint"],
    "snakefmt --check": ["snakefmt", "--check", "--compact-diff", "Snakefile", "workflow"],
    "ruff check": ["ruff", "check"],
    "ruff format --check": ["ruff", "format", "--check", "--diff"],
}


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS.keys())
def test_is_clean(command):
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)
