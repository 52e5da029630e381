"""The job of one run: train it, and write its curve, its final row and facts about its machine."""

import argparse
import contextlib
import functools
import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from isoloss import __version__
from isoloss.config.load import parse
from isoloss.config.runs import Run
from isoloss.files import read_json, write_arrow, write_json
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.runtime.job import ANALYSIS, COMMIT, DEVICE, KERNEL, LAST_STATES, TORCH, needs
from isoloss.runtime.portable import processor
from isoloss.tables.schema import CURVE_COLUMNS, arrow_table
from isoloss.tasks import task as task_named
from isoloss.tasks.base import Solved, Task
from isoloss.tasks.kernel import NATIVE, kernel_for
from isoloss.tasks.problem import FURTHER

RESULTS = ("curve.parquet", "row.json", "about.json")


def main(argv: list[str]) -> None:
    """Train the run that the arguments describe."""
    arguments = PARSER.parse_args(argv)

    settings = json.loads(arguments.settings)
    kind = settings["task"]["kind"]
    task = task_named(kind)
    run = parse(task.Run, settings, arguments.run_id)
    made = part_of(arguments.stack, arguments.run_id) or _made_here(task, run, arguments)
    row, curve, machine, timed = (made[name] for name in ("row", "curve", "machine", "timed"))
    described = {"run_id": arguments.run_id, "task": kind, "seed": arguments.seed}
    described |= task.columns(run)
    code = machine.pop("code", training_fingerprint(kind))
    trained_by = {"device": machine.get("device", "cpu"), "kernel": machine.get("kernel")}
    folder = Path(arguments.folder)
    points, evaluations = split(curve, arguments.run_id)
    write_arrow(folder / "curve.parquet", arrow_table(points, CURVE_COLUMNS))
    described |= row | timed | trained_by | {"code": code}
    write_json(folder / "row.json", described | ({FURTHER: evaluations} if evaluations else {}))
    about = {
        "run_id": arguments.run_id,
        "settings": run.model_dump(mode="json"),
        "seed": arguments.seed,
        "started_at_utc": made["started_at_utc"],
        "timed": timed,
        "code": code,
    }
    write_json(folder / "about.json", about | made["made_with"] | machine)
    forget(arguments.checkpoint)


def part_of(stack: str | None, job_id: str) -> dict[str, Any] | None:
    """What a job has come to in a stack; None for one that is to be trained by itself.

    Parameters
    ----------
    stack : str, optional
        The file that `isoloss.jobs.stack` has written, if the job is in a stack.
    job_id : str
        Of the run, or of the piece of a trunk.
    """
    if not stack:
        return None
    part = read_json(stack).get(job_id)
    if part is None:
        print(f"isoloss: {job_id} has no part in {stack}; it is trained alone", file=sys.stderr)
    return part


def _made_here(task: Task, run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train or solve the run in this process: its row, its curve, and facts about the machine."""
    get_ready(run)
    started_at_utc = datetime.now(UTC).isoformat(timespec="seconds")
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    if isinstance(task, Solved):
        row, curve, machine = _solved(task, run, arguments.seed)
        before = (0.0, 0.0)
    else:
        row, curve, machine, before = _trained(run, arguments)
    timed = {
        "elapsed_s": before[0] + time.perf_counter() - start_s,
        "train_cpu_s": before[1] + time.process_time() - start_cpu_s,
        "job_cpu_s": time.process_time(),
        "max_rss_mb": max_rss_mb(),
    }
    return {
        "row": row,
        "curve": curve,
        "machine": machine,
        "timed": timed,
        "started_at_utc": started_at_utc,
        "made_with": made_with(),
    }


def split(curve: list[dict], run_id: str) -> tuple[list[dict], list[dict]]:
    """The rows of a learning curve, and those of the further evaluations that were made for it."""
    points, evaluations = [], []
    for point in curve:
        points.append({"run_id": run_id} | {k: v for k, v in point.items() if k != FURTHER})
        when = {name: point[name] for name in ("step", "n_tokens", "compute_flops")}
        evaluations += [{"run_id": run_id} | when | one for one in point.get(FURTHER, ())]
    return points, evaluations


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a job that trains."""
    parser.add_argument("--settings", required=True, help="JSON, as the plan gives it")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", help="folder of the prepared corpus")
    parser.add_argument("--checkpoint", help="where the state is kept while the job runs")


def get_ready(run: Run) -> None:
    """Be in a process that has imported what the run needs."""
    if isinstance(task_named(run.task.kind), Solved):
        needs(ANALYSIS)
        return
    asked, device = os.environ.get(KERNEL, "auto"), os.environ.get(DEVICE, "cpu")
    if kernel_for(run, asked=asked, device=device) != NATIVE:
        needs(TORCH)


def forget(checkpoint: str | None) -> None:
    """Remove a job's checkpoint, because its result is written; `LAST_STATES` are kept."""
    if checkpoint and not os.environ.get(LAST_STATES):
        Path(checkpoint).unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job train", description=__doc__)
    parser.add_argument("--run-id", required=True)
    add_training_arguments(parser)
    parser.add_argument("--folder", required=True, help="where the results go")
    parser.add_argument("--trunk", help="the checkpoint of the trunk that the run goes on from")
    parser.add_argument("--stack", help="what the job of the run's stack has written")
    return parser


PARSER = _parser()  # once, for all jobs of a worker pool


def made_with() -> dict[str, Any]:
    """Versions, commit and machine of a result, for about.json."""
    return {
        "isoloss": __version__,
        "commit": os.environ.get(COMMIT) or None,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy": np.__version__,
        "scipy": _version("scipy"),
        "processor": processor(),
    }


@functools.cache
def _version(name: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return None


def max_rss_mb() -> float:
    """Peak memory of this process so far, in MB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def corpus_of(arguments: argparse.Namespace) -> Any:
    """The corpus that the arguments name, checked; None if they name none.

    Raises
    ------
    UserError
        The corpus is missing or damaged.
    """
    if not arguments.corpus:
        return None
    from isoloss.corpus.load import load

    return load(arguments.corpus, verify=True)


def _solved(task: Solved, run: Run, seed: int) -> tuple[dict, list[dict], dict]:
    outcome = {"status": "done", "reason": None, "compute_flops": float(task.cost(run).flops)}
    row = outcome | task.solve(run, seed)
    return row, [], {"threads": 1}


def _trained(
    run: Run, arguments: argparse.Namespace
) -> tuple[dict, list[dict], dict, tuple[float, float]]:
    """The final row, the curve, facts about the machine, and the seconds before this job."""
    from isoloss.train.outcome import row_of
    from isoloss.train.session import Session

    corpus = corpus_of(arguments)
    session = Session(run, arguments, corpus, of=arguments.run_id, trunk=arguments.trunk)
    reason = session.train()
    return row_of(session, reason), session.trainer.rows, session.machine(), session.before_s
