"""The job that joins the runs of all studies: one row per run."""

import argparse
from pathlib import Path

import pandas as pd

from isoloss.files import read_parquet, write_parquet
from isoloss.tables.schema import RUN_COLUMNS, STUDIES


def main(argv: list[str]) -> None:
    """Write the losses table."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job losses", description=__doc__)
    parser.add_argument("--runs", nargs="+", required=True, help="runs.parquet of each study")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    tables = {Path(path).parent.name: read_parquet(path) for path in arguments.runs}
    write_parquet(arguments.out, join(tables))


def join(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per run, in the order of the studies, with the names of the studies that want it."""
    wanted: dict[str, list[str]] = {}
    for study, runs in tables.items():
        for run_id in runs["run_id"].unique():
            wanted.setdefault(run_id, []).append(study)
    joined = pd.concat(tables.values(), ignore_index=True).drop_duplicates("run_id")
    joined = joined[[column.name for column in RUN_COLUMNS]].reset_index(drop=True)
    studies = [" ".join(wanted[run_id]) for run_id in joined["run_id"]]
    return joined.assign(**{STUDIES.name: pd.array(studies, dtype=STUDIES.dtype)})
