"""The job of one piece of a trunk: train it, and write the state that runs continue."""

import argparse
import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoloss.config.load import parse
from isoloss.config.runs import Run
from isoloss.errors import UserError
from isoloss.files import write_json
from isoloss.jobs.train import (
    add_training_arguments,
    corpus_of,
    forget,
    get_ready,
    made_with,
    max_rss_mb,
    part_of,
)
from isoloss.tasks import task
from isoloss.train.session import Session
from isoloss.train.state import load_state, save_state
from isoloss.train.trunk import train_piece


def main(argv: list[str]) -> None:
    """Train the piece of a trunk that the arguments describe."""
    arguments = PARSER.parse_args(argv)

    settings = json.loads(arguments.settings)
    run = parse(task(settings["task"]["kind"]).Run, settings, arguments.trunk_id)
    made = _of_stack(arguments) or _made_here(run, arguments)
    begun_at, last = made["steps"]
    described = {
        "trunk_id": arguments.trunk_id,
        "settings": run.model_dump(mode="json"),
        "seed": arguments.seed,
        "started_at_utc": made["started_at_utc"],
        "steps": [begun_at, last],  # after the first, to the last
        "compute_flops": (last - begun_at) * made["flops_per_step"],
        "timed": made["timed"],
    }
    out, state = Path(arguments.out), made["state"]
    write_json(out.with_suffix(".json"), described | made["made_with"] | made["machine"])
    save_state(out, state, state.about)
    forget(arguments.checkpoint)
    if "left_at" in made:
        Path(made["left_at"]).unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job trunk", description=__doc__)
    parser.add_argument("--trunk-id", required=True)
    add_training_arguments(parser)
    parser.add_argument("--trunk", help="the checkpoint of the piece before")
    parser.add_argument("--stack", help="what the job of the piece's stack has written")
    parser.add_argument("--out", required=True, help="the checkpoint to write")
    return parser


PARSER = _parser()  # once, for all jobs of a worker pool


def _of_stack(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """What the piece has come to in a stack, with its state; None if it is to be trained here."""
    part = part_of(arguments.stack, arguments.trunk_id)
    if part is None:
        return None
    try:
        return part | {"state": load_state(part["left_at"])}
    except UserError as error:
        print(f"isoloss: {error}; the piece is trained alone", file=sys.stderr)
        return None


def _made_here(run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the piece in this process: its last state, and facts about the machine."""
    get_ready(run)
    started_at_utc = datetime.now(UTC).isoformat(timespec="seconds")
    start_s = time.perf_counter()
    corpus = corpus_of(arguments)
    session = Session(run, arguments, corpus, of=arguments.trunk_id, trunk=arguments.trunk)
    begun_at = session.trunk.step if session.trunk else 0
    state, about = train_piece(session)
    timed = {
        "elapsed_s": session.before_s[0] + time.perf_counter() - start_s,
        "train_cpu_s": state.cpu_s,
        "job_cpu_s": time.process_time(),
        "max_rss_mb": max_rss_mb(),
    }
    return {
        "state": replace(state, about=about),
        "steps": [begun_at, session.facts.steps],
        "flops_per_step": session.facts.flops_per_step,
        "timed": timed,
        "started_at_utc": started_at_utc,
        "made_with": made_with(),
        "machine": session.machine(),
    }
