"""Choose the next runs, so that a decision has the narrowest interval for the cost.

The method is a greedy c-optimal design (Elfving 1952). The next run is the one that lowers the
logarithm of the decision's variance most: per cost, per root of the cost, or at any cost within the
budget. The best of these three plans is returned. The effect of a run follows from the fit's draws
(`decide.belief`), so nothing is refitted.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.decide.belief import DECISIONS, MIN_DRAWS, Belief
from isoloss.decide.candidates import Candidates, CostModel, far_from, flops, off_line, on_grid
from isoloss.errors import UserError, nearest
from isoloss.fit.result import FitResult
from isoloss.laws.base import no_optimum

WORTH = 0.02  # runs that together narrow the interval by a smaller share are not proposed
MAX_RUNS = 30
NO_HELP = f"what else the budget allows narrows the interval by less than {100 * WORTH:g} % in all"
TOO_LITTLE = "the cheapest run costs {:.3g}, more than the budget"
NOT_APART = "D is a function of N in all runs so far; these come first, then plan again"
# Powers of the cost, each with the least share by which a run must lower the variance (while any
# run does): from many cheap runs to few runs that use the whole budget.
THRIFT = ((1.0, 0.0), (1.0, 0.02), (0.5, 0.0), (0.5, 0.02), (0.0, 0.0))


@dataclass(frozen=True)
class Plan:
    """Runs to do, in order.

    Attributes
    ----------
    runs : pandas.DataFrame
        Columns n_params, n_tokens, `cost`, `width` and `candidate`. `cost` is by the cost model,
        `width` is the expected width of the decision's interval after the run, and `candidate` is
        the run's place among the candidates.
    decision, target
        The quantity of the decision, and its compute budget (FLOP).
    width_now : float
        Width of the decision's interval today: for n_params the ratio of its ends, else their
        difference. All widths are NaN where D is a function of N in all runs, because the draws
        then do not show the uncertainty.
    width_least : float
        Width of the interval if every candidate were done, at any cost.
    n_candidates : int
    cost : CostModel
    stopped : str
        The reason why there are no more runs: the budget is spent, or no affordable run helps.
    warnings, notes : tuple of str
        First those of the plan, then those of its fit.
    """

    runs: object
    decision: str
    target: float
    width_now: float
    width_least: float
    n_candidates: int
    cost: CostModel
    stopped: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def next_runs(
    result: FitResult,
    target: float,
    budget: float,
    *,
    decision: str = "n_params",
    cost: CostModel | None = None,
    candidates: Candidates | None = None,
    max_runs: int = MAX_RUNS,
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
) -> Plan:
    """Choose runs for a fit of a law of N and D that has a compute optimum.

    Parameters
    ----------
    target : float
        Compute budget (FLOP) of the decision.
    budget : float
        The largest total cost of the runs, in the cost model's unit.
    decision : {"n_params", "loss", "a"}
        The quantity: N* or the loss at the target, or the exponent of N* ~ C**a.
    cost : CostModel, optional
        The cost of a run; by default, K N D FLOP.
    candidates : Candidates, optional
        The runs to choose among; by default, a grid over the runs so far and larger sizes.
    flops_per_param_token : float
        K of the target C = K N D.

    Raises
    ------
    UserError
        The law has no optimum or too few draws, or a number is not positive.
    """
    _check(result, target, budget, decision)
    cost = cost or flops(flops_per_param_token)
    among = candidates or on_grid(result, cost)
    believed = Belief(result, decision, target, among, flops_per_param_token)
    beside = off_line(result, among, budget)
    if beside:
        best = _Chosen([(row, np.nan) for row in beside], believed, 0.0, NOT_APART)
    else:
        plans = [_greedy(believed, among.cost, budget, max_runs, *how) for how in THRIFT]
        best = min(plans, key=lambda plan: (plan.believed.variance, plan.spent))
    return Plan(
        _frame(best.rows, among),
        decision,
        target,
        np.nan if beside else believed.width_now,
        np.nan if beside else believed.least(),
        len(among.cost),
        cost,
        best.stopped,
        tuple(_warnings(result, among)),
        result.notes,
    )


@dataclass
class _Chosen:
    rows: list[tuple[int, float]]
    believed: Belief
    spent: float
    stopped: str


def _greedy(believed, cost, budget, max_runs, power, least) -> _Chosen:
    """Runs one after another, each with the largest gain / cost**power."""
    believed = believed.copy()
    rows, spent = [], 0.0
    while len(rows) < max_runs:
        allowed = ~believed.done & (cost <= budget - spent)
        if not allowed.any():
            stopped = "the budget is spent" if rows else TOO_LITTLE.format(cost.min())
            break
        share = believed.gain() / max(believed.variance, 1e-300)
        if share[allowed].max() < WORTH and believed.left_by(allowed) > 1 - WORTH:
            stopped = NO_HELP
            break
        if (telling := allowed & (share > least)).any():
            allowed = telling
        narrower = -np.log1p(-np.minimum(share, 1 - 1e-9))
        best = int(np.argmax(np.where(allowed, narrower / cost**power, -np.inf)))
        believed.measure(best)
        spent += cost[best]
        rows.append((best, believed.width()))
    else:
        stopped = f"{max_runs} runs are planned; fit again once they are done"
    return _Chosen(rows, believed, spent, stopped)


def _check(result, target, budget, decision):
    problems = [
        f"{name}: must be positive and finite, got {value:g}"
        for name, value in (("target", target), ("budget", budget))
        if not (np.isfinite(value) and value > 0)
    ]
    if decision not in DECISIONS:
        allowed = ", ".join(DECISIONS)
        problems.append(
            f"decision: {decision!r} is none of {allowed}{nearest(decision, DECISIONS)}"
        )
    if not result.law.allocates:
        problems.append(no_optimum(result.law))
    elif len(result.draws) < MIN_DRAWS:
        problems.append(f"{MIN_DRAWS} draws are needed, got {len(result.draws)}")
    if problems:
        raise UserError("next", problems)


def _warnings(result, among):
    if (far := far_from(result, among)) is not None:
        yield far
    if not result.identified:
        yield (
            f"the law is {result.verdict}; these runs are a first step: do the first of them, and "
            "plan again with what they gave"
        )
    yield from result.warnings


def _frame(rows, among):
    import pandas as pd

    chosen = np.array([row for row, _ in rows], int)
    columns = {
        "n_params": among.n_params[chosen],
        "n_tokens": among.n_tokens[chosen],
        "cost": among.cost[chosen],
        "width": np.array([width for _, width in rows], float),
        "candidate": chosen,
    }
    return pd.DataFrame(columns)
