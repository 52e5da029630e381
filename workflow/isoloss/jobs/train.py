"""The job of one run: train it, and write its curve, its final row and what it ran on."""

import argparse
import json
import os
import platform
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoloss import __version__
from isoloss.config.load import parse
from isoloss.config.runs import RUN_MODELS, PolynomialRun, Run
from isoloss.files import write_json, write_parquet
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.runtime.job import COMMIT, LAST_STATES
from isoloss.tables.schema import CURVE_COLUMNS, typed

RESULTS = ("curve.parquet", "row.json", "about.json")


def main(argv: list[str]) -> None:
    """Train the run that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job train", description=__doc__)
    parser.add_argument("--run-id", required=True)
    add_training_arguments(parser)
    parser.add_argument("--folder", required=True, help="where the results go")
    parser.add_argument("--trunk", help="the checkpoint of the trunk that the run goes on from")
    arguments = parser.parse_args(argv)

    settings = json.loads(arguments.settings)
    kind = settings["task"]["kind"]
    run = parse(RUN_MODELS[kind], settings, arguments.run_id)
    started_at_utc = datetime.now(UTC).isoformat(timespec="seconds")
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    if isinstance(run, PolynomialRun):
        row, curve, machine = _solved(run, arguments.seed)
        before = (0.0, 0.0)
    else:
        row, curve, machine, before = _trained(run, arguments)
    timed = {
        "elapsed_s": before[0] + time.perf_counter() - start_s,
        "train_cpu_s": before[1] + time.process_time() - start_cpu_s,
        "job_cpu_s": time.process_time(),
        "max_rss_mb": max_rss_mb(),
    }
    described = {"run_id": arguments.run_id, "task": kind, "seed": arguments.seed} | _sizes(run)
    code = machine.pop("code", training_fingerprint(kind))
    device = machine.get("device", "cpu")
    folder = Path(arguments.folder)
    curve_table = typed([{"run_id": arguments.run_id} | point for point in curve], CURVE_COLUMNS)
    write_parquet(folder / "curve.parquet", curve_table)
    write_json(folder / "row.json", described | row | timed | {"device": device, "code": code})
    about = {
        "run_id": arguments.run_id,
        "settings": run.model_dump(mode="json"),
        "seed": arguments.seed,
        "started_at_utc": started_at_utc,
        "timed": timed,
        "code": code,
    }
    write_json(folder / "about.json", about | made_with() | machine)
    forget(arguments.checkpoint)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a job that trains."""
    parser.add_argument("--settings", required=True, help="JSON, as the plan gives it")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", help="folder of the prepared corpus")
    parser.add_argument("--checkpoint", help="where the state is kept while the job runs")


def forget(checkpoint: str | None) -> None:
    """Remove a job's checkpoint, because its result is written; `LAST_STATES` are kept."""
    if checkpoint and not os.environ.get(LAST_STATES):
        Path(checkpoint).unlink(missing_ok=True)


def made_with() -> dict[str, Any]:
    """What made a result, as about.json says it."""
    return {
        "isoloss": __version__,
        "commit": os.environ.get(COMMIT) or None,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
    }


def max_rss_mb() -> float:
    """The largest memory of this process so far."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _sizes(run: Run) -> dict[str, Any]:
    """The settings that are columns of the losses table."""
    task, model, data = run.task, run.model, run.data
    training = getattr(run, "training", None)
    width = getattr(model, "width", None) or getattr(model, "d_model", None)
    return {
        "target": getattr(task, "target", None) or getattr(task, "corpus", None) or task.kind,
        "n_inputs": getattr(task, "n_inputs", None),
        "noise_sd": getattr(task, "noise_sd", None),
        "degree": getattr(model, "degree", None),
        "width": width,
        "n_layer": getattr(model, "n_layer", None) or getattr(model, "n_hidden", None),
        "context": getattr(task, "context", None),
        "dropout": getattr(model, "dropout", None),
        "n_samples": getattr(data, "n_samples", None),
        "batch_size": training and training.batch_size,
        "schedule": training and training.schedule,
        "peak_lr": training and training.lr_at_width(width),
    }


def _solved(run: PolynomialRun, seed: int) -> tuple[dict, list[dict], dict]:
    import numpy as np

    from isoloss.counting import cost_of
    from isoloss.tasks.polynomial import solve

    outcome = {"status": "done", "reason": None, "compute_flops": float(cost_of(run).flops)}
    row = outcome | solve(run, seed)
    return row, [], {"numpy": np.__version__, "threads": 1}


def _trained(
    run: Run, arguments: argparse.Namespace
) -> tuple[dict, list[dict], dict, tuple[float, float]]:
    """The final row, the curve, what the run ran on, and the seconds spent before this job."""
    from isoloss.train.session import Session

    session = Session(run, arguments, of=arguments.run_id, trunk=arguments.trunk)
    reason = session.train()
    problem, trainer = session.problem, session.trainer
    curve, steps = trainer.rows, problem.steps if reason else trainer.step
    # A run that diverged has no final loss, whatever it had on the way.
    last = {} if reason else curve[-1]
    best = {} if reason else min(curve, key=lambda row: row["loss"])
    measured = ("train_loss", "loss", "excess_loss", "exact_match")
    tokens = None if problem.tokens_per_step is None else steps * problem.tokens_per_step
    seen = steps * problem.samples_per_step if tokens is None else tokens
    counts = problem.counts
    matrices = counts["n_params_non_embedding"]
    row = (
        counts
        | {"status": "diverged" if reason else "done", "reason": reason}
        | {name: last.get(name) for name in measured}
        | {
            "best_loss": best.get("loss"),
            "best_step": best.get("step"),
            "steps": steps,
            "n_tokens": tokens,
            "compute_flops": steps * problem.flops_per_step,
            "compute_6nd_flops": 6.0 * counts["n_params"] * seen,
            "compute_6nd_non_embedding_flops": 6.0 * matrices * seen,
        }
        | session.trunk_columns()
    )
    if counts.get("vocab_size"):
        logits = counts["vocab_size"] * problem.width
        row["compute_6nd_logits_flops"] = 6.0 * (matrices + logits) * seen
    return row, curve, session.machine(), session.before_s
