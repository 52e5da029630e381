"""The job that joins the fits of all studies."""

import argparse

import pandas as pd

from isoloss.files import read_parquet, write_parquet


def main(argv: list[str]) -> None:
    """Write one table of fits from those of the studies, in their order."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job fits", description=__doc__)
    parser.add_argument("--fits", nargs="+", required=True, help="fits.parquet of each study")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    tables = [read_parquet(path) for path in arguments.fits]
    write_parquet(arguments.out, pd.concat(tables, ignore_index=True))
