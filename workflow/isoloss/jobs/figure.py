"""The job that draws one figure."""

import argparse
import json

import pandas as pd
from pydantic import TypeAdapter

from isoloss.config.figures import Figure
from isoloss.figures.draw import draw
from isoloss.figures.tables import Tables
from isoloss.files import read_parquet


def main(argv: list[str]) -> None:
    """Draw the figure that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job figure", description=__doc__)
    parser.add_argument("--figure", required=True, help="JSON: what to draw")
    parser.add_argument("--context", required=True, help="JSON: variables of the fits, truth")
    parser.add_argument("--runs", required=True, help="the study's runs.parquet")
    parser.add_argument("--curves", required=True, help="the study's curves.parquet")
    parser.add_argument("--fits", required=True, help="the study's fits.parquet")
    parser.add_argument("--analyses", help="the study's analyses.parquet, if it has any")
    parser.add_argument("--stem", required=True, help="path of the figure, without its ending")
    arguments = parser.parse_args(argv)
    spec = TypeAdapter(Figure).validate_python(json.loads(arguments.figure))
    context = json.loads(arguments.context)
    tables = Tables(
        runs=read_parquet(arguments.runs),
        curves=read_parquet(arguments.curves),
        fits=read_parquet(arguments.fits),
        analyses=read_parquet(arguments.analyses) if arguments.analyses else pd.DataFrame(),
        variables=context["variables"],
        truth=context["truth"] and tuple(context["truth"]),
    )
    draw(spec, tables, arguments.stem)
