"""Does a whole study have the same bytes by every compiler and instruction set?

    python benchmarks/bytes_study.py [--configfile FILE] [--only WORD ...] [--lacks-fma N]

Builds the kernel with GCC and Clang for AVX-512 and AVX2, where the processor has them, and for
x86-64 without a fused multiply-add (FMA). Each library trains all runs and trunks that the native
kernel trains in a config: in the smoke study's by default. The first library is what the others are
compared with. Compared are the columns of the runs and of their learning curves without times, the
states at the end of the runs, and those of the trunks. Without FMA, each fused product and sum is
a call, and a step takes some thirty times as long: with --lacks-fma N, only every N-th run is
trained there, with its trunks.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from isoloss.corpus.prepare import prepare
from isoloss.files import read_json, read_parquet
from isoloss.jobs import train, trunk
from isoloss.native import build, compiler, target
from isoloss.pipeline.project import read_project
from isoloss.pipeline.slices import Workflow
from isoloss.plan.planned import PlannedRun, PlannedTrunk
from isoloss.runtime.job import LAST_STATES
from isoloss.tasks import run_of
from isoloss.tasks.kernel import is_native
from isoloss.train.state import load_state

ROOT = Path(__file__).parents[1]
OF_TIME = ("elapsed_s", "train_cpu_s", "job_cpu_s", "max_rss_mb")
WITHOUT_FMA = "x86-64 without FMA"
Hashes = dict[str, str]  # what was trained, and which part of it -> a hash of its bytes


def main() -> int:
    """Train with each library, compare, and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--configfile", default=str(ROOT / "config" / "smoke.yaml"))
    parser.add_argument("--only", nargs="+", help="of the others, cases with one of these words")
    parser.add_argument("--lacks-fma", type=int, default=1, metavar="N")
    arguments = parser.parse_args()
    if target.architecture() != "x86_64":
        parser.error("needs an x86-64 processor")
    sets = {one.name: one.options for one in target.runnable()} | {WITHOUT_FMA: ("-march=x86-64",)}
    project = read_project(ROOT, [arguments.configfile])
    runs = [run for run in project.plan.runs.values() if is_native(run_of(run.settings))]
    os.environ[LAST_STATES] = "1"
    reference: Hashes = {}
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        corpora = Path(folder) / "corpora"
        for corpus_id, spec in project.specs.items():
            prepare(spec, ROOT, corpora / corpus_id, expected_id=corpus_id,
                    downloads=ROOT / "downloads")  # fmt: skip
        for command in ("g++", "clang++", "clang++-14"):
            for name, options in sets.items() if shutil.which(command) else ():
                if reference and not any(w in f"{command} {name}" for w in arguments.only or [""]):
                    continue
                library = compiled(command, options, Path(folder))
                chosen = runs[:: arguments.lacks_fma if name == WITHOUT_FMA else 1]
                before_s = cpu_of_children_s()
                with multiprocessing.get_context("fork").Pool(1) as pool:
                    made = pool.apply(trained, (project, chosen, library, name, corpora))
                    pool.close()
                    pool.join()
                reference = reference or made
                other = [key for key, value in made.items() if reference[key] != value]
                different += len(other)
                print(f"| {command} | {name} | {tally(made, other)} | "
                      f"{cpu_of_children_s() - before_s:.0f} s of CPU |", flush=True)  # fmt: skip
                print("".join(f"  {key} differs\n" for key in other), end="", flush=True)
    return min(different, 1)


def cpu_of_children_s() -> float:
    """Of the child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def compiled(command: str, options: tuple[str, ...], folder: Path) -> Path:
    """The kernel as this compiler builds it with these options."""
    library = Path(tempfile.mkdtemp(dir=folder)) / "kernel.so"
    files = [str(path) for path in build.sources() if path.suffix == ".cpp"]
    subprocess.run(
        [command, *compiler.OPTIONS, *options, *compiler.LINKING, *files, "-o", str(library)],
        check=True,
    )
    return library


def trained(
    project: Workflow, runs: list[PlannedRun], library: Path, name: str, corpora: Path
) -> Hashes:
    """Train runs and their trunks with a library, in a process of their own; their hashes."""
    loaded = compiler.load(library)
    build._found = lambda: (loaded, "", name)
    folder = library.parent
    trunks = {trunk_id for run in runs for trunk_id in project.plan.chain(run)}
    made: Hashes = {}
    for trunk_id in sorted(trunks, key=lambda one: project.plan.trunks[one].trunk.steps):
        job = project.plan.trunks[trunk_id]
        before = job.before and folder / f"{job.before}.safetensors"
        out = folder / f"{trunk_id}.safetensors"
        trunk.main([*options(project, job, trunk_id, before, corpora), "--out", str(out)])
        made[f"{trunk_id}, state"] = hash_of_state(out)
    for run in runs:
        before = run.trunk and folder / f"{run.trunk.trunk_id}.safetensors"
        out, state = folder / run.run_id, folder / "checkpoint.safetensors"
        train.main([
            *options(project, run, run.run_id, before, corpora),
            *("--folder", str(out), "--checkpoint", str(state)),
        ])  # fmt: skip
        row = read_json(out / "row.json")
        made[f"{run.run_id}, row"] = hash_of({k: v for k, v in row.items() if k not in OF_TIME})
        curve = read_parquet(out / "curve.parquet").drop(columns="elapsed_s")
        made[f"{run.run_id}, curve"] = hash_of(curve.map(repr).to_dict("list"))
        if state.exists():  # not if it has diverged, or stopped early
            made[f"{run.run_id}, state"] = hash_of_state(state)
            state.unlink()
    return made


def options(
    project: Workflow, job: PlannedRun | PlannedTrunk, job_id: str, before: Path | None,
    corpora: Path,
) -> list[str]:  # fmt: skip
    """The arguments of a training job, as its rule gives them."""
    kind = "trunk" if isinstance(job, PlannedTrunk) else "run"
    given = [f"--{kind}-id", job_id, "--settings", project.settings(job_id)]
    given += ["--seed", str(project.seed(job_id))]
    given += ["--corpus", str(corpora / job.corpus_id)] if job.corpus_id else []
    return given + (["--trunk", str(before)] if before else [])


def hash_of_state(path: Path) -> str:
    """Of the tensors, the step and the losses of a checkpoint."""
    state = load_state(path)
    digest = hashlib.sha256(repr([state.step, [row["loss"] for row in state.rows]]).encode())
    for name, values in sorted(state.tensors.items()):
        digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()


def hash_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def tally(made: Hashes, other: list[str]) -> str:
    """How many of each part are the same."""
    parts = {}
    for key in made:
        same, n = parts.get(part := key.rpartition(", ")[2], (0, 0))
        parts[part] = (same + (key not in other), n + 1)
    return ", ".join(f"{part} {same} of {n}" for part, (same, n) in parts.items())


if __name__ == "__main__":
    sys.exit(main())
