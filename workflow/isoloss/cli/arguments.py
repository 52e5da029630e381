"""One check of all arguments that are numbers or names, before anything is computed."""

import dataclasses
from collections.abc import Iterable, Sequence

from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings


def check(
    settings: FitSettings,
    budgets: Sequence[tuple[str, float]] = (),
    more: Iterable[str] = (),
    optimum: bool = False,
) -> None:
    """Refuse what is wrong with the settings of a fit and with budgets, all at once.

    Parameters
    ----------
    settings : FitSettings
        As `isoloss.cli.tables.read` gives them; the law may be "all".
    budgets : sequence of (str, float)
        An option, and a number that it was given.
    more : iterable of str
        Problems that were found already.
    optimum : bool
        The law must have a compute optimum.

    Raises
    ------
    UserError
        With every problem.
    """
    import math

    from isoloss.laws import LAWS
    from isoloss.laws.base import no_optimum

    problems = list(more)
    problems += [
        f"{option}: must be positive and finite, got {value:g}"
        for option, value in budgets
        if not (math.isfinite(value) and value > 0)
    ]
    if settings.law == "all" and not optimum:  # each law says which parameters it has
        settings = dataclasses.replace(settings, law="chinchilla", x=None, fixed={}, tied=())
    chosen = LAWS.get(settings.law)
    if optimum and chosen is not None and not hasattr(chosen, "optimum"):
        problems.append(f"--law: {no_optimum(chosen)}")
    problems += [f"{option_of(key)}{text}" for key, text in settings.problems()]
    if problems:
        raise UserError("arguments", problems)


def option_of(key: str) -> str:
    """The option that a problem stands under, as the start of its line."""
    if not key:
        return ""
    name, *rest = key.split()  # "fixed E" is "--fix E"
    about, _ = FitSettings.about()[name]
    return f"{' '.join([about.option, *rest])}: "
