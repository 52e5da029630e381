"""The best learning rate and batch of each (N, D), and power laws through them.

The lowest run of a sweep is a point of its grid. So a parabola in ln(rate), or a quadratic surface
in ln(rate) and ln(batch), goes through the runs near it, and its lowest point is the optimum. Where
that point is not between the runs, the sweep has no optimum; it is named and left out. Lines
through the optima are those of Li et al. (2025, Step Law, arXiv:2503.04715): lr* = c N**a D**b and
B* = c D**b; Bergsma et al. (2025, Power Lines, arXiv:2505.13738) have the second as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.results.verdict import OFTEN, Status
from isoloss.stats import student
from isoloss.stats.intervals import Estimate, bounds

REACHES = (2.2, 3.2, 4.5)  # factors from the lowest run within which runs count; wider if needed
VALUES = 3  # different values of each setting that a parabola needs
SPARE = 2  # runs more than coefficients
DRAWS = 400
INTERIOR = "interior"
FEWEST = 3  # optima for a line; with more exponents, one more for each


@dataclass(frozen=True)
class SweepOptimum:
    """The optimum of the runs of one size and number of tokens.

    Attributes
    ----------
    n_params, n_tokens : float
    settings : dict of str to Estimate
        Setting ("learning_rate", "batch") -> its best value; empty unless `status` is "interior".
    loss : float or None
        At the optimum.
    n_runs, n_fitted : int
        Runs of the sweep, and those near its lowest that were fitted.
    status : str
        "interior", "edge" (the lowest point is not between the runs), "no minimum" or "too few
        runs".
    beyond : tuple of str
        Where an edge's lowest point would be, e.g. "learning_rate below 0.001".
    """

    n_params: float
    n_tokens: float
    settings: dict[str, Estimate]
    loss: float | None
    n_runs: int
    n_fitted: int
    status: str
    beyond: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingLaw:
    """setting* = coefficient * N**a * D**b, by least squares of the logarithms.

    Attributes
    ----------
    setting : str
    coefficient : Estimate
    exponents : dict of str to Estimate
        Variable -> its exponent.
    scatter : float
        Standard deviation of ln(setting*) about the law.
    n_optima : int
    covariance, centre : ndarray
        Of the level at the centre and the exponents; the centre in ln of the variables.
    """

    setting: str
    coefficient: Estimate
    exponents: dict[str, Estimate]
    scatter: float
    n_optima: int
    covariance: np.ndarray
    centre: np.ndarray
    level: float

    def at(self, **values: float) -> Estimate:
        """The setting at a size and number of tokens, with the interval of the law there."""
        log_x = np.array([np.log(values[name]) for name in self.exponents])
        slopes = np.array([e.value for e in self.exponents.values()])
        middle = np.log(self.coefficient.value) + slopes @ log_x
        row = np.concatenate([[1.0], log_x - self.centre])
        freedom = self.n_optima - len(row)
        return _factor(middle, np.sqrt(row @ self.covariance @ row), freedom, self.level)


def optima(
    log_x: Mapping[str, np.ndarray], log_loss: np.ndarray, level: float = 0.9, seed: int = 0
) -> tuple[SweepOptimum, ...]:
    """The optimum of each (N, D) of a table.

    Parameters
    ----------
    log_x : mapping of str to ndarray, shape (row,)
        ln of n_params and n_tokens, and of each setting that was swept.
    log_loss : ndarray, shape (row,)

    Notes
    -----
    Intervals are from normal noise on the fitted losses. Its size is pooled over all sweeps.
    """
    settings = [name for name in log_x if name not in ("n_params", "n_tokens")]
    points = np.stack([log_x["n_params"], log_x["n_tokens"]], axis=1)
    _, first, which = np.unique(np.round(points, 9), axis=0, return_index=True, return_inverse=True)
    places = points[first]
    tried = []
    for i in range(len(places)):
        here = np.flatnonzero(which.ravel() == i)
        axes = np.stack([log_x[name][here] for name in settings], axis=1)
        tried.append((len(here), list(_near(axes, log_loss[here]))))
    closest = [fits[0] for _, fits in tried if fits]
    freedom = sum(fit.freedom for fit in closest)
    sd = np.sqrt(sum(fit.rest for fit in closest) / freedom) if freedom else 0.0
    rng = np.random.default_rng(seed)
    found = []
    for (log_n, log_d), (n_runs, fits) in zip(places, tried, strict=True):
        size = float(np.exp(log_n)), float(np.exp(log_d))
        one = SweepOptimum(*size, {}, None, n_runs, 0, str(Status.TOO_FEW_RUNS))
        for fit in fits:
            one = _optimum(fit, settings, size, n_runs, sd, rng, level)
            if one.status == INTERIOR:
                break
        found.append(one)
    return tuple(found)


def _optimum(fit, settings, size, n_runs, sd, rng, level) -> SweepOptimum:
    def none(status, *beyond):
        return SweepOptimum(*size, {}, None, n_runs, len(fit.values), str(status), beyond)

    at, loss, inside = (part[0] for part in fit.lowest(fit.values[None]))
    if np.isnan(at).any():
        return none(Status.NO_MINIMUM)
    if not inside:
        return none(Status.EDGE, *fit.beyond(at, settings))
    noisy = fit.fitted + sd * rng.standard_normal((DRAWS, len(fit.fitted)))
    drawn, _, kept = fit.lowest(noisy)
    if np.mean(kept) < 1 - OFTEN:
        return none(Status.EDGE, "by its noise")
    ends = zip(at, *bounds(drawn[kept], level), drawn[kept].std(axis=0), strict=True)
    best = {
        name: Estimate(*map(float, np.exp([middle, low, high])), float(sd_log), "")
        for name, (middle, low, high, sd_log) in zip(settings, ends, strict=True)
    }
    return SweepOptimum(*size, best, float(np.exp(loss)), n_runs, len(fit.values), INTERIOR)


class _Quadratic:
    """A quadratic in the settings through the runs near the lowest, by least squares."""

    def __init__(self, axes, values):
        self.centre = axes.mean(axis=0)
        x = axes - self.centre
        n = x.shape[1]
        self.pairs = [(i, j) for i in range(n) for j in range(i, n)]
        columns = [np.ones(len(x)), *x.T, *(x[:, i] * x[:, j] for i, j in self.pairs)]
        design = np.stack(columns, axis=1)
        self.values, self.solve = values, np.linalg.pinv(design)
        self.fitted = design @ (self.solve @ values)
        self.rest = float(np.sum((values - self.fitted) ** 2))
        self.freedom = len(values) - design.shape[1]
        self.low, self.high = x.min(axis=0), x.max(axis=0)

    def lowest(self, values):
        """ln of the settings and ln L at the lowest point for losses of shape (batch, row).

        Returns
        -------
        at : ndarray, shape (batch, setting)
            NaN where the quadratic has no lowest point.
        loss : ndarray, shape (batch,)
        inside : ndarray of bool, shape (batch,)
            Whether the lowest point is between the runs.
        """
        solved = values @ self.solve.T
        n = len(self.centre)
        slope, bend = solved[:, 1 : n + 1], np.zeros((len(solved), n, n))
        for (i, j), value in zip(self.pairs, solved[:, n + 1 :].T, strict=True):
            bend[:, i, j] += value
            bend[:, j, i] += value
        opens = np.linalg.eigvalsh(bend).min(axis=1) > 0
        bend[~opens] = np.eye(n)
        at = np.linalg.solve(bend, -slope[..., None])[..., 0]
        at[~opens] = np.nan
        inside = np.all((at > self.low) & (at < self.high), axis=1)
        return at + self.centre, solved[:, 0] + np.sum(slope * at, axis=1) / 2, inside

    def beyond(self, at, settings):
        """Where a lowest point that is not between the runs would be."""
        low, high = self.low + self.centre, self.high + self.centre
        for name, x, first, last in zip(settings, at, low, high, strict=True):
            if x <= first:
                yield f"{name} below {np.exp(first):.3g}"
            elif x >= last:
                yield f"{name} above {np.exp(last):.3g}"


def _near(axes, values) -> Iterator[_Quadratic]:
    """The quadratics of the runs around the lowest one, the closest first."""
    n = axes.shape[1]
    needed = 1 + n + n * (n + 1) // 2 + SPARE
    lowest = axes[np.argmin(values)]
    for reach in REACHES:
        near = np.all(np.abs(axes - lowest) <= np.log(reach) + 1e-9, axis=1)
        several = all(len(np.unique(np.round(axes[near, k], 6))) >= VALUES for k in range(n))
        if near.sum() >= needed and several:
            yield _Quadratic(axes[near], values[near])


def apart(found: tuple[SweepOptimum, ...], variables: tuple[str, ...]) -> tuple[str, ...]:
    """The variables, or the first that varies where they do not vary apart from each other."""
    log_x = _log_x([one for one in found if one.status == INTERIOR], variables)
    if len(log_x) < FEWEST or _full_rank(log_x):
        return variables
    return tuple(name for name, x in zip(variables, log_x.T, strict=True) if np.ptp(x) > 0)[:1]


def _log_x(good, variables):
    return np.log([[getattr(one, name) for name in variables] for one in good]).reshape(
        len(good), len(variables)
    )


def _full_rank(log_x):
    centred = log_x - log_x.mean(axis=0)
    return np.linalg.matrix_rank(centred, tol=1e-6 * np.sqrt(len(log_x))) == log_x.shape[1]


def law_of(
    found: tuple[SweepOptimum, ...], setting: str, variables: tuple[str, ...], level: float = 0.9
) -> SettingLaw:
    """The power law of a setting through the interior optima.

    The interval of each number is Student's, from the optima's scatter about the law.

    Raises
    ------
    UserError
        There are too few optima, or a variable does not vary beside the others.
    """
    good = [one for one in found if one.status == INTERIOR]
    needed = FEWEST + len(variables) - 1
    if len(good) < needed:
        counts = {one.status: sum(o.status == one.status for o in found) for one in found}
        text = ", ".join(f"{count} {status}" for status, count in counts.items())
        raise UserError(
            setting,
            [f"{needed} optima between their runs are needed; of {len(found)} sweeps: {text}"],
        )
    log_x = _log_x(good, variables)
    y = np.log([one.settings[setting].value for one in good])
    centre = log_x.mean(axis=0)
    design = np.column_stack([np.ones(len(y)), log_x - centre])
    if not _full_rank(log_x):
        raise UserError(setting, [f"{' and '.join(variables)} do not vary apart from each other"])
    inverse = np.linalg.inv(design.T @ design)
    solved = inverse @ design.T @ y
    freedom = len(y) - len(solved)
    scatter = float(np.sqrt(np.sum((y - design @ solved) ** 2) / freedom))
    covariance = scatter**2 * inverse
    sd = np.sqrt(np.diag(covariance))
    to_one = np.concatenate([[1.0], -centre])  # the level at N = D = 1
    return SettingLaw(
        setting,
        _factor(to_one @ solved, np.sqrt(to_one @ covariance @ to_one), freedom, level),
        {name: _plus(solved[k + 1], sd[k + 1], freedom, level) for k, name in enumerate(variables)},
        scatter,
        len(good),
        covariance,
        centre,
        level,
    )


def _plus(value, sd, freedom, level):
    half = student.quantile(level, freedom) * sd
    return Estimate(float(value), float(value - half), float(value + half), float(sd), "")


def _factor(log_value, sd, freedom, level):
    half = student.quantile(level, freedom) * sd
    low, middle, high = np.exp([log_value - half, log_value, log_value + half])
    return Estimate(float(middle), float(low), float(high), float(sd), "")
