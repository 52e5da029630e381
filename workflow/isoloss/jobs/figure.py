"""The job that draws one figure."""

import argparse
import json

import pandas as pd

from isoloss.config import exhibits
from isoloss.config.load import parse
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import draw
from isoloss.files import read_parquet


def main(argv: list[str]) -> None:
    """Draw the figure that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job figure", description=__doc__)
    parser.add_argument("--figure", required=True, help="JSON: what to draw")
    parser.add_argument("--context", required=True, help="JSON: variables of the fits, truth")
    parser.add_argument("--runs", required=True, help="the study's runs.parquet")
    parser.add_argument("--curves", required=True, help="the study's curves.parquet")
    parser.add_argument("--fits", required=True, help="the study's fits.parquet")
    parser.add_argument("--analyses", nargs="*", default=[], help="the analyses that it draws")
    parser.add_argument("--stem", required=True, help="path of the figure, without its ending")
    arguments = parser.parse_args(argv)
    given = json.loads(arguments.figure)
    spec = parse(exhibits.figure(given["draw"]).settings, given, given.get("name", given["draw"]))
    context = json.loads(arguments.context)
    analyses = [read_parquet(path) for path in arguments.analyses]
    tables = Tables(
        runs=read_parquet(arguments.runs),
        curves=read_parquet(arguments.curves),
        fits=read_parquet(arguments.fits),
        analyses=pd.concat(analyses, ignore_index=True) if analyses else pd.DataFrame(),
        variables=context["variables"],
        truth=context["truth"] and tuple(context["truth"]),
    )
    draw(spec, tables, arguments.stem)
