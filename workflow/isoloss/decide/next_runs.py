"""Choose the next runs, so that an answer has the narrowest interval for the cost.

The method is a greedy c-optimal design (Elfving 1952). The next run is the one that lowers the
logarithm of the answer's variance most: per cost, per root of the cost, or at any cost within the
budget. The best of these plans, of the classical design and of the isoFLOP grid is returned. The
effect of a run follows from the fit's draws (`decide.belief`), so nothing is refitted. The variance
counts the law's drift between each run and the target (`decide.doubt`).

For a region, the plan is few and large runs (`decide.cautious`).

Several laws may hold (`decide.mixture`). Each then counts by its weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoloss.decide import baselines
from isoloss.decide.baselines import Baseline
from isoloss.decide.belief import MIN_DRAWS, Belief
from isoloss.decide.candidates import (
    Candidates,
    CostModel,
    far_from,
    flops,
    not_smaller,
    off_line,
    on_grid,
)
from isoloss.decide.cautious import v_optimal
from isoloss.decide.doubt import doubt_of, rejected
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit.result import FitResult
from isoloss.forecast.average import warnings_of
from isoloss.results.verdict import Status

WORTH = 0.02  # runs that together narrow the interval by a smaller share are not proposed
MOST_REJECTED = 0.5  # of the weight, of the laws that lack of fit rejects
FIRST_SHARE = 0.25  # of the budget, for the first runs where lack of fit rejects the law
NO_HELP = f"what else the budget allows narrows the interval by less than {100 * WORTH:g} % in all"
OF_PLAN = ("cost", "width", "candidate")
SPENT = "the budget is spent"
ALL = "every candidate is in the plan"
TOO_LITTLE = "the cheapest run costs {:.3g}, more than the budget"
NOT_APART = "D is a function of N in all runs so far; these come first, then plan again"
REJECTED = (
    "lack of fit: the runs so far reject {}, so the plan ends {} "
    f"{100 * FIRST_SHARE:g} % of the budget; do these, compare laws with --law all --holdout 4x, "
    "and plan again"
)
# Powers of the cost, each with the least share by which a run must lower the variance (while any
# run does): from many cheap runs to few runs that use the whole budget.
THRIFT = ((1.0, 0.0), (1.0, 0.02), (0.5, 0.0), (0.5, 0.02), (0.0, 0.0))


@dataclass(frozen=True)
class Plan:
    """Runs to do, in order.

    Attributes
    ----------
    runs : pandas.DataFrame
        Columns: the law's variables, `cost`, `width` and `candidate`. `cost` is by the cost model.
        `width` is the expected width of the answer's interval after the run, if the law holds.
        `candidate` is the run's place among the candidates. An isoFLOP grid's runs follow them.
    question : Question
    width_now : float
        Width of the answer's interval today: for n_params the ratio of its ends. For a region, it
        is the mean ratio over its points (geometric). Else it is the ends' difference. All widths
        are NaN where D is a function of N in all runs, because the draws then do not show the
        uncertainty.
    width_least : float
        Width of the interval if every candidate were done, at any cost.
    drift : float
        Standard deviation of ln L for each unit of ln C between a run and the target; of several
        laws the root of the weighted mean square. NaN for a region, whose plan does not count it.
    laws : dict of str to float
        Law -> its weight.
    baselines : tuple of Baseline
        What designs of the same budget promise.
    n_candidates : int
    cost : CostModel or None
    stopped : str
        The reason why there are no more runs: the budget is spent, no affordable run helps, or lack
        of fit.
    warnings, notes : tuple of str
        First those of the plan, then those of its fits. Notes are those of `result`.
    """

    runs: object
    question: Question
    width_now: float
    width_least: float
    drift: float
    laws: dict[str, float]
    baselines: tuple[Baseline, ...]
    n_candidates: int
    cost: CostModel | None
    stopped: str
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def next_runs(
    result: FitResult,
    question: Question,
    budget: float,
    *,
    cost: CostModel | None = None,
    candidates: Candidates | None = None,
    others: Sequence[FitResult] = (),
    weights: Sequence[float] | None = None,
    drift: float | Sequence[float] | None = None,
    compare: bool = True,
) -> Plan:
    """Choose runs for a fitted law.

    Parameters
    ----------
    question : Question
        What is to be known.
    budget : float
        The largest total cost of the runs, in the cost model's unit.
    cost : CostModel, optional
        The cost of a run of N and D, for the grid of candidates and for the isoFLOP grid; by
        default, K N D FLOP.
    candidates : Candidates, optional
        The runs to choose among. By default, they are a grid over the runs so far and larger sizes,
        for a law of N and D.
    others : sequence of FitResult
        Fits of other laws to the same table that may hold as well. Runs that tell them apart then
        count. The default grid, the isoFLOP grid and the classical design are those of `result`.
    weights : sequence of float, optional
        The weight of `result`, then of each of `others`; by default, all are equal.
    drift : float or sequence of float, optional
        Standard deviation of ln L for each unit of ln C between a run and the target, of all laws
        or of each. By default, trials on the law's own runs measure it. A plan for a region does
        not count it.
    compare : bool
        Whether the baselines are computed.

    Raises
    ------
    UserError
        The question cannot be asked of the law, the law has too few draws, or a number is not
        positive.
    """
    fits = [result, *others]
    weights = np.ones(len(fits)) if weights is None else np.asarray(weights, float)
    weights = weights / weights.sum()
    _check(fits, question, budget, candidates)
    if cost is None and candidates is None:
        cost = flops(question.flops_per_param_token)
    among = candidates or on_grid(result, cost, question, budget)
    beside = off_line(result, among, budget)
    if beside:
        best = _Chosen([(row, np.nan) for row in beside], NOT_APART)
        now = least = drift = np.nan
        compared, of = (), among
    else:
        no = [one.law.name for one in fits if rejected(one)]
        doubted = sum(w for one, w in zip(fits, weights, strict=True) if rejected(one))
        allowed = budget * (FIRST_SHARE if doubted > MOST_REJECTED else 1.0)
        if question.region is not None:
            of, drift = among, np.nan
            believed = Belief(fits, question, of, weights)
            best, compared = _of_region(fits, weights, believed, budget, allowed, compare)
        else:
            allowed = max(allowed, min(budget, float(among.cost.min())))
            doubts = [
                doubt_of(one, question.places(one.law, one.theta), of_law)
                for one, of_law in zip(fits, np.broadcast_to(drift, len(fits)), strict=True)
            ]
            grid = None
            if cost is not None and (compare or candidates is None):
                grid = baselines.isoflop_grid(result, question, cost, allowed)
            of = among if grid is None else among + grid
            believed = Belief(fits, question, of, weights)
            both = _Both(believed, believed.doubted(doubts))
            own = grid is not None and candidates is None and not_smaller(result, grid).all()
            best, compared = _planned(result, question, among, both, of.cost, allowed, own, compare)
            drift = float(np.sqrt(weights @ np.square([doubt.per_log_compute for doubt in doubts])))
        now, least = believed.width_now, believed.least(len(among.cost))
        if {row for row, _ in best.rows} == set(range(len(among.cost))):
            best.stopped = ALL
        elif allowed < budget and best.rows:
            ends = "at" if question.region is None else "with the run that reaches"
            best.stopped = REJECTED.format(" and ".join(no), ends)
    return Plan(
        _frame(best.rows, of),
        question,
        now,
        least,
        drift,
        {one.law.name: float(w) for one, w in zip(fits, weights, strict=True)},
        compared,
        len(among.cost),
        cost,
        best.stopped,
        tuple(_warnings(fits, among, question)),
        result.notes,
    )


@dataclass
class _Chosen:
    """Rows among the candidates, each with the width after it, and why there are no more."""

    rows: list[tuple[int, float]]
    stopped: str


def _of_region(fits, weights, believed, budget, enough, compare):
    """The plan for a region and the baselines; it ends with the run that brings it to `enough`."""
    question, among = believed.question, believed.among
    able = among.cost <= budget
    if not able.any():
        return _Chosen([], TOO_LITTLE.format(among.cost.min())), ()
    if believed.left_by(able) > 1 - WORTH:
        return _Chosen([], NO_HELP), ()
    rows = v_optimal(fits, weights, question, among, budget)
    rows = rows[: 1 + int(np.sum(np.cumsum(among.cost[rows]) < enough))]
    compared = []
    if compare:
        noise, spent = np.sqrt(believed.noise), float(among.cost[rows].sum())
        classic = baselines.c_optimal(fits[0], question, among, noise, believed.seen_noise, spent)
        compared.append(baselines.judged("c-optimal", classic, among.cost, believed))
        compared.append(baselines.random_baseline(among, spent, believed))
    return _Chosen(_widths(rows, believed), SPENT), tuple(compared)


def _planned(result, question, among, both, cost, budget, own_grid, compare):
    """The plan and the baselines; the costs after those of `among` are of the isoFLOP grid."""
    n, believed = len(among.cost), both.holds
    of_grid = list(range(n, len(cost)))
    for one in both.beliefs:
        one.done[n:] = True
    plans = [_greedy(both, cost, budget, *how) for how in THRIFT]
    noise = np.sqrt(believed.noise[:n])
    classic = baselines.c_optimal(result, question, among, noise, believed.seen_noise, budget)
    plans.append((classic, both.after(classic), SPENT))
    if own_grid:
        plans.append((of_grid, both.after(of_grid), SPENT))
    chosen, _, stopped = min(plans, key=lambda plan: (plan[1].log_variance(), len(plan[0])))
    best, compared = _Chosen(_widths(chosen, believed), stopped), []
    if compare and chosen:
        if of_grid:
            compared.append(baselines.judged("isoFLOP grid", of_grid, cost, believed))
        compared.append(baselines.judged("c-optimal", classic, cost, believed))
        compared.append(baselines.random_baseline(among, budget, believed))
    return best, tuple(compared)


@dataclass
class _Both:
    """The belief if the law holds, and that if it drifts. A plan lowers both logs of variance.

    The first alone would trust cheap runs that may follow another law. The second alone would trust
    no run far from the target, and so would waste them where the law holds.
    """

    holds: Belief
    drifts: Belief

    @property
    def beliefs(self):
        return self.holds, self.drifts

    def copy(self):
        return _Both(self.holds.copy(), self.drifts.copy())

    def measure(self, row):
        for one in self.beliefs:
            one.measure(row)

    def after(self, rows):
        """Both after some runs."""
        new = self.copy()
        for row in rows:
            new.measure(row)
        return new

    def log_variance(self):
        return sum(np.log(max(one.variance, 1e-300)) for one in self.beliefs)

    def narrower(self):
        """By how much each candidate lowers the sum of both logs of variance, halved."""
        shares = (one.gain() / max(one.variance, 1e-300) for one in self.beliefs)
        return -sum(np.log1p(-np.minimum(share, 1 - 1e-9)) for share in shares) / 2

    def left_by(self, some):
        return min(one.left_by(some) for one in self.beliefs)


def _greedy(both, cost, budget, power, least):
    """Runs one after another, each with the largest gain / cost**power."""
    both = both.copy()
    rows, spent = [], 0.0
    while True:
        allowed = ~both.holds.done & (cost <= budget - spent)
        if not allowed.any():
            stopped = SPENT if rows else TOO_LITTLE.format(cost[~both.holds.done].min())
            break
        narrower = both.narrower()
        if narrower[allowed].max() < WORTH / 10 and both.left_by(allowed) > 1 - WORTH:
            stopped = NO_HELP
            break
        if (telling := allowed & (narrower > least)).any():
            allowed = telling
        best = int(np.argmax(np.where(allowed, narrower / cost**power, -np.inf)))
        both.measure(best)
        spent += cost[best]
        rows.append(best)
    return rows, both, stopped


def _widths(rows, believed):
    """Each row with the width after it."""
    believed, found = believed.copy(), []
    for row in rows:
        believed.measure(row)
        found.append((row, believed.width()))
    return found


def _check(fits, question, budget, candidates):
    problems = list(question.problems(fits[0].law))
    problems += [text for one in fits[1:] for text in question.problems(one.law)]
    if not (np.isfinite(budget) and budget > 0):
        problems.append(f"budget: must be positive and finite, got {budget:g}")
    if candidates is None and question.decision == "region":
        problems.append("candidates: are needed where the target is a table of runs")
    problems += [
        f"variable {name!r} has the name of a column of the plan; name it otherwise"
        for name in fits[0].law.variables
        if name in OF_PLAN
    ]
    problems += [
        f"{MIN_DRAWS} draws are needed, got {len(one.draws)}"
        for one in fits
        if len(one.draws) < MIN_DRAWS
    ]
    if problems:
        raise UserError("next", problems)


def _warnings(fits, among, question):
    if (far := far_from(fits[0], among)) is not None:
        yield far
    for one in fits:
        if not one.identified:
            name = "the law" if len(fits) == 1 else one.law.name
            yield (
                f"{name} is {one.verdict}; these runs are a first step: do the first of them, and "
                "plan again with what they gave"
            )
        elif len(fits) == 1 and question.region is None:
            yield from _only_if(one, question)
    yield from warnings_of(fits)


def _only_if(result, question):
    """The answer as it is now, where it is known only if the law holds."""
    name = {"n_params": "N*"}.get(question.decision, question.decision)
    for one in result.answers([question.target], question.flops_per_param_token):
        asked = one.question.partition(" ")[0]
        if asked == name and one.verdict.status is Status.IF_THE_LAW_HOLDS:
            yield one.sentence


def _frame(rows, among):
    import pandas as pd

    chosen = np.array([row for row, _ in rows], int)
    columns = {name: x[chosen] for name, x in among.values.items()}
    columns["cost"] = among.cost[chosen]
    columns["width"] = np.array([width for _, width in rows], float)
    columns["candidate"] = chosen
    return pd.DataFrame(columns)
