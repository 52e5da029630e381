"""Profile-likelihood intervals: the values of a parameter at which the best fit is good enough.

S(v) is the least objective with the parameter held at v. The interval holds every v at which
S(v) / S_min - 1 is below a critical value.

For least squares with normal noise of one size, the critical value is F / (n - p). F is the
quantile of Fisher's distribution with 1 and n - p degrees of freedom. The interval is then exact
for a linear law, and equals Student's interval.

Otherwise the critical value comes from resampled tables: an inverted bootstrap likelihood ratio
test. It is the quantile of the same ratio, at the value that the tables were made with. This needs
no theory of robust objectives or of noise of many sizes. The interval follows an objective that is
not a parabola, and reports the sides on which the objective is flat.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from isoloss.fit.problem import Problem
from isoloss.fit.resample import ENOUGH, resampled
from isoloss.stats import fisher
from isoloss.tables.data import Data

CALIBRATED = 500  # the most resampled tables: the critical value is then known to 5 %
REACH = 60  # steps of growing size outwards; after these the profile is called flat
GROWTH = 1.5
LARGEST = np.log(1e300)


@dataclass(frozen=True)
class Profile:
    """An interval, and the sides on which it has no end because the profile stays low.

    Attributes
    ----------
    lo, hi : float or None
        The ends; None for a missing end. Where the profile reaches the parameter's lower bound,
        `lo` is that bound.
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
    """Intervals of all free parameters, and of derived quantities that a tie can hold.

    Parameters
    ----------
    z : ndarray
        The optimum of `problem`.
    draws, method, seed
        Number, method and seed of the resampled tables that give the critical value. With `draws`
        0, Fisher's distribution gives it (for least squares only: `fit_law` checks that).
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
    """A problem with one quantity held at a value, in the solver's coordinates."""

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
        """The problem that remains when the quantity is held at `value`."""
        if self.derived:
            tie = self.problem.law.tie_for(self.name, value)
            return dataclasses.replace(self.problem, tied=(*self.problem.tied, tie))
        natural = float(np.exp(value)) if self.log else value
        fixed = {**self.problem.fixed, self.name: natural}
        return dataclasses.replace(self.problem, fixed=fixed)

    def natural(self, value: float) -> float:
        """`value` in the quantity's own unit, not the solver's coordinates."""
        return float(np.exp(value)) if self.log else float(value)


def _quantities(problem, theta):
    """Names of the profiled quantities: leaders of the free parameters, derived quantities."""
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
    freedom = len(problem.log_loss) - problem.n_free
    return fisher.quantile(level, 1, freedom) / freedom


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
