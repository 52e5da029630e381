"""Fit a scaling law to a table of runs: parameters, intervals and a verdict.

isoloss fit losses.csv --law chinchilla
isoloss fit losses.csv --law power_law_floor --x n_params --json
isoloss fit losses.csv --law all --holdout 4x
isoloss fit losses.csv --where 'dataset == "dclm"'
isoloss fit losses.csv --by dataset
"""

from isoloss.cli import by, ranking
from isoloss.cli.tables import add_table_arguments, read
from isoloss.fit.settings import AVERAGE_OF_LAWS


def add_arguments(parser):
    """The arguments of `isoloss fit`."""
    add_table_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="write fit.json, saved_fit.json (for isoloss.fit.load_fit), Parquet tables and "
        "figures there (of laws compared: ranking.json and ranking.parquet)",
    )
    parser.add_argument(
        "--save", metavar="FILE", help="write the fit as JSON, for isoloss predict and load_fit"
    )
    parser.add_argument(
        "--by", metavar="COLUMN", help="one fit for each value of this column, side by side"
    )
    parser.add_argument(
        "--holdout",
        metavar="4x",
        help="fit the small runs only, and predict those of this many times the compute and more",
    )


def run(args) -> int:
    """Print the fit, and write its files if asked; the exit code."""
    from isoloss.api.checks import check

    table, settings = read(args)
    ranked = args.holdout is not None or args.law == "all"
    problems = [*ranking.problems(args.holdout)] if ranked else []
    if args.law == AVERAGE_OF_LAWS:
        problems.append(
            f"--law {AVERAGE_OF_LAWS}: is an average, which has no parameters; name one law, or "
            "rank them with --law all"
        )
    if ranked and args.save is not None:
        problems = [
            *problems,
            "--save: a ranking is no fit; name one law with --law, or save the average of all with "
            "isoloss predict",
        ]
    check(settings, more=[*problems, *(by.problems(args) if args.by else ())])
    if args.by:
        return by.run(args, table, settings)
    if ranked:
        return ranking.run(args, table, settings)
    from isoloss.api.fitted import Fit

    fit = Fit(table, settings)
    found = fit.to_dict() if args.json or args.output else {}
    if args.output:
        _write(args.output, table, fit.result, found, args.x)
    if args.save is not None:
        fit.result.save(args.save)
    if args.json:
        import json

        print(json.dumps(found, allow_nan=False))
    else:
        print(fit.summary())
    return 0


def _write(folder, table, result, found, x):
    from pathlib import Path

    from isoloss.api.runs import number
    from isoloss.files import write_json, write_parquet
    from isoloss.fit.figures import draw_fit
    from isoloss.fit.influence import leave_one_out, residuals

    folder = Path(folder)
    write_json(folder / "fit.json", found)
    result.save(folder / "saved_fit.json")
    write_parquet(folder / "params.parquet", result.to_frame())
    write_parquet(folder / "draws.parquet", _draws(result))
    rows = residuals(result)
    rows.insert(0, "row", [number(table, row) for row in range(1, len(rows) + 1)])
    write_parquet(folder / "residuals.parquet", rows)
    alone = leave_one_out(result)
    alone["left_out"] = [number(table, row) for row in alone["left_out"]]
    write_parquet(folder / "leave_one_out.parquet", alone)
    draw_fit(result, folder, dict.fromkeys(result.law.variables, x) if x else {})


def _draws(result):
    """The parameters of every resampled table, from which other intervals can be computed."""
    import pandas as pd

    return pd.DataFrame(result.law.natural(result.draws), columns=list(result.law.names))
