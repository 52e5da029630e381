"""The settings of a fit: name, unit, meaning, default and check of each, written once.

`fit_law` takes settings as keywords, the command line takes them as options, and `FitSettings`
holds them. All three are made from the fields below, so a new setting is one field here and its use
in `fit_law`. This module imports neither numpy nor a law, because `isoloss fit --help` reads it.
"""

import inspect
import math
import numbers
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError, nearest

if TYPE_CHECKING:
    from isoloss.laws import Law

OBJECTIVES = ("huber", "lad", "lsq", "lsq_raw")
AVERAGE_OF_LAWS = "best"  # where one law may be named: all of them (`forecast.average`)
METHODS = ("auto", "residual", "cluster", "wild", "none")
METRICS = ("nats", "bits", "perplexity", "accuracy", "error", "inverse")
INTERVALS = ("draws", "profile")
WIDTH = 96  # of a docstring's lines


@dataclass(frozen=True)
class About:
    """The description of a setting, and the check of its value.

    Attributes
    ----------
    meaning : str
        Text for the documentation of `fit_law` and for the help of the option.
    kind : type
        str, float or int; dict for NAME=VALUE pairs, tuple for pairs of names.
    unit : str
    choices : tuple of str
        Allowed values, where they can be listed.
    rule, holds : str, callable
        The condition on a value, in words after "must"; and the function that tests it.
    option : str
        Name of the command-line option; "" where there is none.
    metavar : str
        Name of the option's value in the help.
    """

    meaning: str
    kind: type = str
    unit: str = ""
    choices: tuple[str, ...] = ()
    rule: str = ""
    holds: Callable[[Any], bool] = lambda value: True
    option: str = ""
    metavar: str | None = None

    def problem(self, value: Any, default: Any) -> str | None:
        """The problem with a value, whatever the other settings are; or None."""
        if value is None and default is None:
            return None
        if self.choices and value not in self.choices:
            allowed = ", ".join(self.choices)
            return f"{value!r} is none of {allowed}{nearest(value, self.choices)}"
        if not _is(self.kind, value):
            return f"must be {WORDS[self.kind]}, got {value!r}"
        if not self.holds(value):
            return f"must {self.rule}, got {value!r}"
        return None


WORDS = {
    str: "text",
    float: "a number",
    int: "a whole number",
    dict: "a mapping",
    tuple: "pairs of parameters",
}
KINDS = {
    str: "str",
    float: "float",
    int: "int",
    dict: "mapping",
    tuple: "pairs of str",
}


def _is(kind: type, value: Any) -> bool:
    if kind is tuple:
        return isinstance(value, tuple) and all(
            isinstance(pair, tuple) and len(pair) == 2 for pair in value
        )
    of = {str: str, float: numbers.Real, int: numbers.Integral, dict: Mapping}[kind]
    return isinstance(value, of) and not isinstance(value, bool)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _setting(default: Any, meaning: str, **about: Any) -> Any:
    metadata = {"about": About(meaning, **about)}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """The settings of `fit_law`: all its arguments but the table."""

    law: Any = _setting(  # noqa: RUF009 (the default is text; it may be a Law too)
        "chinchilla",
        "The law's name, one of isoloss.laws.LAWS; in Python also a law of your own.",
        option="--law",
    )
    x: str | None = _setting(
        None,
        "The column of a one-variable law's variable, e.g. flops*1e-18.",
        option="--x",
        metavar="COLUMN",
    )
    y: str | None = _setting(
        None, "The column of the loss. Short for loss in columns.", option="--y", metavar="COLUMN"
    )
    columns: Mapping[str, str] = _setting(
        {},
        "Where a variable of the law, loss or compute is, e.g. n_params='Model Size' or "
        "n_tokens='D (B)*1e9', or '10**COLUMN' of logarithms. What is not named is recognised by "
        "its name.",
        kind=dict,
        option="--column",
        metavar="NAME=COLUMN",
    )
    cluster: str | None = _setting(
        None,
        "The column that says which run or group a row belongs to, because rows of one run are "
        "not independent; or none: all rows are. Without it the table's columns and residuals "
        "tell, and the fit says what it assumed.",
        option="--cluster",
        metavar="COLUMN",
    )
    weights: str | None = _setting(
        None,
        "The column of positive weights: each multiplies its row's part of the objective.",
        option="--weights",
        metavar="COLUMN",
    )
    objective: str = _setting(
        "huber",
        "What is summed over rows and minimised: Huber's loss, absolute values (lad) or squares "
        "(lsq) of the residual of ln L, or squares of the residual of L (lsq_raw).",
        choices=OBJECTIVES,
        option="--objective",
    )
    delta: float = _setting(
        1e-3,
        "Huber's delta: beyond it a residual counts linearly.",
        kind=float,
        unit="of ln L",
        rule="be positive and finite",
        holds=_positive,
        option="--delta",
    )
    fixed: Mapping[str, float] = _setting(
        {},
        "Parameters that are held at a value, in the parameter's unit.",
        kind=dict,
        option="--fix",
        metavar="NAME=VALUE",
    )
    tied: tuple[tuple[str, str], ...] = _setting(
        (),
        "Pairs of parameters that are one, e.g. alpha and beta.",
        kind=tuple,
        option="--tie",
        metavar="NAME=NAME",
    )
    level: float = _setting(
        0.9,
        "How often an interval is to hold the truth.",
        kind=float,
        unit="a probability",
        rule="lie between 0 and 1",
        holds=lambda value: 0 < value < 1,
        option="--level",
    )
    draws: int = _setting(
        1000,
        "How many resampled tables are fitted for the intervals.",
        kind=int,
        unit="tables",
        rule="not be negative",
        holds=lambda value: value >= 0,
        option="--draws",
    )
    method: str = _setting(
        "auto",
        "How tables are resampled: new noise on the same design (residual), runs drawn with "
        "replacement (cluster), the residuals of a run turned together (wild), or none. auto is, "
        "where rows share runs, cluster from 30 runs on and else wild; elsewhere cluster from "
        "150 rows on, else residual. From 60 rows on, cluster where that is much wider; below 60, "
        "wild where the noise may change with the variables.",
        choices=METHODS,
        option="--method",
    )
    intervals: str = _setting(
        "draws",
        "Where the interval of a parameter ends: at quantiles of the draws, or where the profile "
        "of the objective says (a second or two). Predictions have intervals of the draws.",
        choices=INTERVALS,
        option="--intervals",
    )
    seed: int = _setting(
        0,
        "Of the random numbers of the draws.",
        kind=int,
        rule="not be negative",
        holds=lambda value: value >= 0,
        option="--seed",
    )
    vocabulary: int | None = _setting(
        None,
        "Size of the vocabulary: losses above its logarithm are worse than chance, and refused.",
        kind=int,
        unit="tokens",
        option="--vocabulary",
        metavar="SIZE",
    )
    flops_per_param_token: float = _setting(
        FLOPS_PER_PARAM_TOKEN,
        "K of C = K N D, wherever one of the three follows from the others.",
        kind=float,
        unit="FLOP",
        rule="be positive and finite",
        holds=_positive,
        option="--flops-per-param-token",
        metavar="K",
    )
    metric: str | None = _setting(
        None,
        "What the column of the loss holds, where it is not nats: bits are multiplied by ln 2, "
        "perplexity becomes its logarithm, accuracy and error become the odds of a mistake (ln L "
        "is then a logit), and inverse is one over a quantity that rises. The column's name says "
        "it if you do not.",
        choices=METRICS,
        option="--metric",
    )
    where: str = _setting("table", "What messages call the table.")

    def __post_init__(self):
        for name in ("columns", "fixed"):
            given = getattr(self, name)
            if given is None or isinstance(given, Mapping):
                object.__setattr__(self, name, dict(given or {}))
        tied = () if self.tied is None else self.tied
        if isinstance(tied, Iterable) and not isinstance(tied, str):
            pairs = (pair if isinstance(pair, str) else tuple(pair) for pair in tied)
            object.__setattr__(self, "tied", tuple(pairs))

    @classmethod
    def of(cls, settings: Self | None, given: Mapping[str, Any]) -> Self:
        """Settings from an object, from keywords, or from both where they agree.

        Raises
        ------
        UserError
            A keyword is unknown, or contradicts `settings`.
        """
        names = cls.names()
        problems = [
            f"{name}: there is no such setting{nearest(name, names)}"
            for name in given
            if name not in names
        ]
        if settings is not None and not isinstance(settings, cls):
            problems.append(f"settings: must be FitSettings, got {type(settings).__name__}")
        if problems:
            raise UserError("fit", problems)
        asked = cls(**given)
        if settings is None:
            return asked
        problems = [
            f"{name}: the keyword says {getattr(asked, name)!r} and settings say "
            f"{getattr(settings, name)!r}; leave one of the two out"
            for name in given
            if getattr(asked, name) != getattr(settings, name)
        ]
        if problems:
            raise UserError("fit", problems)
        return settings

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all settings."""
        return tuple(f.name for f in fields(cls))

    @classmethod
    def about(cls) -> dict[str, tuple[About, Any]]:
        """Name -> the setting's description and its default."""
        made = cls()
        return {f.name: (f.metadata["about"], getattr(made, f.name)) for f in fields(cls)}

    def columns_of(self, law: "Law") -> dict[str, str]:
        """Variable -> column, with `x` and `y` where they are given."""
        columns = dict(self.columns)
        if self.x is not None:
            columns[law.variables[0]] = self.x
        if self.y is not None:
            columns["loss"] = self.y
        return columns

    def checked(self) -> "Law":
        """Check all that needs no table, and return the law to fit.

        Raises
        ------
        UserError
            The error lists every problem at once.
        """
        from isoloss.laws import law

        if problems := self.problems():
            raise UserError("fit", [said(*problem) for problem in problems])
        return law(self.law)

    def problems(self) -> list[tuple[str, str]]:
        """Every problem that needs no table: its key ("" for none) and its message."""
        from isoloss.laws import law as law_named

        problems = list(self._alone())
        wrong = {name for name, _ in problems}
        if not wrong & {"objective", "intervals", "draws", "method"} and self._needs_draws:
            text = f"a profile of {self.objective} needs draws (least squares alone does not)"
            problems.append(("intervals", text))
        try:
            law = law_named(self.law)
        except UserError as error:
            return [*problems, *(("", text) for text in error.problems)]
        return [*problems, *self._together(law, wrong)]

    def _alone(self) -> Iterator[tuple[str, str]]:
        """Problems of single settings, whatever the law."""
        for name, (about, default) in self.about().items():
            if name != "law" and (found := about.problem(getattr(self, name), default)):
                yield name, found

    @property
    def _needs_draws(self) -> bool:
        squares = self.objective.startswith("lsq")
        drawn = self.draws > 0 and self.method != "none"
        return self.intervals == "profile" and not (squares or drawn)

    def _together(self, law: "Law", wrong: set[str]) -> Iterator[tuple[str, str]]:
        """Problems of settings together with this law; `wrong` are already known to be wrong."""
        from isoloss.fit import held

        if self.x is not None and len(law.variables) != 1:
            names = ", ".join(law.variables)
            yield (
                "x",
                f"{law.name} has {len(law.variables)} variables ({names}): name them in columns",
            )
        if not wrong & {"fixed", "tied"}:
            problems = list(held.problems(law, self.fixed, self.tied))
            yield from problems
            if not problems and held.nothing_free(law, self.fixed, self.tied):
                yield "", f"every parameter of {law.name} is held: nothing is left to fit"


def said(key: str, text: str) -> str:
    """A problem as one line."""
    return f"{key}: {text}" if key else text


def described(indent: str = "    ") -> str:
    """All settings as the section of a docstring (numpydoc)."""
    lines = []
    for name, (about, default) in FitSettings.about().items():
        kind = f"{{{', '.join(map(repr, about.choices))}}}" if about.choices else KINDS[about.kind]
        unit = f", {about.unit}" if about.unit else ""
        rule = f" It must {about.rule}." if about.rule else ""
        lines.append(f"{name} : {kind}{unit}, default {default!r}")
        lines += textwrap.wrap(about.meaning + rule, WIDTH - 8, initial_indent="    ",
                               subsequent_indent="    ")  # fmt: skip
    return "\n".join(indent + line for line in lines).lstrip()


if FitSettings.__doc__:  # there is none with python -OO
    FitSettings.__doc__ += f"\n\n    Attributes\n    ----------\n    {described()}\n    "


def documented(function: Callable) -> Callable:
    """Give f(table, law, *, settings, **keywords) the signature and the docstring of all settings.

    The descriptions of the settings replace {settings} in the docstring.
    """
    signature = inspect.signature(function)
    parameters = {name: p for name, p in signature.parameters.items() if name != "keywords"}
    settings = parameters.pop("settings")
    about = FitSettings.about()
    for own in fields(FitSettings):
        default = about[own.name][1]
        kind = inspect.Parameter.KEYWORD_ONLY
        new = inspect.Parameter(own.name, kind, default=default, annotation=own.type)
        old = parameters.get(own.name)
        parameters[own.name] = new if old is None else new.replace(kind=old.kind)
    parameters = [*parameters.values(), settings]
    function.__signature__ = signature.replace(parameters=parameters)
    if function.__doc__:
        function.__doc__ = function.__doc__.format(settings=described())
    return function
