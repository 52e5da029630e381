"""The job that makes one analysis of a study."""

import argparse
import json

import pandas as pd

from isoloss.config import exhibits
from isoloss.config.load import parse
from isoloss.exhibits.base import Inputs
from isoloss.exhibits.make import analyse
from isoloss.files import read_parquet, write_parquet
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed


def main(argv: list[str]) -> None:
    """Write the analysis that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job analyse", description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--analysis", required=True, help="JSON: its settings")
    parser.add_argument("--runs", required=True, help="the study's runs.parquet")
    parser.add_argument("--curves", required=True, help="the study's curves.parquet")
    parser.add_argument("--evaluations", required=True, help="the study's evaluations.parquet")
    parser.add_argument("--done", nargs="*", default=[], help="the analyses that it goes on from")
    parser.add_argument("--prediction", help="the study's prediction.parquet, if it makes one")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    given = json.loads(arguments.analysis)
    settings = exhibits.analysis(given["do"]).settings
    done = [read_parquet(path) for path in arguments.done]
    inputs = Inputs(
        runs=read_parquet(arguments.runs),
        curves=read_parquet(arguments.curves),
        evaluations=read_parquet(arguments.evaluations),
        done=pd.concat(done, ignore_index=True) if done else typed([], ANALYSIS_COLUMNS),
        prediction=read_parquet(arguments.prediction) if arguments.prediction else None,
    )
    spec = parse(settings, given, arguments.study)
    write_parquet(arguments.out, analyse(arguments.study, spec, inputs))
