"""The job that checks that every run has a result; a diverged run does not fail its own job."""

import argparse
import json
from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import read_parquet, write_json
from isoloss.runs.select import is_finished


def main(argv: list[str]) -> None:
    """Write the number of runs; fail if a run diverged unexpectedly."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job complete", description=__doc__)
    parser.add_argument("--runs", nargs="*", required=True, help="runs.parquet of each study")
    parser.add_argument("--may-diverge", required=True, help="JSON: study -> sweeps that may")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    may_diverge = json.loads(arguments.may_diverge)
    problems, counts = [], {"runs": 0, "diverged": 0}
    for path in map(Path, arguments.runs):
        study, runs = path.parent.name, read_parquet(path)
        lost = runs[~is_finished(runs)]
        counts["runs"] += runs["run_id"].nunique()
        counts["diverged"] += lost["run_id"].nunique()
        problems += [
            f"{study}, sweep {row.sweep}: {row.run_id} diverged: {row.reason}"
            for row in lost.itertuples()
            if row.sweep not in may_diverge.get(study, [])
        ]
    if problems:
        said = "runs without a result (if a sweep is meant to have some: `may_diverge: true`)"
        raise UserError(said, problems)
    write_json(arguments.out, counts)
