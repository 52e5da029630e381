"""Hoffmann et al.'s first two approaches on a user's own table, without a study.

Approach 1 takes learning curves, a row for each evaluation; Approach 2 runs that end at common
budgets. Approach 3 is a fit of the law `chinchilla` (`isoloss.fit`).
"""

from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.allocation import slope_verdict
from isoloss.exhibits.chinchilla.by_envelope import first_approach
from isoloss.exhibits.chinchilla.design import Curve, Design
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.fit.budgets import ROUNDING, grouped
from isoloss.fit.isoflop import MIN_RUNS, allocation
from isoloss.fit.isoflop import Allocation as Valleys
from isoloss.results.verdict import Verdict, scale_verdict
from isoloss.stats.intervals import Estimate, estimate

COUNT = "embeddings"  # the one way in which a table counts its parameters
FEWEST_POINTS = 4
FEWEST_DRAWS = 2  # that the envelope is made with; none of them is used where none is asked for


@dataclass(frozen=True)
class Divided:
    """N* = coefficient C**a.

    Attributes
    ----------
    a, coefficient : Estimate
    n_opt : list of Estimate
        At the budgets asked for.
    how : str
        What the line goes through.
    """

    a: Estimate
    coefficient: Estimate
    n_opt: list[Estimate]
    how: str


@dataclass(frozen=True)
class ByCurves(Divided):
    """Approach 1: what `Divided` has, and verdicts.

    Attributes
    ----------
    verdict : Verdict
        Of a: not identified where more than 5 % of the draws have no line.
    verdicts : list of Verdict
        Of N* at the budgets asked for.
    """

    verdict: Verdict
    verdicts: list[Verdict]


def by_curves(run, n_params, n_tokens, loss, compute, *, draws: int = 400, level: float = 0.9,
              seed: int = 0, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
              where: str = "table") -> ByCurves:  # fmt: skip
    """Approach 1: which size has the least loss at each compute, along learning curves.

    Parameters
    ----------
    run, n_params, n_tokens, loss : array, shape (row,)
        Evaluations; the rows of one run are its curve. Compute is K N D.
    compute : array
        Budgets (FLOP) at which N* is wanted.
    flops_per_param_token : float
        K.

    Raises
    ------
    UserError
        Fewer than four sizes have a curve of four evaluations, or fewer than three places where
        one size takes over from another.
    """
    design = _design(np.asarray(run), *(np.asarray(x, float) for x in (n_params, n_tokens, loss)),
                     flops_per_param_token, where)  # fmt: skip
    noise = draw_noise(design, max(draws, FEWEST_DRAWS), seed)
    found = first_approach(design, noise, COUNT, where)
    log_n, drawn = found.log_n(np.log(np.asarray(compute, float)))
    level_at_one, levels = found.log_n(np.zeros(1))
    verdict = slope_verdict(found.a, found.drawn["a"][:draws])
    each = [scale_verdict(np.exp(d[:draws])) for d in drawn.T]
    return ByCurves(
        estimate(found.a, found.drawn["a"][:draws], level, ""),
        estimate(float(np.exp(level_at_one[0])), np.exp(levels[:draws, 0]), level, "parameters"),
        [estimate(float(np.exp(x)), np.exp(d[:draws]), level, "parameters")
         for x, d in zip(log_n, drawn.T, strict=True)],
        f"{len(found.places.log_c)} places where one size takes over from another",
        verdict, each if verdict.identified else [verdict] * len(each),
    )  # fmt: skip


@dataclass(frozen=True)
class ByValleys(Divided):
    """Approach 2: what `Divided` has, D*, verdicts and the valleys.

    Attributes
    ----------
    b : Estimate
        D* ~ C**b.
    d_opt : list of Estimate
        At the budgets asked for.
    verdict : Verdict
        Of a, by the draws of its interval.
    verdicts : list of Verdict
        Of N* at the budgets asked for, by the draws of its intervals.
    valleys : isoloss.fit.isoflop.Allocation
        The budgets of the runs, and the fit.
    notes : list of str
        How runs became budgets, and what a parabola would have said.
    """

    b: Estimate
    d_opt: list[Estimate]
    verdict: Verdict
    verdicts: list[Verdict]
    valleys: Valleys
    notes: list[str]


def by_isoflops(n_params, n_tokens, loss, compute, *, run_compute=None, draws: int = 1000,
                level: float = 0.9, seed: int = 0,
                flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN) -> ByValleys:  # fmt: skip
    """Approach 2: a valley in ln N at each budget that runs share (`isoloss.fit.isoflop`).

    Parameters
    ----------
    n_params, n_tokens, loss : array, shape (row,)
        Runs.
    compute : array
        Budgets (FLOP) at which N* is wanted, counted as those of the runs.
    run_compute : array, shape (row,), optional
        What each run took, in FLOP; K N D if it is not given.
    flops_per_param_token : float
        K.

    Raises
    ------
    UserError
        Fewer than three budgets have a minimum between their runs.
    """
    n_params, n_tokens, loss = (np.asarray(x, float) for x in (n_params, n_tokens, loss))
    if run_compute is None:
        run_compute = flops_per_param_token * n_params * n_tokens
    shared = grouped(run_compute, n_params, loss, MIN_RUNS)
    found = allocation(shared.compute, n_params, n_tokens, shared.loss, draws=draws, level=level,
                       seed=seed)  # fmt: skip
    used = sum(budget.used for budget in found.budgets)
    compute = [float(c) for c in np.asarray(compute, float)]
    notes = []
    if shared.spread > ROUNDING:
        notes.append(
            f"budgets: the compute of one budget's runs differs by up to {shared.spread:.0%}; "
            "their losses are moved to its mean"
        )
    return ByValleys(
        found.a, found.coefficient, [found.n.at(c, level, "parameters") for c in compute],
        f"{used} minima of {len(found.budgets)} budgets", found.b,
        [found.d.at(c, level, "tokens") for c in compute], found.verdict,
        [found.n.verdict(c) for c in compute], found, [*notes, *_beside(found, compute)],
    )  # fmt: skip


def _beside(found: Valleys, compute: list[float]) -> list[str]:
    """What parabolas through the same runs say, and how the minima lie about their line."""
    said = []
    if found.n.parabolas is not None:
        level, slope = found.n.parabolas
        off = [
            np.expm1(level + slope * np.log(c) - found.n.level - found.n.slope * np.log(c))
            for c in compute
        ]
        parts = ", ".join(f"{x:+.1%} at {c:.3g} FLOP" for x, c in zip(off, compute, strict=True))
        said.append(f"parabolas through the same runs: a = {slope:.3f}; N* {parts}")
    if found.scatter > 0:
        said.append(
            f"the minima lie off the line by {found.scatter:.0%}, more than noise explains: "
            "the intervals hold that scatter, and not a line that bends"
        )
    return said


def _design(run, n_params, n_tokens, loss, k, where) -> Design:
    """Each run's last evaluation as its result, and each size's longest curve."""
    sizes = np.unique(n_params)
    names = np.unique(run)
    last = [rows[np.argmax(n_tokens[rows])] for rows in (np.flatnonzero(run == n) for n in names)]
    last = np.array(sorted(last, key=lambda row: (n_params[row], n_tokens[row])))
    problems = [
        f"run {run[row]}: N differs between its rows"
        for row in last
        if len(np.unique(n_params[run == run[row]])) > 1
    ]
    if problems:
        raise UserError(where, problems)
    curves = [None] * len(sizes)
    for place, row in enumerate(last):  # by rising tokens, so that the longest stays
        rows = np.flatnonzero(run == run[row])
        rows = rows[np.argsort(n_tokens[rows], kind="stable")]
        if len(rows) >= FEWEST_POINTS:
            size = int(np.searchsorted(sizes, n_params[row]))
            curves[size] = Curve(np.log(n_tokens[rows]), np.log(loss[rows]), place, str(run[row]))
    return Design(
        size=np.searchsorted(sizes, n_params[last]),
        log_d=np.log(n_tokens[last]),
        log_loss=np.log(loss[last]),
        run_ids=tuple(str(run[row]) for row in last),
        log_n={COUNT: np.log(sizes)},
        log_k={COUNT: np.log(k * sizes)},
        curves=tuple(curves),
    )
