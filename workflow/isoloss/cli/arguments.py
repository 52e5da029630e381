"""One check of all arguments that are numbers or names, before any computation."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

from isoloss.errors import UserError
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings


def check(
    settings: FitSettings,
    budgets: Sequence[tuple[str, float]] = (),
    more: Iterable[str] = (),
    optimum: bool = False,
) -> None:
    """Check the settings of a fit and budgets, and report all problems at once.

    Parameters
    ----------
    settings : FitSettings
        As `isoloss.cli.tables.read` returns them; the law may be "all" or "best".
    budgets : sequence of (str, float)
        Options with their numbers.
    more : iterable of str
        Problems found before.
    optimum : bool
        Whether the law must have a compute optimum.

    Raises
    ------
    UserError
        The error lists every problem.
    """
    import math

    from isoloss.laws import law
    from isoloss.laws.base import no_optimum

    problems = list(more)
    problems += [
        f"{option}: must be positive and finite, got {value:g}"
        for option, value in budgets
        if not (math.isfinite(value) and value > 0)
    ]
    if settings.law == "all" and not optimum:  # each law checks its own parameters
        settings = dataclasses.replace(settings, law="chinchilla", x=None, fixed={}, tied=())
    elif settings.law == AVERAGE_OF_LAWS:
        settings = dataclasses.replace(settings, law="chinchilla", fixed={}, tied=())
    if optimum:
        with contextlib.suppress(UserError):  # `settings.problems` tells of a law that is none
            chosen = law(settings.law)
            if not chosen.allocates:
                problems.append(f"--law: {no_optimum(chosen)}")
    problems += [f"{option_of(key)}{text}" for key, text in settings.problems()]
    if problems:
        raise UserError("arguments", problems)


def option_of(key: str) -> str:
    """The option of a problem, as the start of the problem's line."""
    if not key:
        return ""
    name, *rest = key.split()  # "fixed E" is "--fix E"
    about, _ = FitSettings.about()[name]
    return f"{' '.join([about.option, *rest])}: "
