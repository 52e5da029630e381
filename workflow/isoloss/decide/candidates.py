"""Candidate runs to choose the next runs from, and the cost of each."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit.result import FitResult
from isoloss.stats.spread import root_mean_square
from isoloss.tables.data import rows_text

GRID = 25  # candidates along cost, and along tokens per parameter
SMALLEST = 300  # no candidate costs less than this part of the budget
OUTER = 0.05  # share of the runs at either end of D / N whose law may be another
NEAR = 16.0  # candidates' D / N is within this factor of the optima between the runs and the target
SPREAD = 10.0  # the least range of candidates in tokens per parameter, as a factor
OTHER_UNIT = 1e3  # a candidate whose N differs by more than this from all runs gives a warning
ON_LINE = 2.0  # runs whose D is within this factor of a power of N do not identify N and D


@dataclass(frozen=True)
class CostModel:
    """cost = factor N**n D**d.

    Attributes
    ----------
    unit : str
        "FLOP", or the name of the measured column.
    error : float
        Root mean square of ln(cost / measured), on the runs that the model was fitted to.
    """

    factor: float
    n: float
    d: float
    unit: str
    error: float = 0.0

    def __call__(self, n_params, n_tokens):
        return self.factor * n_params**self.n * n_tokens**self.d

    def __str__(self):
        if self.unit == "FLOP":
            return f"{self.factor:g} N D FLOP"
        law = f"{self.factor:.3g} N^{self.n:.3g} D^{self.d:.3g} {self.unit}"
        return f"{law} (off by {100 * self.error:.2g} % on the runs so far)"


@dataclass(frozen=True)
class Candidates:
    """Candidate runs. Each is chosen at most once, because different runs test a law better.

    Attributes
    ----------
    values : dict of str to ndarray, shape (candidate,)
        The law's variables.
    cost : ndarray, shape (candidate,)
    """

    values: dict[str, np.ndarray]
    cost: np.ndarray

    @property
    def log_x(self) -> dict[str, np.ndarray]:
        """ln of the law's variables, shape (candidate,) each."""
        return {name: np.log(x) for name, x in self.values.items()}

    def part(self, rows) -> "Candidates":
        """Some of the candidates."""
        return Candidates({name: x[rows] for name, x in self.values.items()}, self.cost[rows])

    def __add__(self, other: "Candidates") -> "Candidates":
        values = {name: np.concatenate([x, other.values[name]]) for name, x in self.values.items()}
        return Candidates(values, np.concatenate([self.cost, other.cost]))


def of_sizes(result: FitResult, n_params, n_tokens, cost: CostModel) -> Candidates:
    """Candidates of a law that allocates, endless or best in what the law has beside N and D."""
    values = {"n_params": n_params, "n_tokens": n_tokens}
    values |= {name: np.full(np.shape(n_tokens), np.inf) for name in result.law.unlimited}
    values |= result.law.best(result.values, n_params, n_tokens)
    return Candidates(values, cost(n_params, n_tokens))


def flops(flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN) -> CostModel:
    """Cost in FLOP: 6 N D, or another constant (Kaplan et al. 2020, Sec. 2.1)."""
    return CostModel(flops_per_param_token, 1.0, 1.0, "FLOP")


def measured(n_params, n_tokens, cost, unit: str, numbers=None) -> CostModel:
    """Fit a cost model to measured costs, e.g. in seconds, by least squares of the logarithm.

    Messages give the rows' `numbers`, or count rows from 1.

    Raises
    ------
    UserError
        Fewer than four runs, a value that is not positive, or sizes and tokens that do not vary
        independently.
    """
    problems: list[str] = []
    took = _numbers(cost, unit, problems, numbers)
    if problems:
        raise UserError("--cost", problems)
    log_n, log_d, log_cost = (np.log(np.asarray(x, float)) for x in (n_params, n_tokens, took))
    design = np.stack([np.ones_like(log_n), log_n, log_d], axis=1)
    if len(log_n) < 4 or np.linalg.matrix_rank(design - [0, log_n.mean(), log_d.mean()]) < 3:
        raise UserError(
            "--cost",
            [f"four runs whose N and D vary independently are needed for {unit!r} as a cost"],
        )
    found, *_ = np.linalg.lstsq(design, log_cost, rcond=None)
    error = root_mean_square(log_cost - design @ found)
    return CostModel(float(np.exp(found[0])), float(found[1]), float(found[2]), unit, error)


def on_grid(result: FitResult, cost: CostModel, question: Question, budget: float) -> Candidates:
    """A grid in the logarithms of cost and of tokens per parameter.

    Distant runs seem to be the most informative, but can bias a fit. A few runs of little compute
    have moved an exponent by several standard errors (Besiroglu et al. 2024 leave five out). So no
    candidate costs less than a 300th of the budget, or is smaller than all runs so far. Its D / N
    is within a factor of 16 of the optima from the runs' compute to the target's, as in an isoFLOP
    grid of four times larger and smaller sizes. It is also within a factor of 16 of the D / N of
    most runs.
    """
    low, high = _ratios(result, question)
    costs, ratios = np.meshgrid(
        np.linspace(np.log(budget / SMALLEST), np.log(budget), GRID),
        np.linspace(low, high, GRID),
        indexing="ij",
    )
    log_n = (costs - np.log(cost.factor) - cost.d * ratios) / (cost.n + cost.d)
    seen = result.problem.log_x
    among = of_sizes(result, np.exp(log_n.ravel()), np.exp((log_n + ratios).ravel()), cost)
    enough = not_smaller(result, among)
    if not enough.any():  # the budget is below the cost of the smallest run
        smallest = (np.exp([seen[name].min()]) for name in ("n_params", "n_tokens"))
        return of_sizes(result, *smallest, cost)
    return among.part(enough)


def not_smaller(result: FitResult, among: Candidates) -> np.ndarray:
    """Whether each candidate has at least the N and D of the smallest runs so far."""
    seen, log_x = result.problem.log_x, among.log_x
    return np.all([log_x[x] >= seen[x].min() - 1e-9 for x in ("n_params", "n_tokens")], axis=0)


def _ratios(result, question):
    """The least and the largest ln(D / N) of the grid."""
    log_n, log_d = (result.problem.log_x[name] for name in ("n_params", "n_tokens"))
    k = question.flops_per_param_token
    low, high = np.quantile(log_d - log_n, [OUTER, 1 - OUTER])
    computes = [k * np.exp(np.quantile(log_n + log_d, OUTER)), question.target]
    with np.errstate(all="ignore"):
        best = np.log(result.law.optimum(result.values, computes, k)["tokens_per_param"])
    if np.isfinite(best).all() and not _line(result)[1]:  # on a line, the optimum means nothing
        wider = np.log(NEAR)
        low = np.clip(best.min() - wider, low - wider, high)
        high = np.clip(best.max() + wider, low, high + wider)
    wider = max(0.0, np.log(SPREAD) - (high - low)) / 2
    return low - wider, high + wider


def off_line(result: FitResult, among: Candidates, budget: float) -> list[int]:
    """Two candidates off the line, where D is a function of N in all runs so far; else none.

    Such runs do not identify a law of N and D, and its draws do not show that. The two candidates
    have the fewest and the most tokens per parameter, and are as large as the budget allows.
    """
    if not {"n_params", "n_tokens"} <= set(result.law.variables):
        return []
    trend, on_line = _line(result)
    if not on_line:
        return []
    allowed = np.flatnonzero(among.cost <= budget / 2)
    if not len(allowed):
        return []
    at = among.part(allowed).log_x
    away = at["n_tokens"] - np.polyval(trend, at["n_params"])
    chosen = []
    for side in (away, -away):
        far = allowed[side >= side.max() - np.log(ON_LINE) / 2]
        chosen.append(int(far[np.argmax(among.cost[far])]))
    return list(dict.fromkeys(chosen))


def _line(result):
    """ln D as a linear function of ln N, and whether all runs are on it."""
    log_n, log_d = (result.problem.log_x[name] for name in ("n_params", "n_tokens"))
    trend = np.polyfit(log_n, log_d, 1)
    return trend, np.ptp(log_d - np.polyval(trend, log_n)) <= np.log(ON_LINE)


def of_table(
    table: Mapping[str, Any],
    cost: CostModel | None,
    where: str = "candidates",
    variables: tuple[str, ...] = ("n_params", "n_tokens"),
) -> Candidates:
    """The runs of a table with the variables of a law, and `cost` where it is known.

    Parameters
    ----------
    cost : CostModel or None
        The cost of runs of N and D; None where the table must have a column `cost`.

    Raises
    ------
    UserError
        A column is missing, the table is empty, or a value is not a positive number.
    """
    needed = (*variables, "cost") if cost is None else variables
    problems = [f"no column for {name} was recognised" for name in needed if name not in table]
    if problems:
        raise UserError(where, problems)
    names = [name for name in dict.fromkeys((*variables, "cost")) if name in table]
    values = {name: _numbers(table[name], name, problems) for name in names}
    if not len(values[variables[0]]):
        problems.append("has no rows")
    if problems:
        raise UserError(where, problems)
    given = values.pop("cost", None)
    if given is None:
        given = cost(values["n_params"], values["n_tokens"])
    return Candidates({name: values[name] for name in variables}, given)


def far_from(result: FitResult, among: Candidates) -> str | None:
    """A warning about candidates whose N may be in another unit than the runs' N, or None."""
    if "n_params" not in among.values:
        return None
    log_n, asked = result.problem.log_x["n_params"], among.log_x["n_params"]
    beyond = np.maximum(asked - log_n.max(), log_n.min() - asked)
    rows = np.flatnonzero(beyond > np.log(OTHER_UNIT))
    if not len(rows):
        return None
    seen = f"{np.exp(log_n.min()):.3g} to {np.exp(log_n.max()):.3g}"
    return (
        f"candidates: n_params is {OTHER_UNIT:g} times and more outside the runs' {seen}: "
        f"{rows_text(rows)}; is its unit another?"
    )


def _numbers(values, name, problems, numbers=None) -> np.ndarray:
    """A column as floats; adds a problem for rows without a number, and for other mistakes."""
    values = list(values)
    found = np.full(len(values), np.nan)
    strange = []
    for i, value in enumerate(values):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            found[i] = float(value)
            continue
        strange.append(i)
    if strange:
        text = f"column {name!r} is not a number, e.g. {values[strange[0]]!r}"
        problems.append(f"{text}: {rows_text(strange, numbers)}")
    rest = np.flatnonzero(~(np.isfinite(found) & (found > 0)))
    rest = [row for row in rest if row not in strange]
    if rest:
        rows = rows_text(rest, numbers)
        problems.append(f"column {name!r} must be positive and finite: {rows}")
    return found
