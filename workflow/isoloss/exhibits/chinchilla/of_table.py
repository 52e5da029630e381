"""Hoffmann et al.'s first two approaches on a user's own table, without a study.

Approach 1 takes learning curves, a row for each evaluation; Approach 2 runs that end at common
budgets. Approach 3 is a fit of the law `chinchilla` (`isoloss.fit`).
"""

from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.by_envelope import first_approach
from isoloss.exhibits.chinchilla.design import Curve, Design
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.fit.isoflop import allocation
from isoloss.stats.intervals import Estimate, estimate

COUNT = "embeddings"  # the one way in which a table counts its parameters
FEWEST_POINTS = 4
FEWEST_DRAWS = 2  # that the envelope is made with; none of them is used where none is asked for
SAME_BUDGET = 0.02  # budgets of runs that are meant to be one differ by rounding


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


def by_curves(run, n_params, n_tokens, loss, compute, *, draws: int = 400, level: float = 0.9,
              seed: int = 0, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
              where: str = "table") -> Divided:  # fmt: skip
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
    return Divided(
        estimate(found.a, found.drawn["a"][:draws], level, ""),
        estimate(float(np.exp(level_at_one[0])), np.exp(levels[:draws, 0]), level, "parameters"),
        [estimate(float(np.exp(x)), np.exp(d[:draws]), level, "parameters")
         for x, d in zip(log_n, drawn.T, strict=True)],
        f"{len(found.places.log_c)} places where one size takes over from another",
    )  # fmt: skip


def by_isoflops(n_params, n_tokens, loss, compute, *, run_compute=None, draws: int = 1000,
                level: float = 0.9, seed: int = 0,
                flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN) -> Divided:  # fmt: skip
    """Approach 2: a parabola in ln N at each budget that runs share (`isoloss.fit.isoflop`).

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
    budget = _budgets(np.asarray(run_compute, float))
    found = allocation(budget, n_params, loss, draws=draws, level=level, seed=seed)
    good = sum(valley.n_opt is not None for valley in found.valleys)
    how = f"{good} minima of {len(found.valleys)} budgets"
    n_opt = [
        estimate(found.coefficient.value * c**found.a.value,
                 np.exp(found.drawn[:, 1] + found.drawn[:, 0] * np.log(c)), level, "parameters")
        for c in np.asarray(compute, float)
    ]  # fmt: skip
    return Divided(found.a, found.coefficient, n_opt, how)


def _budgets(compute):
    """Compute with what differs by rounding made one: the geometric mean of each group."""
    order = np.argsort(compute, kind="stable")
    log_c = np.log(compute[order])
    group = np.concatenate([[0], np.cumsum(np.diff(log_c) > SAME_BUDGET)])
    means = np.bincount(group, log_c) / np.bincount(group)
    found = np.empty(len(compute))
    found[order] = np.exp(means[group])
    return found


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
            curves[size] = Curve(np.log(n_tokens[rows]), np.log(loss[rows]), place)
    return Design(
        size=np.searchsorted(sizes, n_params[last]),
        log_d=np.log(n_tokens[last]),
        log_loss=np.log(loss[last]),
        run_ids=tuple(str(run[row]) for row in last),
        log_n={COUNT: np.log(sizes)},
        log_k={COUNT: np.log(k * sizes)},
        curves=tuple(curves),
    )
