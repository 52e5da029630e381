"""The job that makes the analyses of one study."""

import argparse
import json

from pydantic import TypeAdapter

from isoloss.analysis.study import analyse_study
from isoloss.config.analyses import Analysis
from isoloss.files import read_parquet, write_parquet


def main(argv: list[str]) -> None:
    """Write the analyses of the study that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job analyse", description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--analyses", required=True, help="JSON: the study's analyses")
    parser.add_argument("--runs", required=True, help="the study's runs.parquet")
    parser.add_argument("--curves", required=True, help="the study's curves.parquet")
    parser.add_argument("--prediction", help="the study's prediction.parquet, if it makes one")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    analyses = TypeAdapter(list[Analysis]).validate_python(json.loads(arguments.analyses))
    runs, curves = read_parquet(arguments.runs), read_parquet(arguments.curves)
    prediction = read_parquet(arguments.prediction) if arguments.prediction else None
    table = analyse_study(arguments.study, analyses, runs, curves, prediction)
    write_parquet(arguments.out, table)
