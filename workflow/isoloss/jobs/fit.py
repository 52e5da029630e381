"""The job that fits the laws of one study."""

import argparse
import json

from isoloss.config.load import parse
from isoloss.config.study import Fit
from isoloss.files import read_parquet, write_parquet
from isoloss.fit.study import fit_study


def main(argv: list[str]) -> None:
    """Write the fits of the study that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job fit", description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--fits", required=True, help="JSON: the study's fits")
    parser.add_argument("--runs", required=True, help="the study's runs.parquet")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    fits = [parse(Fit, fit, arguments.study) for fit in json.loads(arguments.fits)]
    write_parquet(arguments.out, fit_study(arguments.study, fits, read_parquet(arguments.runs)))
