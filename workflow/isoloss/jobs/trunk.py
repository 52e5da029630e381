"""The job of one piece of a trunk: train it, and write the state that runs continue."""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from isoloss.config.load import parse
from isoloss.files import write_json
from isoloss.jobs.train import (
    add_training_arguments,
    corpus_of,
    forget,
    get_ready,
    made_with,
    max_rss_mb,
)
from isoloss.tasks import task
from isoloss.train.session import Session
from isoloss.train.state import save_state
from isoloss.train.trunk import train_piece


def main(argv: list[str]) -> None:
    """Train the piece of a trunk that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job trunk", description=__doc__)
    parser.add_argument("--trunk-id", required=True)
    add_training_arguments(parser)
    parser.add_argument("--trunk", help="the checkpoint of the piece before")
    parser.add_argument("--out", required=True, help="the checkpoint to write")
    arguments = parser.parse_args(argv)

    settings = json.loads(arguments.settings)
    run = parse(task(settings["task"]["kind"]).Run, settings, arguments.trunk_id)
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
    described = {
        "trunk_id": arguments.trunk_id,
        "settings": run.model_dump(mode="json"),
        "seed": arguments.seed,
        "started_at_utc": started_at_utc,
        "steps": [begun_at, session.facts.steps],  # after the first, to the last
        "compute_flops": (session.facts.steps - begun_at) * session.facts.flops_per_step,
        "timed": timed,
    }
    out = Path(arguments.out)
    write_json(out.with_suffix(".json"), described | made_with() | session.machine())
    save_state(out, state, about)
    forget(arguments.checkpoint)
