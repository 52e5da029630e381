"""Where the core-seconds of a study go: training and fits, or everything around them.

    python benchmarks/overhead.py [--cores 1 2] [--configfile config/smoke.yaml] [--out FILE]

Runs the workflow in new folders, with this project's config, and prints for each number of cores
the wall-clock time, the CPU time of all processes, and how much of that was spent inside training
loops, closed-form solutions and fits.
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

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, nargs="+", default=[os.cpu_count()])
    parser.add_argument("--configfile", nargs="+", default=[])
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
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


if __name__ == "__main__":
    main()
