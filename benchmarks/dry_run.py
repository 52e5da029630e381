"""How long `snakemake -n` takes as a plan grows.

python benchmarks/dry_run.py [--runs 500 1000 2000]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[500, 1000, 2000])
    for count in parser.parse_args().runs:
        print(f"{count} runs: {dry_run_s(count):.1f} s")


def dry_run_s(count: int) -> float:
    """Seconds of a dry run with `count` training runs."""
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "config" / "studies"
        studies.mkdir(parents=True)
        sweep = {"grid": {"model.width": list(range(1, 11))}, "seeds": count // 10}
        (studies / "many.yaml").write_text(yaml.safe_dump(STUDY | {"sweeps": {"width": sweep}}))
        config = {"studies": ["many"], "budget": {"flops": 1e15, "runs": count}}
        (studies.parent / "config.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        start_s = time.perf_counter()
        subprocess.run(
            [*command, "--directory", folder, "--cores", "1", "--dry-run", "--quiet"],
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - start_s


if __name__ == "__main__":
    main()
