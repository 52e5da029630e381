"""Compare two recipes: how much compute the second needs for the loss of the first.

isoloss compare adamw.csv muon.csv                               # at ten times the data's compute
isoloss compare adamw.csv muon.csv --compute 1e21
isoloss compare adamw.csv muon.csv --loss 2.1 2.0                # the compute of each for a loss
isoloss compare runs.csv --by optimizer --recipes adamw muon     # two recipes of one table

Tables with the same points (N, D) are compared in pairs: noise that both share cancels.
"""

import argparse
import dataclasses
from pathlib import Path

from isoloss.cli import asked
from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import nearest
from isoloss.fit.settings import AVERAGE_OF_LAWS

ENDINGS = (".csv", ".parquet")


def add_arguments(parser):
    """The arguments of `isoloss compare`."""
    add_table_arguments(parser, AVERAGE_OF_LAWS)
    parser.add_argument(
        "other", type=Path, nargs="?", metavar="other", help="the table of recipe B, if not --by"
    )
    parser.add_argument("--by", metavar="COLUMN", help="the column of the recipes in one table")
    parser.add_argument(
        "--recipes", nargs=2, metavar=("A", "B"), help="the two values of --by that are compared"
    )
    parser.add_argument(
        "--compute", type=float, nargs="+", metavar="FLOP", help="budgets of recipe A"
    )
    parser.add_argument("--loss", type=float, nargs="+", metavar="L", help="losses to reach")
    parser.add_argument("--n-params", type=float, metavar="N", help="runs of one size")
    asked.add_path(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the answers: .csv or .parquet"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the comparison; the exit code."""
    from isoloss.api.compare import compare

    tables, settings, names = _tables(args)
    found = compare(tables, settings, names, compute=args.compute or (), loss=args.loss or (),
                    n_params=args.n_params, ratio=args.ratio,
                    unique_tokens=args.unique_tokens)  # fmt: skip
    if args.output is not None:
        asked.write_table(args.output, found.table)
    asked.show(args, found)
    return 0


def _tables(args):
    """Both tables, their settings and the recipes' names, once all arguments are right."""
    from isoloss.api.checks import check, of_laws
    from isoloss.api.compare import names_of, problems_of

    problems = list(_problems(args))
    if args.other is not None:
        read_both = [read(argparse.Namespace(**vars(args) | {"table": path}))
                     for path in (args.table, args.other)]  # fmt: skip
        tables, settings = ([one[i] for one in read_both] for i in (0, 1))
        names = names_of(str(args.table), str(args.other))
    else:
        table, one = read(args)
        tables, names = _parts(args, table, problems)
        settings = [dataclasses.replace(one, where=f"{args.table}, {args.by} {name}")
                    for name in names or ("", "")]  # fmt: skip
    problems += problems_of(settings[0], args.ratio, args.n_params)
    problems += of_laws(settings[0], args.unique_tokens)
    numbers = [(option, value) for option, values in (
        ("--compute", args.compute or []), ("--loss", args.loss or []),
        *((f"--{name.replace('_', '-')}", [getattr(args, name)])
          for name in ("n_params", "ratio", "unique_tokens") if getattr(args, name) is not None),
    ) for value in values]  # fmt: skip
    check(settings[0], numbers, problems, optimum=True)
    return tables, settings, names


def _problems(args):
    if args.other is not None and args.by is not None:
        yield "--by: says that both recipes are in one table, and there are two"
    if args.other is None and args.by is None:
        yield "the second recipe is missing: give its table, or --by COLUMN"
    if args.recipes and args.by is None:
        yield "--recipes: needs --by, the column that they are in"
    if args.other is not None and args.without is not None:
        yield "--without: does not say of which table; leave the rows out of the files"
    for path in (args.table, args.other):
        if path is not None and path.suffix == asked.SAVED:
            yield f"{path}: is a saved fit; a comparison resamples both tables together"
    if args.output is not None and args.output.suffix not in ENDINGS:
        yield f"--output: must end in {' or '.join(ENDINGS)}, got {str(args.output)!r}"


def _parts(args, table, problems):
    """The rows of each of two recipes of one table."""
    if args.by is None:
        return [table, table], None
    if args.by not in table:
        problems.append(f"--by: there is no column {args.by!r}{nearest(args.by, table.columns)} "
                        f"(columns: {', '.join(map(str, table.columns))})")  # fmt: skip
        return [table, table], None
    values = table[args.by].map(str)
    there = list(dict.fromkeys(values))
    wanted = args.recipes or there
    if len(wanted) != 2:
        problems.append(f"--by {args.by}: has {len(there)} values ({', '.join(there[:8])}); "
                        "--recipes A B says which two")  # fmt: skip
        return [table, table], None
    missing = [name for name in wanted if name not in there]
    problems += [f"--recipes: {args.by} is never {name!r}{nearest(name, there)} "
                 f"(values: {', '.join(there[:8])})" for name in missing]  # fmt: skip
    if wanted[0] == wanted[1]:
        problems.append(f"--recipes: {wanted[0]} is both")
    if missing or wanted[0] == wanted[1]:
        return [table, table], None
    parts = [table[values == name].drop(columns=args.by) for name in wanted]
    return parts, tuple(wanted)
