"""The job of a stack: train runs of one shape side by side, and write what each has come to.

Each run's own job (`isoloss.jobs.train`, `isoloss.jobs.trunk`) takes its part from the file that
this job writes, and makes the run's files from it. A run without a part there is trained alone: one
that was refused, or all of them where the GPU could not hold the stack.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoloss.config.load import parse
from isoloss.errors import UserError
from isoloss.files import read_json, write_json
from isoloss.jobs.train import corpus_of, made_with, max_rss_mb
from isoloss.runtime.job import DEVICE, TORCH, needs
from isoloss.tasks import task


def main(argv: list[str]) -> None:
    """Train the runs and the pieces of trunks that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job stack", description=__doc__)
    parser.add_argument("--jobs", required=True, help="JSON, or @PATH of a file that holds it")
    parser.add_argument("--corpus", help="folder of the prepared corpus")
    parser.add_argument("--out", required=True, help="the file with what each has come to")
    arguments = parser.parse_args(argv)
    needs(TORCH)
    given = arguments.jobs
    wanted = read_json(given[1:]) if given.startswith("@") else json.loads(given)
    write_json(arguments.out, _train(wanted, corpus_of(arguments), Path(arguments.out)))


def _train(wanted: list[dict[str, Any]], corpus: Any, out: Path) -> dict[str, Any]:
    """Job -> what it has come to."""
    from isoloss.train.stacked.session import prepared, train_together

    started_at_utc = datetime.now(UTC).isoformat(timespec="seconds")
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    jobs, parts = [], {}
    for one in wanted:
        try:
            run = parse(task(one["settings"]["task"]["kind"]).Run, one["settings"], one["job_id"])
            jobs.append(prepared(one, run, corpus))
        except UserError as error:
            print(f"isoloss: {error}; {one['job_id']} is left out", file=sys.stderr)

    def ended(session) -> None:
        share = len(jobs)
        parts[session.job.job_id] = {
            "started_at_utc": started_at_utc,
            "timed": {
                "elapsed_s": session.before_s[0] + time.perf_counter() - start_s,
                "train_cpu_s": session.before_s[1] + (time.process_time() - start_cpu_s) / share,
                "job_cpu_s": time.process_time() / share,
                "max_rss_mb": max_rss_mb(),
            },
            "made_with": made_with(),
            "machine": session.machine(),
        } | (_of_trunk(session, out) if session.job.to_be_continued else _of_run(session))

    if jobs:
        try:
            train_together(jobs, corpus, os.environ.get(DEVICE, "cpu"), ended)
        except RuntimeError as error:
            left = len(jobs) - len(parts)
            print(f"isoloss: {left} runs could not be trained together: {error}", file=sys.stderr)
    return parts


def _of_run(session) -> dict[str, Any]:
    from isoloss.train.outcome import row_of

    if session.reason is None:
        session.keeper.keep_last(session.trainer)
    return {"row": row_of(session, session.reason), "curve": session.trainer.rows}


def _of_trunk(session, out: Path) -> dict[str, Any]:
    from isoloss.train.state import save_state

    state, about = session.end_of_trunk()
    path = out.with_name(f"{session.job.job_id}.safetensors")
    save_state(path, state, about)
    begun_at = session.trunk.step if session.trunk else 0
    per_step = session.facts.flops_per_step
    return {"left_at": str(path), "steps": [begun_at, state.step], "flops_per_step": per_step}
