"""Arguments of budgets and of C = K N D, and one check of all arguments that are numbers."""

import argparse

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError


def add_flops_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--flops-per-param-token",
        type=float,
        default=FLOPS_PER_PARAM_TOKEN,
        metavar="K",
        help=f"C = K N D, wherever one of the three follows from the others "
        f"(default: {FLOPS_PER_PARAM_TOKEN:g})",
    )


def check(args, settings, budgets=(), more=(), optimum=False) -> None:
    """Refuse what is wrong with the settings of a fit, with budgets, and with K, all at once.

    Parameters
    ----------
    settings : dict
        Keywords of `fit_law`, as `isoloss.cli.tables.read` gives them.
    budgets : sequence of (str, float)
        An option, and a number that it was given.
    more : sequence of str
        Problems that were found already.
    optimum : bool
        The law must have a compute optimum.

    Raises
    ------
    UserError
        With every problem.
    """
    import numpy as np

    from isoloss.fit.arguments import check as check_fit
    from isoloss.laws import law
    from isoloss.laws.base import no_optimum
    from isoloss.tables.data import constant_problems

    problems = list(more)
    problems += [
        f"{option}: must be positive and finite, got {value:g}"
        for option, value in budgets
        if not (np.isfinite(value) and value > 0)
    ]
    problems += [_option(text) for text in constant_problems(args.flops_per_param_token)]
    names = ["objective", "delta", "fixed", "tied", "level", "draws", "method", "intervals", "seed"]
    fit = {name: settings[name] for name in names}
    several = args.law == "all" and not optimum
    if several:  # each law says which parameters it has
        fit |= {"fixed": {}, "tied": ()}
    try:
        chosen = law("chinchilla" if several else args.law)
        if optimum and not hasattr(chosen, "optimum"):
            problems.append(f"--law: {no_optimum(chosen)}")
        check_fit(chosen, **fit)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError("arguments", problems)


def _option(text):
    return f"--{text.replace('_', '-', 3)}"
