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
from isoloss.code import training_fingerprint
from isoloss.columns import CURVES, typed
from isoloss.config.load import parse
from isoloss.config.runs import RUNS, PolynomialRun, Run
from isoloss.files import write_json, write_parquet
from isoloss.job import COMMIT, DEVICE


def main(argv: list[str]) -> None:
    """Train the run that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.job train", description=__doc__)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--settings", required=True, help="JSON, as the plan gives it")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", help="folder of the prepared corpus")
    parser.add_argument("--folder", required=True, help="where the results go")
    arguments = parser.parse_args(argv)

    settings = json.loads(arguments.settings)
    kind = settings["task"]["kind"]
    run = parse(RUNS[kind], settings, arguments.run_id)
    started_at_utc = datetime.now(UTC).isoformat(timespec="seconds")
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    if isinstance(run, PolynomialRun):
        row, curve, machine = _solved(run, arguments.seed)
    else:
        row, curve, machine = _trained(run, arguments)
    timed = {
        "elapsed_s": time.perf_counter() - start_s,
        "train_cpu_s": time.process_time() - start_cpu_s,
        "job_cpu_s": time.process_time(),
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (2**20 if sys.platform == "darwin" else 2**10),
    }
    described = {"run_id": arguments.run_id, "task": kind, "seed": arguments.seed} | _sizes(run)
    code = training_fingerprint(kind)
    device = machine.get("device", "cpu")
    folder = Path(arguments.folder)
    curve_table = typed([{"run_id": arguments.run_id} | point for point in curve], CURVES)
    write_parquet(folder / "curve.parquet", curve_table)
    write_json(folder / "row.json", described | row | timed | {"device": device, "code": code})
    write_json(
        folder / "about.json",
        {
            "run_id": arguments.run_id,
            "settings": run.model_dump(mode="json"),
            "seed": arguments.seed,
            "started_at_utc": started_at_utc,
            "timed": timed,
            "isoloss": __version__,
            "commit": os.environ.get(COMMIT) or None,
            "code": code,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": platform.machine(),
            **machine,
        },
    )


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
        "n_samples": getattr(data, "n_samples", None),
        "batch_size": training and training.batch_size,
        "peak_lr": training
        and training.lr_at_width(getattr(model, "width", None) or model.d_model),
    }


def _solved(run: PolynomialRun, seed: int) -> tuple[dict, list[dict], dict]:
    import numpy as np

    from isoloss.counting import cost_of
    from isoloss.tasks.polynomial import solve

    outcome = {"status": "done", "reason": None, "compute_flops": float(cost_of(run).flops)}
    row = outcome | solve(run, seed)
    return row, [], {"numpy": np.__version__, "threads": 1}


def _trained(run: Run, arguments: argparse.Namespace) -> tuple[dict, list[dict], dict]:
    import torch

    from isoloss.train.loop import TrainingDiverged, pick_device, train

    torch.set_num_threads(1)
    device = pick_device(os.environ.get(DEVICE, "cpu"))
    corpus = None
    if arguments.corpus:
        from isoloss.corpus.load import load

        corpus = load(arguments.corpus)
    problem = _build(run)(run, arguments.seed, corpus, device)
    outcome = {"status": "done", "reason": None}
    try:
        curve = train(problem, run.training)
    except TrainingDiverged as error:
        curve, outcome = error.rows, {"status": "diverged", "reason": str(error)}
    measured = ("train_loss", "loss", "excess_loss", "exact_match")
    # A run that diverged has no final loss, whatever it had on the way.
    last = curve[-1] if outcome["status"] == "done" else {}
    tokens = None if problem.tokens_per_step is None else problem.steps * problem.tokens_per_step
    seen = problem.steps * problem.samples_per_step if tokens is None else tokens
    counts = problem.counts
    row = (
        counts
        | outcome
        | {name: last.get(name) for name in measured}
        | {
            "steps": problem.steps,
            "n_tokens": tokens,
            "compute_flops": problem.steps * problem.flops_per_step,
            "compute_6nd_flops": 6.0 * counts["n_params"] * seen,
            "compute_6nd_non_embedding_flops": 6.0 * counts["n_params_non_embedding"] * seen,
        }
    )
    machine = {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "corpus": corpus and corpus.card,
    }
    return row, curve, machine


def _build(run: Run):
    match run.task.kind:
        case "function":
            from isoloss.tasks.function import build
        case "copy":
            from isoloss.tasks.copy import build
        case "language":
            from isoloss.tasks.language import build
    return build
