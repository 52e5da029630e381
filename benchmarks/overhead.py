"""Where the core-seconds of a study go: training and fits, or everything around them.

    python benchmarks/overhead.py [--cores 1 2] [--configfile config/smoke.yaml] [--out FILE]
    python benchmarks/overhead.py --short-runs 2000

Runs the workflow in new folders, with this project's config, and prints for each number of cores
the wall-clock time, the CPU time of all processes, and how much of that was spent inside training
loops, closed-form solutions and fits.

With --short-runs it runs a study of so many trainings of a few milliseconds instead, up to their
table, and prints what each costs outside its training loop.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SHORT = {
    "title": "Short runs",
    "question": "What does a run cost beside its training?",
    "theory": "Nothing.",
    "settings": {
        "task": {"kind": "function", "target": "sine"},
        "model": {"width": 4},
        "data": {"n_samples": 64, "n_heldout": 64},
        "training": {"steps": 20, "peak_lr": 0.01, "schedule": "cosine", "n_evals": 2},
    },
}
TARGET = "results/studies/short/runs.parquet"
# Snakemake, which writes the CPU time of its own process and of all that it has started.
TIMED = """
import atexit, json, os, sys
def write():
    if os.getpid() == main_process:
        times = os.times()
        own, others = times.user + times.system, times.children_user + times.children_system
        with open(sys.argv[1], "w") as file:
            json.dump({"snakemake": own, "started": others}, file)
main_process = os.getpid()
atexit.register(write)
from snakemake.cli import main
main(sys.argv[2:])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, nargs="+", default=[os.cpu_count()])
    parser.add_argument("--configfile", nargs="+", default=[])
    parser.add_argument("--short-runs", type=int, help="measure so many short trainings instead")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    if arguments.short_runs:
        for cores in arguments.cores:
            print_short(short_runs(arguments.short_runs, cores), cores)
        return
    measured = [measure(cores, arguments.configfile) for cores in arguments.cores]
    for row in measured:
        print(
            f"{row['cores']} cores: {row['elapsed_s']:.0f} s, {row['cpu_s']:.0f} core-seconds: "
            f"{row['training_cpu_s']:.0f} training, {row['fit_cpu_s']:.0f} fits "
            f"= {row['useful_share']:.1%}; again, with nothing to do: {row['again_s']:.1f} s"
        )
        for name, seconds in sorted(row["by_command_s"].items(), key=lambda item: -item[1]):
            print(f"  {name:10} {seconds:8.1f}")
    if arguments.out:
        machine = {"python": platform.python_version(), "machine": platform.platform()}
        arguments.out.write_text(json.dumps({"machine": machine, "measured": measured}, indent=1))


def measure(cores: int, configfile: list[str]) -> dict:
    """One run of the workflow, and one with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "config", Path(folder) / "config")
        costs = Path(folder) / "costs.json"
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--directory", folder, "--cores", str(cores)),
            *(["--configfile", *configfile] if configfile else []),
        ]
        environ = os.environ | {"ISOLOSS_COSTS": str(costs)}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start_s = time.perf_counter()
        subprocess.run(command, check=True, env=environ)
        elapsed_s = time.perf_counter() - start_s
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        start_s = time.perf_counter()
        subprocess.run(command, check=True, env=environ)
        again_s = time.perf_counter() - start_s
        cpu_s = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        by_command_s = json.loads(costs.read_text())
        rows = [json.loads(path.read_text()) for path in Path(folder).rglob("runs/*/row.json")]
    training_cpu_s = sum(row["train_cpu_s"] for row in rows)
    fit_cpu_s = by_command_s["fit"]
    jobs_s = sum(by_command_s.values())
    return {
        "cores": cores,
        "n_runs": len(rows),
        "elapsed_s": elapsed_s,
        "again_s": again_s,
        "cpu_s": cpu_s,
        "training_cpu_s": training_cpu_s,
        "fit_cpu_s": fit_cpu_s,
        "useful_share": (training_cpu_s + fit_cpu_s) / cpu_s,
        "by_command_s": by_command_s | {"snakemake": cpu_s - jobs_s},
    }


def short_runs(count: int, cores: int) -> dict[str, float]:
    """CPU seconds of a study of short trainings, by what took them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config" / "studies").mkdir(parents=True)
        config = {"studies": ["short"], "budget": {"flops": 1e15, "runs": count}}
        (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
        sweeps = {"seeds": {"grid": {"model.width": [4]}, "seeds": count}}
        study = yaml.safe_dump(SHORT | {"sweeps": sweeps})
        (folder / "config" / "studies" / "short.yaml").write_text(study)
        costs, times = folder / "costs.json", folder / "times.json"
        command = [
            *(sys.executable, "-c", TIMED, str(times), TARGET),
            *("--snakefile", str(ROOT / "Snakefile"), "--directory", name, "--cores", str(cores)),
        ]
        subprocess.run(command, check=True, env=os.environ | {"ISOLOSS_COSTS": str(costs)})
        rows = [json.loads(path.read_text()) for path in folder.rglob("runs/*/row.json")]
        by_command_s, times_s = json.loads(costs.read_text()), json.loads(times.read_text())
    pool_s = sum(by_command_s.values())
    training_s = sum(row["train_cpu_s"] for row in rows)
    return {
        "runs": len(rows),
        "training loops": training_s,
        "Snakemake": times_s["snakemake"],
        "shells and clients of jobs": times_s["started"] - pool_s,
        "trainings, outside their loops": by_command_s["train"] - training_s,
        "the pool itself": pool_s - by_command_s["train"],
    }


def print_short(measured: dict[str, float], cores: int) -> None:
    """What a short run costs, in milliseconds."""
    count = measured.pop("runs")
    outside_s = sum(measured.values()) - measured["training loops"]
    print(f"{count:,} runs, {cores} cores: {1000 * outside_s / count:.1f} ms outside training each")
    for name, seconds in measured.items():
        print(f"  {name:32} {1000 * seconds / count:6.1f} ms a run")


if __name__ == "__main__":
    main()
