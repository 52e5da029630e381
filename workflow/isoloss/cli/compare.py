"""Compare two recipes: how much compute the second needs for the loss of the first.

isoloss compare adamw.csv muon.csv                               # at ten times the data's compute
isoloss compare adamw.csv muon.csv --compute 1e21
isoloss compare adamw.csv muon.csv --loss 2.1 2.0                # the compute of each for a loss
isoloss compare runs.csv --by optimizer --recipes adamw muon     # two recipes of one table

Tables with the same points (N, D) are compared in pairs: noise that both share cancels.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from isoloss.cli import asked, averaged
from isoloss.cli.arguments import check
from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError, nearest

LABELS = {
    "compute_ratio": "compute, B / A",
    "speed_up": "speed-up of B",
    "compute_a": "C of A (FLOP)",
    "compute_b": "C of B (FLOP)",
    "loss_a": "loss of A at C of A",
    "loss_b": "loss of B at C of A",
    "loss_difference": "loss, B - A",
}
ENDINGS = (".csv", ".parquet")


def add_arguments(parser):
    """The arguments of `isoloss compare`."""
    add_table_arguments(parser, averaged.BEST)
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
    tables, settings, names = _tables(args)
    from isoloss.forecast.compare import at_compute, at_loss, budget_beyond
    from isoloss.forecast.recipes import recipes

    k = args.flops_per_param_token
    both = recipes(*tables, *settings)
    path_of = _path_of(args, k)
    budgets = args.compute or ([] if args.loss else [budget_beyond(both, k)])
    found, problems = [], []
    for ask, values in ((at_compute, budgets), (at_loss, args.loss or [])):
        for value in values:
            try:
                found.append(ask(both, value, path_of, names))
            except UserError as error:
                problems += [text for text in error.problems if text not in problems]
    if problems:
        raise UserError("compare", problems)
    if args.output is not None:
        asked.write_rows(args.output, [one.row() for one in found])
    print((_json if args.json else _text)(both, found, names, k))
    return 0


def _path_of(args, k):
    from isoloss.forecast import paths

    given = {} if args.unique_tokens is None else {"n_unique_tokens": args.unique_tokens}
    if args.n_params is not None:
        return lambda averaged: paths.of_size(args.n_params, k, given)
    if args.ratio is not None:
        return lambda averaged: paths.of_ratio(args.ratio, k, given)
    return lambda averaged: paths.of_optimum(averaged, k, given)


def _tables(args):
    """Both tables, their settings and the recipes' names, once all arguments are right."""
    problems = list(_problems(args))
    if args.other is not None:
        read_both = [read(argparse.Namespace(**vars(args) | {"table": path}))
                     for path in (args.table, args.other)]  # fmt: skip
        tables, settings = ([one[i] for one in read_both] for i in (0, 1))
        names = tuple(path.stem for path in (args.table, args.other))
        if names[0] == names[1]:
            names = (str(args.table), str(args.other))
    else:
        table, one = read(args)
        tables, names = _parts(args, table, problems)
        settings = [dataclasses.replace(one, where=f"{args.table}, {args.by} {name}")
                    for name in names or ("", "")]  # fmt: skip
    problems += asked.wrong_options(args, settings[0])
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
    if args.ratio is not None and args.n_params is not None:
        yield "--ratio, --n-params: one of them keeps the path; both leave nothing to choose"
    if not args.draws or args.method == "none":
        yield "--draws: a comparison needs resampled tables"
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


def _json(both, found, names, k):
    from isoloss.fit.result import plain

    content = {
        "recipes": dict(zip("ab", names, strict=True)),
        "compute": f"{k:g} N D",
        "level": both.a.level,
        "paired": both.paired,
        "n_points": both.n_points,
        "n_common": both.n_common,
        "weights": {pair.name: pair.weight for pair in both.pairs},
        "answers": [one.row() for one in found],
        "warnings": _of_both(both, names, "warnings"),
        "notes": _of_both(both, names, "notes"),
    }
    return json.dumps(plain(content), allow_nan=False)


def _text(both, found, names, k):
    from isoloss.cli import texts

    lines = [f"A: {names[0]}; B: {names[1]}"]
    for one in found:
        row = one.row()
        table = [[one.asked, "value", f"{100 * both.a.level:g} % from", "to"]]
        for name, label in LABELS.items():
            ends = [texts.number(row[name + end]) for end in ("", "_lo", "_hi")]
            table.append(["  " + label, *ends])
        lines += [texts.columns(table), f"answer: {one.sentence}", ""]
    weights = ", ".join(f"{pair.name} {pair.weight:.2f}" for pair in both.pairs)
    return "\n".join(
        [
            *lines,
            both.said,
            f"laws, by weight in both: {weights}",
            f"C = {k:g} N D; intervals hold the laws' draws and drift, not the noise of one run",
            *(f"warning: {text}" for text in _of_both(both, names, "warnings")),
            *(f"assumed: {text}" for text in _of_both(both, names, "notes")),
        ]
    )


def _of_both(both, names, kind):
    """Texts about both tables once, others with the recipe that they are about."""
    first, second = (getattr(one, kind) for one in (both.a, both.b))
    shared = [text for text in first if text in second]
    return [
        *shared,
        *(f"{name}: {text}" for name, texts in zip(names, (first, second), strict=True)
          for text in texts if text not in shared),
    ]  # fmt: skip
