"""Arguments that every subcommand with a table and a law shares."""

import argparse
from pathlib import Path

from isoloss.errors import UserError


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=Path, help="a .csv, .tsv, .txt, .jsonl or .parquet file")
    parser.add_argument("--law", default="chinchilla", help="the law's name (default: chinchilla)")
    parser.add_argument(
        "--x", metavar="COLUMN", help="the variable of a one-variable law, e.g. flops*1e-18"
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="where a variable is, e.g. n_params='Model Size' or n_tokens='D (B)*1e9'; what is not "
        "named is recognised",
    )
    parser.add_argument(
        "--without",
        metavar="ROWS",
        help="rows to leave out, e.g. 1-5,9 (the first row below the header is 1)",
    )
    parser.add_argument("--cluster", metavar="COLUMN", help="which run a row belongs to")
    parser.add_argument("--weights", metavar="COLUMN", help="how much a row counts")
    parser.add_argument(
        "--objective",
        default="huber",
        help="huber, lad, lsq (all of the log loss) or lsq_raw (default: huber)",
    )
    parser.add_argument("--delta", type=float, default=1e-3, help="Huber's delta (default: 1e-3)")
    parser.add_argument(
        "--fix", action="append", default=[], metavar="NAME=VALUE", help="hold a parameter"
    )
    parser.add_argument(
        "--tie", action="append", default=[], metavar="NAME=NAME", help="two parameters as one"
    )
    parser.add_argument("--level", type=float, default=0.9, help="of intervals (default: 0.9)")
    parser.add_argument("--draws", type=int, default=1000, help="resampled tables (default: 1000)")
    parser.add_argument(
        "--method",
        default="auto",
        help="of intervals: residual, cluster, wild, none or auto (default: auto)",
    )
    parser.add_argument(
        "--intervals",
        default="draws",
        help="of parameters: draws, or profile (of the objective, see docs; default: draws)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    parser.add_argument(
        "--vocabulary", type=int, metavar="SIZE", help="refuse losses above its logarithm"
    )


def read(args: argparse.Namespace):
    """The table, and the keywords of `fit_law` that the arguments give (without the law)."""
    from isoloss.tables.read import read_table

    problems = []
    columns = dict(_pairs("--column", args.column, problems))
    tied = _pairs("--tie", args.tie, problems)
    fixed = {}
    for name, value in _pairs("--fix", args.fix, problems):
        try:
            fixed[name] = float(value)
        except ValueError:
            problems.append(f"--fix {name}={value}: {value!r} is not a number")
    left_out = _rows(args.without, problems)
    if problems:
        raise UserError("arguments", problems)
    table = _without(read_table(args.table), left_out)
    return table, {
        "x": args.x,
        "columns": columns,
        "cluster": args.cluster,
        "weights": args.weights,
        "objective": args.objective,
        "delta": args.delta,
        "fixed": fixed,
        "tied": tied,
        "level": args.level,
        "draws": args.draws,
        "method": args.method,
        "intervals": args.intervals,
        "seed": args.seed,
        "vocabulary": args.vocabulary,
        "where": str(args.table),
    }


def _rows(text, problems) -> list[tuple[int, int]]:
    """First and last row of each part of "1-5,9"; a range may be longer than memory."""
    ranges = []
    for part in (text or "").split(",") if text is not None else []:
        first, _, last = part.strip().partition("-")
        try:
            ends = int(first), int(last or first)
        except ValueError:
            ends = 0, 0
        if 1 <= ends[0] <= ends[1]:
            ranges.append(ends)
        else:
            problems.append(f"--without {text}: {part!r} is no row or range such as 3 or 1-5")
    return ranges


def _without(table, ranges):
    n_rows = len(table)
    missing = [max(first, n_rows + 1) for first, last in ranges if last > n_rows]
    if missing:
        found = f"there is no row {min(missing)}; the table has {n_rows}"
        raise UserError("--without", [found])
    rows = {row for first, last in ranges for row in range(first, last + 1)}
    return table.drop(index=[table.index[row - 1] for row in rows]) if rows else table


def number(table, row: int) -> int:
    """The number in the file of a table's row, which is counted from 1 after rows are left out."""
    return int(table.index[row - 1]) + 1


def _pairs(option, given, problems):
    pairs = []
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            problems.append(f"{option} {text}: must be NAME=VALUE")
        else:
            pairs.append((name.strip(), value.strip()))
    return pairs
