"""What `snakemake -n` takes as a plan grows, beside a bare Snakefile with the same graph of jobs.

    python benchmarks/dry_run.py [--runs 500 2000 10000] [--without-slurm]

CPU seconds of all processes, and the peak memory of the largest. The bare Snakefile has the same
runs with the same files, and a job that reads them, but no settings, params or resources: what
Snakemake alone takes. Snakemake imports every installed plugin at its start, and that for SLURM
imports pandas; `--without-slurm` measures as if it were not installed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
MB = 1e6
KIB = 1024  # Linux counts memory in KiB
STUDY = {
    "title": "Many runs",
    "question": "How long does planning take?",
    "theory": "It grows linearly.",
    "settings": {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 8},
        "data": {"n_samples": 64},
        "training": {"steps": 10, "peak_lr": 0.01, "schedule": "cosine"},
    },
}
BARE = """
RUNS = [f"sine-w{{i % 10}}-s{{i}}-0123456789" for i in range({count})]
rule all:
    input: "results/runs.parquet"
rule collect:
    input:
        lambda wildcards: [
            f"results/runs/{{run}}/{{name}}"
            for run in RUNS for name in ("row.json", "curve.parquet")
        ]
    output: "results/runs.parquet"
    shell: "touch {{output}}"
rule train:
    output:
        curve="results/runs/{{run_id}}/curve.parquet",
        row="results/runs/{{run_id}}/row.json",
        about="results/runs/{{run_id}}/about.json",
    log: "results/logs/runs/{{run_id}}.log"
    shell: "touch {{output}} > {{log}}"
"""
# Snakemake as if one plugin were not installed.
WITHOUT_SLURM = """
import pkgutil, sys
found = pkgutil.iter_modules
pkgutil.iter_modules = lambda *a, **k: (m for m in found(*a, **k) if "plugin_slurm" not in m.name)
from snakemake.cli import main
main(sys.argv[1:])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[500, 2000, 10000])
    parser.add_argument("--without-slurm", action="store_true")
    arguments = parser.parse_args()
    start = ["-c", WITHOUT_SLURM] if arguments.without_slurm else ["-m", "snakemake"]
    for count in arguments.runs:
        with tempfile.TemporaryDirectory() as folder:
            write_project(Path(folder), count)
            cpu_s, memory_mb = dry_run(start, ROOT / "Snakefile", folder)
        with tempfile.TemporaryDirectory() as folder:
            bare = Path(folder) / "Snakefile"
            bare.write_text(BARE.format(count=count))
            bare_s, bare_mb = dry_run(start, bare, folder)
        print(
            f"{count:,} runs: {cpu_s:.1f} s of CPU, {memory_mb:.0f} MB;"
            f" Snakemake alone {bare_s:.1f} s, {bare_mb:.0f} MB"
        )


def write_project(folder: Path, count: int) -> None:
    """A project of `count` short runs."""
    studies = folder / "config" / "studies"
    studies.mkdir(parents=True)
    sweep = {"grid": {"model.width": list(range(1, 11))}, "seeds": count // 10}
    (studies / "many.yaml").write_text(yaml.safe_dump(STUDY | {"sweeps": {"width": sweep}}))
    config = {"studies": ["many"], "budget": {"flops": 1e15, "runs": count}}
    (studies.parent / "config.yaml").write_text(yaml.safe_dump(config))


def dry_run(start: list[str], snakefile: Path, folder: str) -> tuple[float, float]:
    """CPU seconds and peak megabytes of a dry run."""
    command = [sys.executable, *start, "--snakefile", str(snakefile), "--directory", folder]
    command += ["--cores", "1", "--dry-run", "--quiet"]
    pid = os.fork()
    if pid == 0:  # so that the peak is of this command alone
        finished = subprocess.run(command, capture_output=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        Path(folder, "used").write_text(f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}")
        os._exit(finished.returncode)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(f"the dry run of {snakefile} failed")
    cpu_s, memory_kib = Path(folder, "used").read_text().split()
    return float(cpu_s), float(memory_kib) * KIB / MB


if __name__ == "__main__":
    main()
