"""Approach 3: a law of N and D, and what it makes of a budget.

Hoffmann et al. (2022, arXiv:2203.15556), Sec. 3.3, take L(N, D) = E + A / N**alpha + B / D**beta;
any law that allocates will do. Where C = 6 N D the optimum is the law's own; for other counts it is
found along the curve of equal compute, so that one fitted law can be recounted (Pearce and Song
2024, arXiv:2406.12907).
"""

from dataclasses import dataclass, replace

import numpy as np

from isoloss.exhibits.chinchilla.allocation import Allocation, Places, through
from isoloss.exhibits.chinchilla.by_valleys import per_token
from isoloss.exhibits.chinchilla.design import Design
from isoloss.exhibits.chinchilla.noise import Draws
from isoloss.fit.api import fit_law
from isoloss.fit.counted import counted, seen_pattern
from isoloss.fit.questions import bent_draws, of_slope, wider_of
from isoloss.fit.result import FitResult
from isoloss.laws import CHINCHILLA, SKALING, Law
from isoloss.results.verdict import missed
from isoloss.stats.interpolation import spline_beyond

PLACES = 9  # budgets at which the optimum is found
SEED = 3
FINE, BEYOND = 160, np.log(100.0)  # sizes tried at a budget, and how far beyond the design's


@dataclass(frozen=True)
class Surface:
    """The fitted law, and its parameters in draws: shape (1 + draw, parameter).

    Attributes
    ----------
    count : str
        Whose N it takes.
    fit : FitResult
    draws : ndarray
        Those of the fit, after the fit itself: intervals and verdicts are made of them, so that
        they are the same as in the table of fits.
    paired : ndarray
        With new noise on the law's own losses, the same as in the other approaches; row 0 has none.
        Differences between approaches are made of them.
    warning : str
        "" unless the runs reject the law.
    """

    count: str
    fit: FitResult
    draws: np.ndarray
    paired: np.ndarray
    warning: str

    @property
    def method(self) -> str:
        """How the draws were made."""
        return f"{self.fit.method}, as in the table of fits"


def surface(design: Design, draws: Draws, count: str, where: str, law: Law = CHINCHILLA) -> Surface:
    """Fit the law, one of N and D alone.

    Raises
    ------
    UserError
        The table cannot be fitted.
    """
    import pandas as pd

    table = {
        "n_params": np.exp(design.log_n[count][design.size]),
        "n_tokens": np.exp(design.log_d),
        "loss": np.exp(design.log_loss),
    }
    fit = fit_law(design.lineage.beside(pd.DataFrame(table)), law, where=where,
                  columns={name: name for name in table},
                  cluster=design.lineage.cluster)  # fmt: skip
    own = np.concatenate([fit.theta[None], fit.draws])
    return Surface(count, fit, own, _paired(fit, draws), _misfit(fit))


def _paired(fit: FitResult, draws: Draws) -> np.ndarray:
    """Parameters of the law with the draws' noise, which count its misfit where it is rejected."""
    problem = fit.problem
    fitted = fit.law.log_loss(fit.theta[None], problem.log_x)[0]
    z = problem.z(fit.theta[None])
    ends = problem.solve(np.repeat(z, len(draws), axis=0), damping=0.1,
                         log_loss=fitted + draws.runs)  # fmt: skip
    seen = seen_pattern(fit.misfit, fit.lack_of_fit)
    found, good = ends.z, ends.converged
    if seen is not None:
        moved = counted(problem, z[0], ends.z[1:], *seen, np.random.default_rng(SEED))
        found = np.concatenate([found[:1], moved.z])
        good = good & np.concatenate([[True], moved.converged])
    theta = problem.theta(found)
    theta[~good] = np.nan
    return theta


def _misfit(fit: FitResult) -> str:
    pattern = fit.misfit
    if pattern is None or not pattern.rejects:
        return ""
    return (
        f"the law {missed(pattern.miss, pattern.noise)}; "
        "the form of the law is wrong here, and the interval counts its misfit"
    )


def third_approach(
    design: Design,
    draws: Draws,
    count: str,
    where: str,
    law: Surface | None = None,
    of: Law = CHINCHILLA,
) -> tuple[Allocation, Surface]:
    """The lines through the law's optima over the runs' range of compute, and the law.

    Parameters
    ----------
    law : Surface, optional
        A law fitted already, maybe with another N than the one that is counted.
    of : Law
        The law to fit, where none is fitted already.
    """
    law = law or surface(design, draws, count, where, of)
    log_c = design.log_compute(count)
    at = np.linspace(log_c.min(), log_c.max(), PLACES)
    made, wide = [], wider_of(law.fit)
    bent = np.concatenate([law.draws[:1], bent_draws(law.fit)])
    sets = [(theta, law.fit.law) for theta in (law.draws, law.paired, bent)]
    if wide is not None:
        sets.append((wide.theta, SKALING))
    for theta, one_law in sets:
        many = optima(design, theta, law.count, count, at, one_law)
        one = many[0] if not made else made[0].places.log_n
        places = Places(at, one, at - per_token(design, count, one), at[None], many,
                        at - per_token(design, count, many))  # fmt: skip
        made.append(through(3, places, design.ids, where))
    verdicts = {}
    for name in ("a", "b"):
        value, drawn = getattr(made[0], name), [one.drawn[name] for one in made]
        along = None if wide is None else np.append(value, drawn[3])  # both from k = 1
        verdicts[name] = of_slope(law.fit, name, value, drawn[0], drawn[2], wide, along)
    found = replace(made[0], paired_a=made[1].drawn["a"], verdicts=verdicts, method=law.method)
    return found, law


def optima(
    design: Design,
    theta: np.ndarray,
    law_count: str,
    count: str,
    log_c: np.ndarray,
    law: Law = CHINCHILLA,
) -> np.ndarray:
    """ln N* at budgets, both by `count`, of laws whose N is counted by `law_count`.

    Parameters
    ----------
    theta : ndarray, shape (law, parameter)

    Returns
    -------
    ndarray, shape (law, budget)
        NaN where a law has no optimum within a factor 100 of the design's sizes.
    """
    x = design.log_n[count]
    fine = np.linspace(x[0] - BEYOND, x[-1] + BEYOND, FINE)
    log_n = spline_beyond(fine, x, design.log_n[law_count])
    log_d = log_c[:, None] - per_token(design, count, fine)
    at = {"n_params": np.broadcast_to(log_n, log_d.shape).ravel(), "n_tokens": log_d.ravel()}
    with np.errstate(all="ignore"):
        loss = np.exp(law.log_loss(theta, at)).reshape(len(theta), *log_d.shape)
    lost = ~np.isfinite(loss).all(axis=2)
    best = np.where(np.isfinite(loss), loss, np.inf).argmin(axis=2)
    edge = lost | (best == 0) | (best == FINE - 1)
    near = np.clip(best, 1, FINE - 2)
    low, mid, high = (
        np.take_along_axis(loss, (near + k)[..., None], axis=2)[..., 0] for k in (-1, 0, 1)
    )
    step = fine[1] - fine[0]
    with np.errstate(all="ignore"):
        found = fine[near] + step * (low - high) / (2 * (low - 2 * mid + high))
    return np.where(edge, np.nan, found)
