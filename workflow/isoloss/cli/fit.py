"""Fit a scaling law to a table of runs: parameters, intervals, and whether to believe them.

isoloss fit losses.csv --law chinchilla
isoloss fit losses.csv --law power_law_floor --x n_params --json
isoloss fit losses.csv --law all --holdout 4x
"""

import json

from isoloss.cli.tables import add_table_arguments, number, read


def add_arguments(parser):
    add_table_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "--output", metavar="DIR", help="write fit.json, Parquet tables and figures there"
    )
    parser.add_argument(
        "--holdout",
        metavar="4x",
        help="fit the small runs only, and predict those of this many times the compute and more",
    )


def run(args) -> int:
    table, settings = read(args)
    if args.holdout or args.law == "all":
        return _rank(args, table, settings)
    from isoloss.cli import show
    from isoloss.fit import fit_law
    from isoloss.fit.influence import influential_sets

    result = fit_law(table, args.law, **settings)
    sets = influential_sets(result)
    sets["left_out"] = [[number(table, row) for row in rows] for rows in sets["left_out"]]
    found = result.to_dict() | {"influence": sets.to_dict("records")}
    if args.output:
        _write(args.output, table, result, found, args.x)
    if args.json:
        print(json.dumps(found, allow_nan=False))
    else:
        print(show.fit(result))
        if len(sets):
            print(show.influence(sets))
    return 0


def _write(folder, table, result, found, x):
    from pathlib import Path

    from isoloss.figures.of_fit import draw_fit
    from isoloss.files import write_json, write_parquet
    from isoloss.fit.influence import leave_one_out, residuals

    folder = Path(folder)
    write_json(folder / "fit.json", found)
    write_parquet(folder / "params.parquet", result.to_frame())
    write_parquet(folder / "draws.parquet", _draws(result))
    write_parquet(folder / "residuals.parquet", residuals(result))
    alone = leave_one_out(result)
    alone["left_out"] = [number(table, row) for row in alone["left_out"]]
    write_parquet(folder / "leave_one_out.parquet", alone)
    draw_fit(result, folder, dict.fromkeys(result.law.variables, x) if x else {})


def _draws(result):
    """The parameters of every resampled table: what intervals of anything else are made from."""
    import pandas as pd

    return pd.DataFrame(result.law.natural(result.draws), columns=list(result.law.names))


def _rank(args, table, settings) -> int:
    from isoloss.cli import show
    from isoloss.fit.holdout import parse_factor, rank
    from isoloss.fit.result import plain

    factor = parse_factor(args.holdout or "4x")
    ranking = rank(table, args.law, factor, **settings)
    if args.json:
        print(json.dumps(plain(ranking.to_dict("records")), allow_nan=False))
        return 0
    first = ranking.iloc[0]
    print(
        f"fitted to the {first['n_fitted']} smallest runs, tried on the {first['n_held_out']} "
        f"largest: {factor:g} times their compute and more"
    )
    rows = [["law", "error of ln L", "bias", "inside interval", "verdict"]]
    for row in ranking.to_dict("records"):
        inside = "-" if row["inside"] is None else f"{100 * row['inside']:.0f} %"
        rows.append(
            [row["law"], f"{row['error']:.5f}", f"{row['bias']:+.5f}", inside, row["verdict"]]
        )
    print(show.columns(rows))
    return 0
