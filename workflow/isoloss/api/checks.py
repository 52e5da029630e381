"""One check of all arguments that are numbers or names, before any computation.

Messages name arguments as options of the command line. `keywords` names them as Python does.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from isoloss.errors import UserError
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings
from isoloss.tables.asking import INDEPENDENT

ARGUMENTS = "arguments"  # the source of errors about them
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


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
        raise UserError(ARGUMENTS, problems)


def option_of(key: str) -> str:
    """The option of a problem, as the start of the problem's line."""
    if not key:
        return ""
    name, *rest = key.split()  # "fixed E" is "--fix E"
    about, _ = FitSettings.about()[name]
    return f"{' '.join([about.option, *rest])}: "


def of_laws(settings: FitSettings, unique_tokens: float | None = None) -> list[str]:
    """Options that have no meaning for the laws named, beside what `check` finds."""
    from isoloss.laws import LAWS

    if settings.law == AVERAGE_OF_LAWS:
        return [*_of_several(settings, unique_tokens)]
    chosen = LAWS.get(settings.law)
    if unique_tokens is None or chosen is None:
        return []
    return [*without_repeats(chosen)]


def _of_several(settings, unique_tokens):
    about = FitSettings.about()
    wrong = [name for name in ("fixed", "tied") if getattr(settings, name)]
    wrong += ["intervals"] if settings.intervals != about["intervals"][1] else []
    for name in wrong:
        yield (
            f"{about[name][0].option}: has no meaning for several laws (--law {AVERAGE_OF_LAWS}); "
            "name one"
        )
    if unique_tokens is not None and "n_unique_tokens" not in settings.columns:
        yield (
            f"--unique-tokens: --law {AVERAGE_OF_LAWS} takes laws of N and D, unless --column "
            "n_unique_tokens=COLUMN names the unique tokens"
        )


def without_repeats(law) -> Iterator[str]:
    """A problem where unique tokens are given for a law that knows none."""
    from isoloss.laws import LAWS

    if "n_unique_tokens" not in law.variables:
        allowed = [name for name, one in LAWS.items() if "n_unique_tokens" in one.variables]
        yield (
            f"--unique-tokens: {law.name} does not tell unique tokens from others "
            f"(laws that do: {', '.join(allowed)})"
        )


def missing_runs(approach: int, settings: FitSettings) -> Iterator[str]:
    """A problem where learning curves are asked for and nothing says which run a row is of."""
    if approach == 1 and settings.cluster in (None, INDEPENDENT):
        yield "--approach 1: --cluster must name the column of the runs"


@contextlib.contextmanager
def keywords(where: str) -> Iterator[None]:
    """Name arguments in errors as Python does: "--n-params: ..." is then "n_params: ..."."""
    try:
        yield
    except UserError as error:
        if error.where != ARGUMENTS:
            raise
        names = {about.option: name for name, (about, _) in FitSettings.about().items()}
        problems = [
            OPTION.sub(lambda m: names.get(m[0]) or m[1].replace("-", "_"), problem)
            for problem in error.problems
        ]
        raise UserError(where, problems) from None


def floats(name: str, value: Any) -> list[float]:
    """The numbers of an argument: none, one or several.

    Raises
    ------
    UserError
        It is no number and no sequence of numbers.
    """
    if value is None:
        return []
    import numpy as np

    try:
        return [float(x) for x in np.atleast_1d(np.asarray(value, float)).ravel()]
    except (TypeError, ValueError):
        text = f"--{name.replace('_', '-')}: must be a number or several, got {value!r}"
        raise UserError(ARGUMENTS, [text]) from None


def number(name: str, value: Any) -> float | None:
    """The one number of an argument, or None; errors as `floats`."""
    found = floats(name, value)
    if len(found) > 1:
        text = f"--{name.replace('_', '-')}: must be one number, got {len(found)}"
        raise UserError(ARGUMENTS, [text])
    return found[0] if found else None
