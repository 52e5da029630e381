"""Profile intervals: how far a parameter can go before the fit, with all others free, is too bad.

At a value v the profile is the least objective with the parameter held there, S(v); the interval
holds every v with S(v) / S_min - 1 below a critical value. For least squares and normal noise of
one size that is F / (n - p), F the quantile of Fisher's distribution with 1 and n - p degrees of
freedom: exact where the law is linear, and then Student's interval. Otherwise the critical value is
that of resampled tables: the same ratio at the value that they were made with, so that neither
robust objectives nor noise of many sizes need a theory (a bootstrap likelihood ratio test,
inverted). The interval follows the objective where it is not a parabola, and says where it is flat.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from isoloss.fit.problem import Problem
from isoloss.fit.resample import ENOUGH, resampled
from isoloss.tables.data import Data

CALIBRATED = 500  # resampled tables at most: their critical value is known to a twentieth
REACH = 60  # steps of growing size on the way out; then the profile is called flat
GROWTH = 1.5
LARGEST = np.log(1e300)


@dataclass(frozen=True)
class Profile:
    """An interval, and where it has no end of its own because the profile stays low.

    Attributes
    ----------
    lo, hi : float or None
        A lower bound that the profile reaches is `lo`; otherwise an end that is missing is None.
    critical : float
        S / S_min - 1 at the ends.
    flat : tuple of str
        "down to 0", "below", "above".
    """

    lo: float | None
    hi: float | None
    critical: float
    flat: tuple[str, ...]


def profiles(
    problem: Problem, z: np.ndarray, data: Data, *, level: float, draws: int, method: str, seed: int
) -> dict[str, Profile]:
    """The interval of each free parameter, and of derived quantities that a tie can hold.

    Parameters
    ----------
    z : ndarray
        The optimum of `problem`.
    draws, method, seed
        Of the resampled tables that give the critical value; with `draws` 0 Fisher's distribution
        does (for least squares only: `fit_law` checks that).
    """
    law = problem.law.separated
    theta = law.internal(dict(zip(law.names, problem.law.natural(problem.theta(z)), strict=True)))
    whole = dataclasses.replace(problem, law=law)
    held = {name: Held(whole, theta, name) for name in _quantities(whole, theta)}
    least = float(problem.solve(z[None], damping=0.1).value[0])
    if draws:
        rng = np.random.default_rng(seed)
        draws = min(draws, CALIBRATED)
        critical = _resampled(problem, z, data, held, level, draws, method, rng)
    else:
        critical = dict.fromkeys(held, _fisher(problem, level))
    return {name: _profile(at, theta, least, critical[name]) for name, at in held.items()}


def _profile(held, theta, least, critical):
    lo, hi = (_end(held, theta, least, critical, side) for side in (-1, 1))
    flat = []
    if lo is None and not held.log and np.isfinite(held.lower):
        lo = held.lower
        flat.append(f"down to {lo:g}")
    elif lo is None:
        flat.append("below")
    if hi is None:
        flat.append("above")
    return Profile(lo, hi, critical, tuple(flat))


class Held:
    """A problem with one quantity held at any value; values are as the solver moves them."""

    def __init__(self, problem: Problem, theta: np.ndarray, name: str):
        self.problem, self.name, law = problem, name, problem.law
        self.derived = name not in law.names
        if self.derived:
            value = float(law.derived(dict(zip(law.names, law.natural(theta), strict=True)))[name])
            self.log, self.lower, self.upper = False, 0.0, 1.0
        else:
            place = law.names.index(name)
            value, parameter = float(theta[place]), law.parameters[place]
            self.log = parameter.log
            self.lower, self.upper = parameter.lower, parameter.upper
            if self.log:
                self.lower, self.upper = -LARGEST, LARGEST
        self.value = value

    def at(self, value: float) -> Problem:
        """The problem that is left when the quantity is held at `value`."""
        if self.derived:
            tie = self.problem.law.tie_for(self.name, value)
            return dataclasses.replace(self.problem, tied=(*self.problem.tied, tie))
        natural = float(np.exp(value)) if self.log else value
        fixed = {**self.problem.fixed, self.name: natural}
        return dataclasses.replace(self.problem, fixed=fixed)

    def natural(self, value: float) -> float:
        return float(np.exp(value)) if self.log else float(value)


def _quantities(problem, theta):
    """Names of what is profiled: leaders of the free parameters, and derived quantities."""
    law = problem.law
    free = [name for name in law.names if name in problem.free]
    natural = dict(zip(law.names, law.natural(theta), strict=True))
    tied = {name for pair in problem.tied for name in pair[:2]} | set(problem.fixed)
    derived = []
    for name, value in law.derived(natural).items():
        tie = law.tie_for(name, float(value)) if np.isfinite(value) else None
        if tie is not None and not tied & set(tie[:2]):
            derived.append(name)
    return [*free, *derived]


def _fisher(problem, level):
    from scipy import stats

    freedom = len(problem.log_loss) - problem.n_free
    return float(stats.f.ppf(level, 1, freedom)) / freedom


def _resampled(problem, z, data, held, level, draws, method, rng):
    """The critical value of each quantity: the ratio's quantile over resampled tables."""
    ratios = {name: [] for name in held}
    theta = problem.law.natural(problem.theta(z))
    for tables in resampled(problem, z, data, method, draws, rng):
        size = len(next(iter(tables.values())))
        least = _least(problem, z, size, tables)
        for name, at in held.items():
            part = at.at(at.value)
            start = part.z(part.law.internal(dict(zip(part.law.names, theta, strict=True)))[None])
            ratios[name].append(_least(part, start[0], size, tables) / least - 1)
    found = {}
    for name, parts in ratios.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        found[name] = float(np.quantile(values, level, method="weibull")) if len(values) else np.nan
    return found


def _least(problem, z, size, tables):
    ends = problem.solve(np.repeat(z[None], size, axis=0), damping=0.1, enough=ENOUGH, **tables)
    return np.where(ends.converged, ends.value, np.nan)


def _end(held, theta, least, critical, side):
    """Where the ratio reaches the critical value on one side, or None."""
    from scipy.optimize import brentq

    if not np.isfinite(critical) or least <= 0:
        return None
    last = theta

    def excess(value):
        """Root of the ratio over the critical one, minus 1: nearly linear in the value."""
        nonlocal last
        part = held.at(value)
        start = part.z(last[None])
        starts = np.concatenate([start, part.z(theta[None])])
        ends = part.solve(starts, damping=0.1, enough=1e-12)
        best = int(np.argmin(ends.value))
        if np.isfinite(ends.value[best]):
            last = part.theta(ends.z[best])
        ratio = max(float(ends.value[best]) / least - 1, 0.0)
        return np.sqrt(ratio / critical) - 1

    bound = held.upper if side > 0 else held.lower
    step = 0.02 * max(abs(held.value), 0.05)
    inside, value = held.value, held.value
    for _ in range(REACH):
        value = min(value + step, bound) if side > 0 else max(value - step, bound)
        at_bound = value == bound
        if at_bound and held.derived:
            value = inside + 0.99 * (bound - inside)
        if excess(value) > 0:
            root = brentq(excess, inside, value, xtol=1e-6 * abs(value - held.value))
            return held.natural(root)
        if at_bound:
            return None
        inside, step = value, step * GROWTH
    return None
