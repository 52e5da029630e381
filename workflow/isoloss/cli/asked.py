"""What the commands that ask a fit share: the table or saved fit, the path, and the prices."""

import argparse
import dataclasses
from dataclasses import dataclass

from isoloss.cli.arguments import check
from isoloss.cli.averaged import BEST
from isoloss.cli.compute import compute_notes
from isoloss.cli.tables import add_table_arguments, read
from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings

SAVED = ".json"
HOUR_S = 3600.0


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
        table, settings = read(args)
        return table, settings, wrong_options(args, settings)
    parser = argparse.ArgumentParser()
    add_table_arguments(parser, BEST)
    about = FitSettings.about()
    changed = [
        about[name][0].option if name in about else f"--{name}"
        for name in (*about, "without")
        if hasattr(args, name) and getattr(args, name) != parser.get_default(name)
    ]
    problems = [
        f"{option}: {args.table} is a saved fit, with settings of its own" for option in changed
    ]
    return None, FitSettings(law=BEST, where=str(args.table)), problems


def wrong_options(args, settings) -> list[str]:
    """Options that have no meaning for the laws named."""
    from isoloss.cli import averaged
    from isoloss.laws import LAWS

    found = list(averaged.problems(args, settings))
    chosen = LAWS.get(settings.law)
    if args.unique_tokens is not None and chosen is not None:
        found += without_repeats(chosen)
    return found


def without_repeats(law):
    """A problem where unique tokens are given for a law that knows none."""
    from isoloss.laws import LAWS

    if "n_unique_tokens" not in law.variables:
        allowed = [name for name, one in LAWS.items() if "n_unique_tokens" in one.variables]
        yield (
            f"--unique-tokens: {law.name} does not tell unique tokens from others "
            f"(laws that do: {', '.join(allowed)})"
        )


def fits_of(args, table, settings, budgets, problems):
    """Check all arguments, then fit the laws or read them; and K of C = K N D.

    Raises
    ------
    UserError
        The error lists every problem.
    """
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
    from isoloss.forecast.average import alone, average

    if settings.law == BEST:
        averaged = average(table, settings)
    else:
        from isoloss.fit import fit_law

        averaged = alone(fit_law(table, settings=settings))
    k = settings.flops_per_param_token
    notes = compute_notes(table, settings, averaged.members[0].result, k)
    return dataclasses.replace(averaged, notes=(*averaged.notes, *notes)), k


def write_rows(path, rows) -> None:
    """Write answers as a table, .csv or .parquet, whole or not at all."""
    import pandas as pd

    from isoloss.files import whole, write_parquet

    table = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        write_parquet(path, table)
        return
    with whole(path) as partial:
        table.to_csv(partial, index=False)


@dataclass(frozen=True)
class Device:
    """The prices of compute: peak FLOP/s of a device, its utilisation, money for an hour."""

    flops: float | None
    utilisation: float | None
    price: float | None

    def problems(self, hours: bool, money: bool):
        """Options that others need; `hours` and `money` say what budgets are in."""
        if self.flops is None and self.utilisation is not None:
            yield "--utilisation: needs --device-flops"
        if self.flops is not None and self.utilisation is None:
            yield "--device-flops: needs --utilisation, the share of them that training uses"
        if self.flops is None and (hours or money or self.price is not None):
            which = "--budget-hours" if hours else "--budget-money" if money else "--price"
            yield f"{which}: needs --device-flops and --utilisation"
        if money and self.price is None:
            yield "--budget-money: needs --price"
        if self.utilisation is not None and not 0 < self.utilisation <= 1:
            yield f"--utilisation: must lie between 0 and 1, got {self.utilisation:g}"

    def factors(self) -> dict[str, float]:
        """Device-hours and money for each FLOP, as far as they are known."""
        if self.flops is None:
            return {}
        hours = 1 / (self.flops * self.utilisation * HOUR_S)
        return {"device_hours": hours} | (
            {} if self.price is None else {"money": hours * self.price}
        )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Options that turn FLOP into device-hours and money."""
    parser.add_argument("--device-flops", type=float, metavar="FLOP/S", help="peak of one device")
    parser.add_argument(
        "--utilisation", type=float, metavar="SHARE", help="share of the peak that training uses"
    )
    parser.add_argument("--price", type=float, metavar="MONEY", help="of one device-hour")
