"""Two recipes whose runs are fitted by the same laws, with draws that share the runs' noise.

Where both tables have the same points, their rows are sorted alike and the same random indices
resample both. So noise that the runs of a point have in common (the data, the seed) moves both laws
together, and cancels in a difference (a paired bootstrap; Efron and Tibshirani 1993, An
Introduction to the Bootstrap, Sec. 8 and 16). Else the draws are independent.

Drift is shared as far as the trials of both say: by the correlation of their errors, shrunk as if
two more trials had none.
"""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.counted import counted, seen_pattern
from isoloss.fit.resample import MIN_CLUSTERS, draw
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings
from isoloss.forecast.average import Averaged, alone, average
from isoloss.forecast.holdout import laws_at_hand
from isoloss.laws import law as law_named
from isoloss.stats.intervals import fewest_draws
from isoloss.tables.data import Data, read

SEED = 1  # of the drift
NO_TRIALS = 2.0  # trials without any correlation, by which that of the others is shrunk
SAME = 1e-6  # in ln N and ln D: points so close are one


@dataclass(frozen=True)
class Pair:
    """One law, fitted to both recipes.

    Attributes
    ----------
    a, b : Averaged
        The law alone; its draws are paired, one by one.
    side_a, side_b : ndarray, shape (draw,)
        The standard normal number by which each draw of a recipe drifts.
    weight : float
        The law's weight: the product of those in the two averages, normalised.
    """

    a: Averaged
    b: Averaged
    side_a: np.ndarray
    side_b: np.ndarray
    weight: float

    @property
    def name(self) -> str:
        """The law's name."""
        return self.a.laws[0]


@dataclass(frozen=True)
class Recipes:
    """Two recipes, law by law.

    Attributes
    ----------
    a, b : Averaged
        The laws common to both, with the warnings and notes about each table.
    pairs : tuple of Pair
        By falling weight.
    n_points, n_common : int
        Runs of the larger table; runs at points that both tables have.
    paired : bool
        Whether the draws of both share the runs' noise.
    """

    a: Averaged
    b: Averaged
    pairs: tuple[Pair, ...]
    n_points: int
    n_common: int
    paired: bool

    @property
    def said(self) -> str:
        """Whether the draws are paired, as text."""
        points = f"{self.n_common} of {self.n_points} points"
        return f"paired: {points}" if self.paired else f"not paired: {points} are common to both"


def recipes(
    table_a: Any, table_b: Any, settings_a: FitSettings, settings_b: FitSettings
) -> Recipes:
    """Fit the runs of two recipes.

    Parameters
    ----------
    table_a, table_b : pandas.DataFrame
    settings_a, settings_b : FitSettings
        Equal but for `where`. Their law is one law, or "best": all that both tables can fit.

    Raises
    ------
    UserError
        A table cannot be read or fitted, or no law fits both.
    """
    tables, settings = [table_a, table_b], [settings_a, settings_b]
    rows = _read_both(tables, settings)
    orders = [np.lexsort(one.T) for one in rows]  # stable: repeats of a point keep their order
    common = _common(*rows)
    n_points = max(len(order) for order in orders)
    paired = common == n_points == min(len(order) for order in orders)
    if paired:
        tables = [table.iloc[order].reset_index(drop=True)
                  for table, order in zip(tables, orders, strict=True)]  # fmt: skip
    a, b = (_fitted(*one) for one in zip(tables, settings, strict=True))
    names = [name for name in a.laws if name in b.laws]
    if not names:
        raise UserError("compare", [f"no law fits both: {', '.join(a.laws)} fit "
                                    f"{settings_a.where}, and {', '.join(b.laws)} fit "
                                    f"{settings_b.where}"])  # fmt: skip
    a, b = (_only(one, names) for one in (a, b))
    weights = np.array([a.weights[name] * b.weights[name] for name in names])
    if not weights.sum() > 0:
        weights = np.array([a.weights[name] + b.weights[name] for name in names])
    pairs = [
        _pair(a, b, name, weight, settings_a, paired)
        for name, weight in zip(names, weights / weights.sum(), strict=True)
    ]
    pairs.sort(key=lambda pair: -pair.weight)
    return Recipes(a, b, tuple(pairs), n_points, common, paired)


def _read_both(tables, settings):
    """The point of each run, shape (run, variable), as whole numbers; all problems at once."""
    found, problems = [], []
    for table, one in zip(tables, settings, strict=True):
        law = laws_at_hand(one)[0] if one.law == AVERAGE_OF_LAWS else law_named(one.law)
        try:
            data = read(table, law, one.columns_of(law), cluster=one.cluster, weights=one.weights,
                        vocabulary=one.vocabulary, n_free=1, where=one.where,
                        flops_per_param_token=one.flops_per_param_token)  # fmt: skip
        except UserError as error:
            problems += [f"{one.where}: {text}" for text in error.problems]
            continue
        logs = np.stack([data.log_x[name] for name in reversed(law.variables)], axis=1)
        found.append(np.round(logs / SAME).astype(np.int64))
    if problems:
        raise UserError("compare", problems)
    return found


def _common(rows_a: np.ndarray, rows_b: np.ndarray) -> int:
    """Runs that have a partner at the same point in the other table."""
    first, second = (Counter(map(tuple, rows.tolist())) for rows in (rows_a, rows_b))
    return (first & second).total()


def _fitted(table, settings):
    """The laws of one table, with as few draws as their tests need: `_pair` draws again."""
    few = dataclasses.replace(settings, draws=max(fewest_draws(settings.level), 20))
    if settings.law == AVERAGE_OF_LAWS:
        return average(table, few)
    return alone(fit_law(table, settings=few))


def _only(averaged, names):
    members = {member.name: member for member in averaged.members}
    return dataclasses.replace(averaged, members=tuple(members[name] for name in names))


def _pair(a, b, name, weight, settings, paired):
    """One law of both tables, with draws that go together."""
    members = [next(m for m in one.members if m.name == name) for one in (a, b)]
    results = [member.result for member in members]
    methods = [result.method for result in results]
    clusters = [result.clusters for result in results]
    if paired:
        most = min(results, key=lambda result: result.n_clusters)  # rows that go together anywhere
        clusters = [most.clusters] * 2
        methods = [_method(settings.method, methods, most)] * 2
    seeds = [settings.seed] * 2 if paired else [settings.seed, settings.seed + 1]
    drawn = [
        _drawn(result, method, runs, settings.draws, seed)
        for result, method, runs, seed in zip(results, methods, clusters, seeds, strict=True)
    ]
    good = np.logical_and(*(ok for _, ok in drawn))
    if not good.any():
        raise UserError("compare", [f"{name}: no resampled table of both recipes has a minimum"])
    rng = np.random.default_rng(SEED)
    shared = _shared(*(member.drift for member in members)) if paired else 0.0
    side_a, own = rng.standard_normal((2, int(good.sum())))
    side_b = shared * side_a + np.sqrt(1 - shared**2) * own
    singles = [
        Averaged((dataclasses.replace(
            member, result=dataclasses.replace(member.result, draws=theta[good])),),
            {}, one.level, (), ())
        for one, member, (theta, _) in zip((a, b), members, drawn, strict=True)
    ]  # fmt: skip
    return Pair(*singles, side_a, side_b, float(weight))


def _method(asked, methods, most):
    """One method for both tables: the one with the fewest assumptions that either takes."""
    if asked != "auto":
        return asked
    if most.n_clusters < most.n_rows:
        return "cluster" if most.n_clusters >= MIN_CLUSTERS else "wild"
    return next((method for method in ("cluster", "wild") if method in methods), "residual")


def _drawn(result, method, clusters, draws, seed):
    """theta of each resampled table, shape (draw, parameter), and whether it has a minimum."""
    problem = result.problem
    z = problem.z(result.theta[None])[0]
    data = Data(dict(problem.log_x), problem.log_loss, problem.weights, clusters)
    with np.errstate(all="ignore"):
        ends = draw(problem, z, data, method, draws, np.random.default_rng(seed))
        good, at = ends.converged, ends.z
        seen = seen_pattern(result.misfit, result.lack_of_fit)
        if seen is not None:
            ends = counted(problem, z, at, *seen, np.random.default_rng(seed))
            good, at = good & ends.converged, ends.z
    return problem.theta(at), good


def _shared(drift_a, drift_b) -> float:
    """The correlation of two recipes' drift, by the errors of the trials that both have."""
    if drift_a is None or drift_b is None:
        return 0.0
    others = {trial.share: trial for trial in drift_b.trials}
    both = [(one, others[one.share]) for one in drift_a.trials if one.share in others]
    both = [(one, two) for one, two in both if len(one.error) == len(two.error)]
    if not both:
        return 0.0
    first, second = (np.concatenate([pair[i].error for pair in both]) for i in (0, 1))
    size = np.sqrt((first @ first) * (second @ second))
    correlation = float(first @ second / size) if size > 0 else 0.0
    return max(correlation, 0.0) * len(both) / (len(both) + NO_TRIALS)
