"""A law, a table and an objective as a problem that `newton.minimise` solves in batches."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from isoloss.fit.newton import Minimised, joined, minimise
from isoloss.fit.objective import Objective, influence
from isoloss.fit.progress import advance
from isoloss.fit.straight import Straight
from isoloss.laws.base import Law

CHUNK = 24_000  # numbers per array of a batch: small enough to stay in the processor's cache
ROWS = 6_000  # rows of a long table that are evaluated at once, for the same reason


def leaders_of(names, tied):
    """The leader and the factor of each parameter; a free parameter leads itself, with factor 1.

    The leader is the first of the parameters that are tied together.
    """
    leaders = {name: (name, 1.0) for name in names}
    for one, other, *factor in tied:
        (first, of_first), (second, of_second) = leaders[one], leaders[other]
        scale = (factor[0] if factor else 1.0) * of_first / of_second
        for name, (leader, by) in leaders.items():
            if leader == second and first != second:
                leaders[name] = first, by * scale
    return leaders


@dataclass(frozen=True)
class Problem:
    """The solver moves z; the law's theta = offset + z @ matrix.T (fixed and tied parameters).

    Attributes
    ----------
    log_x : mapping
        Variable -> ln(x), shape (row,).
    log_loss : ndarray, shape (row,)
        ln of the measured loss.
    weights : ndarray or None, shape (row,)
    fixed : mapping
        Parameter -> its fixed value.
    tied : tuple
        (first, follower): follower = first; (first, follower, factor): follower = factor * first.
        Both are in the solver's coordinates, so only parameters that are not logarithms take a
        factor.
    lowest_floor : float or None
        The bound of the law's floor in place of its own, as resampled tables have (`fit.below`).
    """

    law: Law
    log_x: Mapping[str, np.ndarray]
    log_loss: np.ndarray
    objective: Objective
    weights: np.ndarray | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    tied: tuple[tuple, ...] = ()
    lowest_floor: float | None = None

    def __post_init__(self):
        names = ("free", "offset", "matrix", "lower", "upper")
        for name, value in zip(names, self._constraints(), strict=True):
            object.__setattr__(self, name, value)

    def _constraints(self):
        law, parameters = self.law, self.law.parameters
        index = {p.name: i for i, p in enumerate(parameters)}
        leaders = leaders_of(law.names, self.tied)
        held = {leaders[name][0]: (name, value) for name, value in self.fixed.items()}
        free = [name for name in index if leaders[name][0] == name and name not in held]
        pick = np.zeros((len(parameters), len(free)))
        offset = np.zeros(len(parameters))
        for name, i in index.items():
            first, factor = leaders[name]
            if first in free:
                pick[i, free.index(first)] = factor
            else:
                by, value = held[first]
                value = np.log(value) if parameters[index[by]].log else value
                offset[i] = value * factor / leaders[by][1]
        matrix = law.centring(self.log_x)
        if self.fixed or self.tied:
            moves = pick.any(axis=1)
            offset[moves] = (matrix @ offset)[moves]
            matrix = pick @ (np.linalg.pinv(pick) @ matrix @ pick)
        level = float(np.mean(self.log_loss))
        lower, upper = [], []
        for name in free:
            parameter = parameters[index[name]]
            low, high = parameter.lower, parameter.upper
            if name in law.linear and parameter.log:
                low, high = (level + at for at in law.coefficient_range)
            elif parameter.log:
                with np.errstate(divide="ignore"):
                    low, high = np.log([low, high])
            if name == law.floor and self.lowest_floor is not None:
                low = self.lowest_floor
            lower.append(low)
            upper.append(high)
        return tuple(free), offset, matrix, np.array(lower), np.array(upper)

    @property
    def n_free(self) -> int:
        """Number of free parameters."""
        return self.matrix.shape[1]

    @property
    def turn(self) -> np.ndarray:
        """The matrix that takes the law's derivatives to derivatives in z."""
        return self.matrix if self.law.analytic else np.eye(self.n_free)

    def theta(self, z):
        """The law's parameters at `z`, shape (..., parameter)."""
        return self.offset + z @ self.matrix.T

    def z(self, theta):
        """The free coordinates of `theta`, by least squares, shape (..., free parameter)."""
        return np.linalg.lstsq(self.matrix, (theta - self.offset).T, rcond=None)[0].T

    @np.errstate(all="ignore")
    def residuals(self, theta):
        """Model minus measured, of ln L or of L (shape (batch, row))."""
        model = self.law.log_loss(np.atleast_2d(theta), self.log_x)
        if self.objective.raw:
            return np.exp(model) - np.exp(self.log_loss)
        return model - self.log_loss

    @np.errstate(all="ignore")
    def jacobian(self, z):
        """d residual / d z, shape (row, free parameter)."""
        value, gradient, _ = self.law.derivatives(self.theta(z[None]), self.log_x, self.matrix)
        if self.objective.raw:
            gradient = gradient * np.exp(value)[:, None]
        return gradient[0].T @ self.turn

    @np.errstate(all="ignore")
    def slopes(self, theta, log_x):
        """d ln L / d z of one theta at points given as ln of the variables, shape (point, free)."""
        _, gradient, _ = self.law.derivatives(theta[None], log_x, self.matrix)
        return gradient[0].T @ self.turn

    @np.errstate(all="ignore")
    def row_gradients(self, z):
        """Gradient in z of each row's term of the (scaled) objective, shape (batch, free, row)."""
        value, gradient, _ = self.law.derivatives(self.theta(z), self.log_x, self.matrix)
        residual = self.residuals(self.theta(z))
        slope = influence(residual, self.objective.solved_delta)[1]
        slope = slope if self.weights is None else slope * self.weights
        slope = slope * np.exp(value) if self.objective.raw else slope
        return np.einsum("spn,pf->sfn", gradient * slope[:, None], self.turn)

    def evaluator(self, delta: float, log_loss=None, weights=None):
        """The function that `newton.minimise` evaluates.

        `log_loss` and `weights` may differ between problems; they then have the shape (batch, row).
        """
        log_loss = self.log_loss if log_loss is None else log_loss
        if weights is None:
            weights = self.weights
        elif self.weights is not None:
            weights = weights * self.weights

        log_x, n_rows = self.log_x, len(self.log_loss)
        if n_rows > ROWS and weights is not None and weights.shape[0] == 1:
            # A third of the rows of a table drawn with replacement do not count.
            kept = np.flatnonzero(weights[0])
            log_x, n_rows = {name: x[kept] for name, x in log_x.items()}, len(kept)
            log_loss, weights = log_loss[..., kept], weights[:, kept]

        def rows_of(values, which, rows):
            if values.ndim == 1:
                return values[rows]
            return values[:, rows] if len(which) == len(values) else values[which, rows]

        def part(z, which, rows, log_x):
            value, gradient, curvature = self.law.derivatives(self.theta(z), log_x, self.matrix)
            target = rows_of(log_loss, which, rows)
            if self.objective.raw:
                loss = np.exp(value)
                residual = loss - np.exp(target)
            else:
                residual = value - target
            rho, slope, weight, bend = influence(residual, delta)
            if weights is not None:
                w = rows_of(weights, which, rows)
                rho, slope, weight, bend = rho * w, slope * w, weight * w, bend * w
            objective = rho.sum(axis=1)
            bad = ~np.isfinite(objective)
            if bad.any():
                objective[bad] = np.inf
                slope[bad] = weight[bad] = bend[bad] = 0.0
                gradient[bad] = 0.0
            if self.objective.raw:
                slope, outer, weight = slope * loss, bend * loss**2, weight * loss**2
            else:
                outer = bend - slope  # d2 ln L = d2 L / L - (d ln L)(d ln L)^T
            turned = gradient.transpose(0, 2, 1)
            first = (gradient @ slope[..., None])[..., 0]
            hessian = (gradient * outer[:, None]) @ turned + curvature(slope)
            return objective, first, hessian, (gradient * weight[:, None]) @ turned

        blocks = [
            (rows, {name: x[rows] for name, x in log_x.items()})
            for first in range(0, n_rows, ROWS)
            for rows in [slice(first, first + ROWS)]
        ]

        @np.errstate(all="ignore")
        def evaluate(z, which):
            parts = [part(z, which, rows, log_x) for rows, log_x in blocks]
            objective, first, hessian, majorant = map(sum, zip(*parts, strict=True))
            bad = ~np.isfinite(objective)
            if bad.any():
                hessian[bad] = majorant[bad] = 0.0
            matrix = self.turn
            return (
                objective,
                first @ matrix,
                matrix.T @ hessian @ matrix,
                matrix.T @ majorant @ matrix,
            )

        return evaluate

    @property
    def straight(self) -> Straight | None:
        """Coordinates for `solve` where a free floor trades off with free terms, or None."""
        law, free = self.law, self.free
        if self.tied or law.floor not in free:
            return None
        places = [
            [free.index(name) for name in pair] for pair in law.slopes if set(pair) <= set(free)
        ]
        return Straight(*np.array(places).T) if places else None

    def solve(self, starts, *, delta=None, log_loss=None, weights=None, **settings) -> Minimised:
        """Minimise from every start, in chunks that fit the cache."""
        delta = self.objective.solved_delta if delta is None else delta
        size = max(1, CHUNK // len(self.log_loss))
        parts = []
        for first in range(0, len(starts), size):
            chunk = slice(first, first + size)
            tables = [
                table if table is None or table.ndim == 1 else table[chunk]
                for table in (log_loss, weights)
            ]
            parts.append(self._solve(starts[chunk], delta, *tables, settings))
            advance(len(starts[chunk]))
        return joined(parts)

    def _solve(self, starts, delta, log_loss, weights, settings):
        """Minimise a chunk: in straight coordinates, and what ends out of bounds in z again."""
        straight = self.straight
        evaluate = self.evaluator(delta, log_loss, weights)
        if straight is None:
            return minimise(evaluate, starts, self.lower, self.upper, **settings)
        with np.errstate(all="ignore"):
            ends = minimise(
                straight.evaluator(evaluate),
                straight.w(np.clip(starts, self.lower, self.upper)),
                *straight.bounds(self.lower, self.upper),
                **settings,
            )
            vanished = straight.vanished(ends.z)
            ends = dataclasses.replace(ends, z=straight.z(ends.z))
        out = (ends.z < self.lower) | (ends.z > self.upper) | ~np.isfinite(ends.z)
        out = out.any(axis=1) | vanished
        lost = np.flatnonzero(out | ~ends.converged)
        if not len(lost):
            return ends
        tables = [t if t is None or t.ndim == 1 else t[lost] for t in (log_loss, weights)]
        evaluate = self.evaluator(delta, *tables)
        near = np.where(out[lost, None], starts[lost], ends.z[lost])
        again = minimise(evaluate, near, self.lower, self.upper, **settings)
        for old, fresh in zip(
            (ends.z, ends.value, ends.decrement, ends.steps),
            (again.z, again.value, again.decrement, ends.steps[lost] + again.steps),
            strict=True,
        ):
            old[lost] = fresh
        return ends
