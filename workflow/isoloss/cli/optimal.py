"""Compute-optimal size, data and loss for budgets, each with an interval.

isoloss optimal losses.csv --compute 1e21                              # an average of laws
isoloss optimal losses.csv --law chinchilla --compute 1e21             # one law
isoloss optimal losses.csv --approach 2 --compute 1e21                 # isoFLOP parabolas
isoloss optimal curves.csv --approach 1 --cluster run --compute 1e21   # learning curves
"""

import argparse

from isoloss.cli import asked
from isoloss.cli.tables import add_table_arguments, read
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings

OF_A_LAW = ("law", "objective", "delta", "method", "intervals", "fixed", "tied", "weights", "x")


def add_arguments(parser):
    """The arguments of `isoloss optimal`."""
    add_table_arguments(parser, AVERAGE_OF_LAWS)
    parser.add_argument(
        "--compute", type=float, nargs="+", required=True, metavar="FLOP", help="budgets"
    )
    parser.add_argument(
        "--approach",
        type=int,
        default=3,
        choices=(1, 2, 3),
        help="of Hoffmann et al. (2022): 1 envelope of learning curves (a row for each evaluation, "
        "--cluster names the run), 2 isoFLOP parabolas, 3 the law (default: 3)",
    )
    parser.add_argument(
        "--unique-tokens",
        type=float,
        metavar="TOKENS",
        help="tokens that can be had, for laws of repeated data (default: endless)",
    )
    asked.add_save(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args) -> int:
    """Print the optimum of each budget; the exit code."""
    from isoloss.api import checks
    from isoloss.api.fitted import Fit

    table, settings = read(args)
    budgets = [("--compute", c) for c in args.compute]
    if args.approach == 3:
        if args.unique_tokens is not None:
            budgets.append(("--unique-tokens", args.unique_tokens))
        problems = checks.of_laws(settings, args.unique_tokens)
        checks.check(settings, budgets, problems, optimum=True)
    else:
        problems = [*_without_effect(args), *checks.missing_runs(args.approach, settings)]
        checks.check(settings, budgets, problems)
    fit = Fit(table, settings)
    found = fit.optimum(args.compute, args.approach, args.unique_tokens)
    if args.save is not None:
        asked.save(args, _saved(fit, found), settings.flops_per_param_token)
    asked.show(args, found)
    return 0


def _saved(fit, found):
    """The fits to save, with what was assumed."""
    import dataclasses

    from isoloss.forecast.average import Averaged, alone

    if isinstance(found.fits, Averaged):
        return found.fits
    return alone(dataclasses.replace(fit.result, notes=found.notes))


def _without_effect(args):
    """Problems: arguments that an approach without a law does not use."""
    parser = argparse.ArgumentParser()
    add_table_arguments(parser, AVERAGE_OF_LAWS)
    for name in OF_A_LAW:
        if getattr(args, name) != parser.get_default(name):
            option = FitSettings.about()[name][0].option
            yield f"{option}: has no meaning for approach {args.approach}"
    if args.save is not None:
        yield f"--save: approach {args.approach} fits no law that could be saved"
