"""Ask a fit: the loss of a run, the best run of a budget, or the compute that reaches a loss."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.api.laws import laws
from isoloss.api.shown import Rows, Shown
from isoloss.errors import UserError
from isoloss.fit.result import plain
from isoloss.fit.text import number, ranges
from isoloss.forecast import ask, paths
from isoloss.forecast.average import Averaged

if TYPE_CHECKING:
    import pandas as pd

LABELS = {
    "n_params": "N",
    "n_tokens": "D",
    "tokens_per_param": "D/N",
    "compute": "C (FLOP)",
    "training_compute": "of it training",
    "device_hours": "device-hours",
    "money": "money",
    "loss": "loss",
    "loss_of_run": "loss of a run",
}
HOUR_S = 3600.0
MANY = ("n_params", "n_tokens", "compute", "budget_hours", "budget_money", "loss")
ONE = ("ratio", "unique_tokens", "inference_tokens", "device_flops", "utilisation", "price")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a fit; `Fit.predict` describes the fields."""

    n_params: Sequence[float] = ()
    n_tokens: Sequence[float] = ()
    points: Any = None
    compute: Sequence[float] = ()
    budget_hours: Sequence[float] = ()
    budget_money: Sequence[float] = ()
    loss: Sequence[float] = ()
    ratio: float | None = None
    unique_tokens: float | None = None
    inference_tokens: float | None = None
    device_flops: float | None = None
    utilisation: float | None = None
    price: float | None = None

    @classmethod
    def of(cls, args: Any) -> Asked:
        """From the options of the command line."""
        given = {field.name: getattr(args, field.name) for field in fields(cls)}
        return cls(**given | {name: given[name] or () for name in MANY})

    def numbers(self) -> list[tuple[str, float]]:
        """Each option with each of its numbers."""
        found = {name: getattr(self, name) for name in MANY}
        found |= {name: [getattr(self, name)] for name in ONE if getattr(self, name) is not None}
        return [
            (f"--{name.replace('_', '-')}", value)
            for name, values in found.items()
            for value in values
        ]

    def problems(self) -> Iterator[str]:
        """Contradictions between the options, and what is missing."""
        yield from self._places()
        yield from self._prices()

    def _places(self):
        budgets = [one for one in ("compute", "budget_hours", "budget_money") if getattr(self, one)]
        along = bool(budgets or self.loss)
        points = self.points is not None
        if not (along or self.n_params or self.n_tokens or points):
            yield ("nothing is asked: --n-params with --n-tokens, --points, --compute, "
                   "--budget-hours, --budget-money or --loss says what to predict")  # fmt: skip
        if along and self.n_tokens:
            yield "--n-tokens: says a run, with --n-params; with a budget or --loss, D follows"
        elif along and points:
            yield "--points: names whole runs, so it goes with no budget and no --loss"
        elif along and len(self.n_params) > 1:
            yield f"--n-params: a budget or --loss takes one size, got {len(self.n_params)}"
        elif not along and bool(self.n_params) != bool(self.n_tokens):
            given, missing = ("params", "tokens") if self.n_params else ("tokens", "params")
            yield f"--n-{given}: needs --n-{missing}" + (
                ", a budget (--compute) or --loss" if self.n_params else ""
            )
        elif self.n_params and self.n_tokens:
            n, d = len(self.n_params), len(self.n_tokens)
            if n != d and 1 not in (n, d):
                yield f"--n-params, --n-tokens: {n} sizes and {d} amounts of tokens are no runs"
        if self.ratio is not None and self.n_params:
            yield "--ratio, --n-params: one of them keeps the path; both leave nothing to choose"
        for name in ("ratio", "inference_tokens"):
            if getattr(self, name) is not None and not along:
                yield f"--{name.replace('_', '-')}: needs a budget (--compute) or --loss"

    def _prices(self):
        """Prices of compute that others need."""
        if self.device_flops is None and self.utilisation is not None:
            yield "--utilisation: needs --device-flops"
        if self.device_flops is not None and self.utilisation is None:
            yield "--device-flops: needs --utilisation, the share of them that training uses"
        if self.device_flops is None and (
            self.budget_hours or self.budget_money or self.price is not None
        ):
            given = {"--budget-hours": self.budget_hours, "--budget-money": self.budget_money}
            which = next((name for name, values in given.items() if values), "--price")
            yield f"{which}: needs --device-flops and --utilisation"
        if self.budget_money and self.price is None:
            yield "--budget-money: needs --price"
        if self.utilisation is not None and not 0 < self.utilisation <= 1:
            yield f"--utilisation: must lie between 0 and 1, got {self.utilisation:g}"

    def factors(self) -> dict[str, float]:
        """Device-hours and money for each FLOP, as far as they are known."""
        if self.device_flops is None:
            return {}
        hours = 1 / (self.device_flops * self.utilisation * HOUR_S)
        money = {} if self.price is None else {"money": hours * self.price}
        return {"device_hours": hours} | money

    def budgets(self) -> list[float]:
        """All budgets in FLOP."""
        factors = self.factors()
        found = list(self.compute)
        found += [hours / factors["device_hours"] for hours in self.budget_hours]
        return found + [money / factors["money"] for money in self.budget_money]


@dataclass(frozen=True, repr=False, eq=False)
class Predictions(Shown):
    """The answers to questions.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each question: `asked`; N, D and compute (parameters, tokens, FLOP); `loss`, the
        expected loss; `loss_of_run`, that of one run, with its noise and drift; device-hours and
        money where their prices are known; each with `_lo` and `_hi`, NaN where an end is open.
        `never` is the share of the draws that never reach the loss asked for.
    replies : tuple of isoloss.forecast.ask.Reply
    fits : Averaged
        The law, or the laws that are averaged.
    flops_per_param_token : float
        K of C = K N D.
    """

    table: pd.DataFrame
    replies: tuple[ask.Reply, ...]
    fits: Averaged
    flops_per_param_token: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the fits."""
        return self.fits.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        return self.fits.notes

    def to_dict(self) -> dict[str, Any]:
        """The answers as `isoloss predict --json` prints them."""
        return plain({
            "compute": f"{self.flops_per_param_token:g} N D",
            "level": self.fits.level,
            **self.fits.to_dict(),
            "answers": [
                row | {"sentences": list(reply.sentences)}
                for reply, row in zip(self.replies, self._rows(), strict=True)
            ],
            "warnings": self.warnings,
            "notes": self.notes,
        })  # fmt: skip

    def _rows(self):
        """The rows, each with the columns of its own question alone."""
        for reply, row in zip(self.replies, self.table.to_dict("records"), strict=True):
            own = reply.row()
            priced = {name for end in ("", "_lo", "_hi")
                      for name in (f"device_hours{end}", f"money{end}")}  # fmt: skip
            yield {name: value for name, value in row.items() if name in own or name in priced}

    def parts(self) -> Iterator[str | Rows]:
        """Tables and lines, as `isoloss predict` prints them."""
        averaged = self.fits
        for reply, row in zip(self.replies, self._rows(), strict=True):
            table = [[reply.asked, "value", f"{100 * averaged.level:g} % from", "to"]]
            for name, label in LABELS.items():
                if name in row:
                    ends = [number(row[name + end]) for end in ("", "_lo", "_hi")]
                    if name in ("compute", "device_hours", "money") and row["never"]:
                        ends[2] = "open" if ends[2] == "-" else ends[2]
                    table.append(["  " + label, *ends])
            yield table
            yield from (f"answer: {text}" for text in reply.sentences)
            yield ""
        result = averaged.members[0].result
        if len(averaged.members) > 1 or averaged.left_out:
            yield from laws(averaged)
        else:
            yield f"{result.law.name}; verdict: {result.verdict}"
        yield f"C = {self.flops_per_param_token:g} N D; {result.n_rows} rows"
        yield ranges(result.problem.log_x)
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"assumed: {text}" for text in self.notes)


def predict(
    averaged: Averaged, asked: Asked, flops_per_param_token: float, columns: Mapping[str, str]
) -> Predictions:
    """Answer questions whose options are checked.

    Parameters
    ----------
    columns : mapping
        Quantity -> its column, as the user names them; those that `points` has apply to it too.

    Raises
    ------
    UserError
        A budget is below the cheapest run, a loss is out of reach, or `points` cannot be read; the
        error lists every reason.
    """
    import pandas as pd

    k = flops_per_param_token
    replies = _replies(averaged, asked, k, columns)
    factors, rows = asked.factors(), []
    for reply in replies:
        row = reply.row()
        for name, factor in factors.items():
            for end in ("", "_lo", "_hi"):
                row[name + end] = row[f"compute{end}"] * factor
        rows.append(row)
    return Predictions(pd.DataFrame(rows), tuple(replies), averaged, k)


def path_of(
    averaged: Averaged,
    flops_per_param_token: float,
    *,
    n_params: float | None = None,
    ratio: float | None = None,
    unique_tokens: float | None = None,
    served: float = 0.0,
) -> paths.Path:
    """The runs among which compute chooses: of one size, of one D/N, or the optimum."""
    given = {} if unique_tokens is None else {"n_unique_tokens": unique_tokens}
    if n_params is not None:
        return paths.of_size(n_params, flops_per_param_token, given, served)
    if ratio is not None:
        return paths.of_ratio(ratio, flops_per_param_token, given, served)
    return paths.of_optimum(averaged, flops_per_param_token, given, served)


def _replies(found, asked, k, columns):
    given = {} if asked.unique_tokens is None else {"n_unique_tokens": asked.unique_tokens}
    n_params, n_tokens = _points(asked, columns, k)
    replies = ask.at_points(found, n_params, n_tokens, k, **given)
    budgets = asked.budgets()
    if not (budgets or asked.loss):
        return replies
    path = path_of(found, k, n_params=asked.n_params[0] if asked.n_params else None,
                   ratio=asked.ratio, unique_tokens=asked.unique_tokens,
                   served=asked.inference_tokens or 0.0)  # fmt: skip
    problems = []
    for ask_all, values in ((ask.at_budgets, budgets), (ask.reaching, asked.loss)):
        try:
            replies += ask_all(found, path, values) if values else []
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError("predict", problems)
    return replies


def _points(asked, columns, k):
    """N and D of the runs asked about."""
    if asked.points is not None:
        from isoloss.tables.data import read_points
        from isoloss.tables.read import read_table

        table, where = asked.points, "points"
        if isinstance(table, str | os.PathLike):
            table, where = read_table(Path(table)), str(table)
        elif not hasattr(table, "keys"):
            kind = type(table).__name__
            raise UserError(where, [f"a path, a DataFrame or a mapping is needed, got {kind}"])
        sizes = ("n_params", "n_tokens", "compute")
        named = {name: columns[name] for name in sizes if columns.get(name) in table}
        points, _ = read_points(table, named, flops_per_param_token=k, where=where)
        return points["n_params"], points["n_tokens"]
    if not (asked.n_params and asked.n_tokens):
        return [], []
    longest = max(len(asked.n_params), len(asked.n_tokens))
    both = (list(asked.n_params), list(asked.n_tokens))
    return [values * (longest if len(values) == 1 else 1) for values in both]
