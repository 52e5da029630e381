"""What the commands that ask a fit share: the table or saved fit, the path, and the prices."""

import argparse
import json

from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings

SAVED = ".json"


def add_save(parser: argparse.ArgumentParser) -> None:
    """The option that saves the fits of all laws."""
    parser.add_argument(
        "--save", metavar="FILE", help="write the fits of all laws as JSON, for isoloss predict"
    )


def save(args, averaged, flops_per_param_token: float) -> None:
    """Write the fits where --save says, if it does."""
    if args.save is not None:
        from isoloss.forecast.saved import save_average

        save_average(averaged, args.save, flops_per_param_token)


def add_path(parser: argparse.ArgumentParser) -> None:
    """Options that replace the optimum by runs of a fixed size or a fixed D/N."""
    parser.add_argument(
        "--ratio", type=float, metavar="D/N", help="keep D/N, in place of the optimum"
    )
    parser.add_argument(
        "--unique-tokens",
        type=float,
        metavar="TOKENS",
        help="tokens that can be had, for laws of repeated data (default: endless)",
    )


def is_saved(args) -> bool:
    """Whether the table is a saved fit."""
    return args.table.suffix == SAVED


def settings_of(args):
    """The table and the settings, or None and the defaults for a saved fit; and the problems."""
    if not is_saved(args):
        from isoloss.api.checks import of_laws

        table, settings = read(args)
        return table, settings, of_laws(settings, args.unique_tokens)
    parser = argparse.ArgumentParser()
    add_table_arguments(parser, AVERAGE_OF_LAWS)
    about = FitSettings.about()
    changed = [
        about[name][0].option if name in about else f"--{name}"
        for name in (*about, "without")
        if hasattr(args, name) and getattr(args, name) != parser.get_default(name)
    ]
    problems = [
        f"{option}: {args.table} is a saved fit, with settings of its own" for option in changed
    ]
    return None, FitSettings(law=AVERAGE_OF_LAWS, where=str(args.table)), problems


def fits_of(args, table, settings, budgets, problems):
    """Check all arguments, then fit the laws or read them; and K of C = K N D.

    Raises
    ------
    UserError
        The error lists every problem.
    """
    from isoloss.api.checks import check, without_repeats

    check(settings, budgets, problems, optimum=True)
    if table is None:
        from isoloss import extensions
        from isoloss.forecast.saved import load_average

        extensions.load_files(args.extension)
        averaged, k = load_average(args.table)
        law = averaged.members[0].result.law
        problems = list(without_repeats(law)) if args.unique_tokens is not None else []
        if not law.allocates:
            from isoloss.laws.base import no_optimum

            problems.append(no_optimum(law))
        if problems:
            raise UserError(str(args.table), problems)
        return averaged, settings.flops_per_param_token if k is None else k
    from isoloss.api.fitted import Fit

    return Fit(table, settings).averaged, settings.flops_per_param_token


def show(args, found) -> None:
    """Print an answer as text or as JSON."""
    print(json.dumps(found.to_dict(), allow_nan=False) if args.json else found.summary())


def write_table(path, table) -> None:
    """Write answers as a table, .csv or .parquet, whole or not at all."""
    from isoloss.files import whole, write_parquet

    if path.suffix == ".parquet":
        write_parquet(path, table)
        return
    with whole(path) as partial:
        table.to_csv(partial, index=False)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Options that turn FLOP into device-hours and money."""
    parser.add_argument("--device-flops", type=float, metavar="FLOP/S", help="peak of one device")
    parser.add_argument(
        "--utilisation", type=float, metavar="SHARE", help="share of the peak that training uses"
    )
    parser.add_argument("--price", type=float, metavar="MONEY", help="of one device-hour")
