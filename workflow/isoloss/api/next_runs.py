"""The next runs: those that narrow the interval of a decision most for their cost."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.api.runs import number as row_number
from isoloss.api.shown import Rows, Shown
from isoloss.decide.candidates import Candidates, CostModel, flops, measured, of_table
from isoloss.decide.mixture import mixture
from isoloss.decide.next_runs import Plan
from isoloss.decide.next_runs import next_runs as planned
from isoloss.decide.question import OF_OPTIMUM, Question
from isoloss.errors import UserError, nearest
from isoloss.fit.result import FitResult, plain
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings
from isoloss.fit.text import number
from isoloss.forecast.average import Averaged
from isoloss.tables.data import read_points
from isoloss.tables.read import read_table

if TYPE_CHECKING:
    import pandas as pd

KNOWN = {  # the decision -> its text, and the text of its interval's width
    "n_params": ("N* at {target} FLOP", "a factor of ", "factor"),
    "loss": ("the loss at {target} FLOP", "", "width"),
    "a": ("a of N* ~ C**a", "", "width"),
    "region": ("the loss of the runs of {target}", "a factor of ", "factor"),
}
SHORT = {"n_params": "N", "n_tokens": "D"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be known, and what the runs may cost; `Fit.next` describes the fields.

    `target` is a budget in FLOP, or the path or table of runs whose losses are to be known.
    """

    target: Any
    budget: float
    decision: str = "n_params"
    cost: str | None = None
    candidates: Any = None

    @property
    def number(self) -> float | None:
        """The target as a number; None where it is a table of runs."""
        try:
            return float(self.target)
        except (TypeError, ValueError):
            return None

    @property
    def shown(self) -> str:
        """What messages call a target that is a table."""
        return str(self.target) if isinstance(self.target, str | os.PathLike) else "target"

    def numbers(self) -> list[tuple[str, float]]:
        """Each option with its number."""
        target = [] if self.number is None else [("--target", self.number)]
        return [*target, ("--budget", self.budget)]

    def problems(self) -> Iterator[str]:
        """Options that are wrong, whatever the fit."""
        if self.decision not in OF_OPTIMUM:
            found = f"--decision: {self.decision!r} is none of {', '.join(OF_OPTIMUM)}"
            yield f"{found}{nearest(self.decision, OF_OPTIMUM)}"
        if self.number is not None:
            return
        is_name = isinstance(self.target, str | os.PathLike)
        if is_name and not Path(self.target).is_file():
            yield f"--target: {str(self.target)!r} is neither a number nor a file"
        elif self.candidates is None:
            yield "--target: a table of runs needs --candidates, the runs to choose among"


@dataclass(frozen=True, repr=False, eq=False)
class NextRuns(Shown):
    """Runs to do, in order.

    Attributes
    ----------
    plan : isoloss.decide.next_runs.Plan
        The runs, the width of the answer's interval now and after each, and other designs.
    asked : Asked
    fits : FitResult or Averaged
        The law, or the laws that are averaged.
    result : FitResult
        The fit of the law with the most weight.
    left_out : mapping of str to str
        Law -> why the plan does not count it.
    law : str
        The law that was named, or "best".
    cost : CostModel or None
        The cost of a run of N and D; None where only the candidates' own column says it.
    warnings, notes : tuple of str
    """

    plan: Plan
    asked: Asked
    fits: FitResult | Averaged
    result: FitResult
    left_out: Mapping[str, str]
    law: str
    cost: CostModel | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each run: the law's variables, `cost`, and the interval's `width` after it."""
        return self.plan.runs

    @property
    def unit(self) -> str:
        """The unit of costs: FLOP, or a column."""
        return self.asked.cost if self.cost is None else self.cost.unit

    def to_dict(self) -> dict[str, Any]:
        """The plan as `isoloss next --json` prints it."""
        plan, target = self.plan, self.asked.number
        return plain({
            "decision": plan.question.decision,
            "target": self.asked.shown if target is None else target,
            "budget": self.asked.budget,
            "level": self.result.level,
            "width_now": plan.width_now,
            "width_least": plan.width_least,
            "drift": plan.drift,
            "law": self.law,
            "laws": plan.laws,
            "left_out": dict(self.left_out),
            "cost": "column" if self.cost is None else str(self.cost),
            "cost_unit": self.unit,
            "stopped": plan.stopped,
            "baselines": [vars(one) for one in plan.baselines],
            "warnings": self.warnings,
            "notes": self.notes,
            "runs": plan.runs.to_dict("records"),
        })  # fmt: skip

    def parts(self) -> Iterator[str | Rows]:
        """Tables and lines, as `isoloss next` prints them."""
        plan, result, unit = self.plan, self.result, self.unit
        known, factor, width = KNOWN[plan.question.decision]
        given = self.asked.number
        target = self.asked.shown if given is None else number(plan.question.target)
        known, level = known.format(target=target), result.level
        costed = f"column {unit!r}" if self.cost is None else self.cost
        if plan.width_now == plan.width_now:
            within = f"is known within {factor}{_width(plan.width_now)}"
            yield f"{known} {within} ({100 * level:g} % interval, end to end); cost: {costed}"
        else:
            yield f"{known} cannot be known from these runs; cost: {costed}"
        if isinstance(self.fits, Averaged):
            shares = ", ".join(f"{name} {weight:.2f}" for name, weight in plan.laws.items())
            yield f"laws, by weight at the target: {shares} ({self.fits.evidence})"
            yield from (f"not counted: {name}: {text}" for name, text in self.left_out.items())
        variables = result.law.variables
        rows = [["run", *(SHORT.get(name, name) for name in variables), unit, f"{width} after it"]]
        for i, row in enumerate(plan.runs.to_dict("records"), start=1):
            numbers = (number(row[name]) for name in (*variables, "cost"))
            rows.append([str(i), *numbers, _width(row["width"])])
        if len(rows) > 1:
            yield rows
        yield f"no more runs: {plan.stopped}"
        if plan.width_least == plan.width_least:
            least = _width(plan.width_least)
            yield f"all {plan.n_candidates} candidates together would leave {least}"
        if plan.baselines:
            yield "other designs for the same budget, if the law holds:"
            last = _width(plan.runs["width"].iloc[-1])
            spent = number(plan.runs["cost"].sum())
            yield [
                ["design", "runs", unit, f"{width} after them"],
                ["this plan", str(len(plan.runs)), spent, last],
                *(
                    [one.name, str(one.n_runs), number(one.cost), _width(one.width)]
                    for one in plan.baselines
                ),
            ]
        if plan.drift == plan.drift:
            drift = f"{100 * plan.drift:.2g} % of the loss"
            yield f"counted: losses drift from the law by {drift} for each factor e of compute"
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"assumed: {text}" for text in self.notes)


def next_runs(
    table: pd.DataFrame, fits: FitResult | Averaged, settings: FitSettings, asked: Asked
) -> NextRuns:
    """Choose runs, once the options are checked.

    Parameters
    ----------
    table : pandas.DataFrame
        The runs that were fitted, with the column of their cost where `asked` names one.

    Raises
    ------
    UserError
        A file or a column is wrong, or the question cannot be asked of the law.
    """
    best = settings.law == AVERAGE_OF_LAWS
    result = fits.members[0].result if best else fits
    question, notes = _question(asked, settings, result.law)
    left_out, more = {}, {}
    if best:
        counted = mixture(fits, question)
        result, left_out = counted.fits[0], counted.left_out
        more = {"others": counted.fits[1:], "weights": counted.weights, "drift": counted.drifts}
    cost = _cost(asked, table, settings, result)
    candidates, of_candidates = _candidates(asked, cost, settings, result.law)
    plan = planned(result, question, asked.budget, cost=cost, candidates=candidates, **more)
    return NextRuns(plan, asked, fits, result, left_out, settings.law, cost, tuple(plan.warnings),
                    (*plan.notes, *notes, *of_candidates))  # fmt: skip


def _question(asked, settings, law):
    """The question, and the assumptions about the runs that are asked for."""
    if asked.number is not None:
        k = settings.flops_per_param_token
        return Question(asked.decision, asked.number, None, k), []
    region, notes = _points(asked.target, settings, law, "target")
    return Question("region", region=_logs(region, law)), notes


def _cost(asked, table, settings, result) -> CostModel | None:
    """The cost of a run of N and D; None where only the candidates' own column says it."""
    sized = {"n_params", "n_tokens"} <= set(result.law.variables)
    if asked.cost is None and sized:
        return flops(settings.flops_per_param_token)
    if asked.cost is None:
        found = f"--cost: is needed, because {result.law.name} does not depend on N and D"
        raise UserError("arguments", [f"{found}: the column of --candidates with their cost"])
    if asked.cost not in table:
        if asked.candidates is not None:  # its own column, or an error that names it
            return None
        raise UserError(settings.where, [_no_column(asked.cost, table)])
    if not sized:
        return None
    n_params, n_tokens = (np.exp(result.problem.log_x[name]) for name in ("n_params", "n_tokens"))
    numbers = [row_number(table, row) for row in range(1, len(table) + 1)]
    return measured(n_params, n_tokens, table[asked.cost], asked.cost, numbers)


def _no_column(cost, table):
    found = f"--cost: there is no column {cost!r}{nearest(cost, table.columns)}"
    return f"{found} (columns: {', '.join(map(str, table.columns))})"


def _candidates(asked, cost, settings, law) -> tuple[Candidates | None, list[str]]:
    """The runs to choose among, and the assumptions about them."""
    if asked.candidates is None:
        return None, []
    points, notes = _points(asked.candidates, settings, law, "candidates")
    table, where = _read(asked.candidates, "candidates")
    if asked.cost in table:
        points["cost"] = table[asked.cost]
    elif cost is None:
        raise UserError(where, [_no_column(asked.cost, table)])
    return of_table(points, cost, where, law.variables), notes


def _read(table, name):
    """A table of runs, and what messages call it."""
    if isinstance(table, str | os.PathLike):
        return read_table(Path(table)), str(table)
    return table, name


def _points(source, settings, law, what):
    """The law's variables of the runs of a table, and the assumptions."""
    columns = settings.columns
    table, where = _read(source, what)
    sizes = {"n_params", "n_tokens"}
    points, notes = {}, ()
    if sizes <= set(law.variables):
        of_points = sizes | {"compute"}
        given = {
            name: text for name, text in columns.items() if name in of_points and _has(table, text)
        }
        k = settings.flops_per_param_token
        try:
            points, notes = read_points(table, given, flops_per_param_token=k, where=where)
        except UserError as error:  # without its hint: --without is about the table of runs
            raise UserError(where, error.problems) from None
    for name in law.variables:
        if name not in points and (column := _column(table, name, columns)) is not None:
            points[name] = column
    if missing := [name for name in law.variables if name not in points]:
        raise UserError(where, [f"no column for {name} was recognised" for name in missing])
    return points, [f"{what}: {note}" for note in notes]


def _column(table, name, columns):
    """A variable's column, as --column names it ("COLUMN*FACTOR") or by the variable's name."""
    text = columns.get(name, name)
    column, star, factor = text.rpartition("*")
    if text in table:
        return table[text]
    return table[column] * float(factor) if star and column in table else None


def _logs(points, law):
    """ln of the law's variables, checked."""
    return of_table({**points, "cost": [1.0] * len(points[law.variables[0]])}, None, "--target",
                    law.variables).log_x  # fmt: skip


def _has(table, text):
    """Whether a table has the column of "COLUMN" or "COLUMN*FACTOR"."""
    return text in table or text.rpartition("*")[0] in table


def _width(value):
    """A width with four significant digits, because a factor may be only slightly above 1."""
    return f"{value:#.4g}".rstrip(".") if value == value else "-"
