"""Arguments that all subcommands with a table and a law share."""

import argparse
from pathlib import Path

from isoloss import extensions
from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings


def add_table_arguments(
    parser: argparse.ArgumentParser, law: str | None = None, or_else: str = ""
) -> None:
    """The table, the rows to leave out of it, and an option for each setting of a fit.

    `law` is the default of --law, where it is not that of a fit. `or_else` says what a command
    takes in place of a table.
    """
    what = f"a .csv, .tsv, .txt, .jsonl or .parquet file{or_else}"
    parser.add_argument("table", type=Path, help=what)
    parser.add_argument(
        "--extension",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Python file that registers laws or formats of tables of your own",
    )
    parser.add_argument(
        "--without",
        metavar="ROWS",
        help="rows to leave out, e.g. 1-5,9 (the first row below the header is 1)",
    )
    add_row_arguments(parser)
    for name, (about, default) in FitSettings.about().items():
        if not about.option:
            continue
        default = law if name == "law" and law else default
        said = about.meaning + (f" One of {', '.join(about.choices)}." if about.choices else "")
        several = about.kind in (dict, tuple)
        if not several and default is not None:
            said += f" Default: {default:g}." if about.kind is float else f" Default: {default}."
        how = {"action": "append", "default": []} if several else {"default": default}
        if about.kind in (int, float):
            how["type"] = about.kind
        help_text = said.replace("%", "%%")
        parser.add_argument(about.option, dest=name, metavar=about.metavar, help=help_text, **how)


def add_row_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rows of the table are fitted."""
    parser.add_argument(
        "--where",
        dest="condition",
        action="append",
        metavar="CONDITION",
        help="rows to fit, e.g. 'dataset == \"dclm\" and n_params > 1e8'; columns whose names are "
        "no words stand in backquotes. Of several, all must hold.",
    )
    parser.add_argument(
        "--status",
        choices=("done", "all"),
        default="done",
        help="whether rows count that a column calls crashed, diverged or unfinished. "
        "Default: done: they do not.",
    )
    for option, what in (("--best-of", "lowest"), ("--mean-of", "mean")):
        parser.add_argument(
            option,
            metavar="COLUMNS",
            help=f"settings that were swept, e.g. lr,batch_size: fit the {what} loss of each point",
        )


def read(args: argparse.Namespace):
    """Read the table, and the settings of the fit from the arguments.

    Returns
    -------
    table : pandas.DataFrame
    settings : FitSettings

    Raises
    ------
    UserError
        The table cannot be read, or an argument has the wrong form.
    """
    from isoloss.api.runs import chosen, rows_of
    from isoloss.tables.read import read_table

    extensions.load_files(args.extension)
    problems = []
    given = {name: getattr(args, name) for name in FitSettings.names() if hasattr(args, name)}
    for name, (about, _) in FitSettings.about().items():
        if name in given and about.kind in (dict, tuple):
            given[name] = about.kind(_pairs(about.option, given[name], problems))
    for name, value in given["fixed"].items():
        try:
            given["fixed"][name] = float(value)
        except ValueError:
            problems.append(f"--fix {name}={value}: {value!r} is not a number")
    left_out = rows_of(args.without, problems)
    if problems:
        raise UserError("arguments", problems)
    settings = FitSettings(**given, where=str(args.table))
    of_rows = {name: getattr(args, name, None) for name in ("status", "best_of", "mean_of")}
    of_rows |= {"where": _joined(getattr(args, "condition", None)), "without": left_out}
    return chosen(read_table(args.table), settings, of_rows), settings


def _joined(conditions) -> str | None:
    """One condition of all that are given, or None."""
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else " and ".join(f"({c})" for c in conditions)


def _pairs(option, given, problems):
    pairs = []
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            problems.append(f"{option} {text}: must be NAME=VALUE")
        else:
            pairs.append((name.strip(), value.strip()))
    return pairs
