"""The job that joins the analyses of a study."""

import argparse

from isoloss.files import read_parquet, write_parquet
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed


def main(argv: list[str]) -> None:
    """Write one table of a study's analyses, in the order in which the study names them."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job analyses", description=__doc__)
    parser.add_argument("--analyses", nargs="+", required=True, help="a table for each")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    rows = [row for path in arguments.analyses for row in read_parquet(path).to_dict("records")]
    write_parquet(arguments.out, typed(rows, ANALYSIS_COLUMNS))
