"""Fit a law of learning curves to runs of several schedules, and predict the curves of others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isoloss.errors import UserError
from isoloss.results.verdict import IDENTIFIED, Verdict, not_identified
from isoloss.schedules.laws import LAWS, At, ScheduleLaw
from isoloss.schedules.rates import Schedule
from isoloss.stats import student
from isoloss.stats.intervals import Estimate, estimate
from isoloss.stats.spread import root_mean_square, standard_error

DELTA = 1e-4  # Huber's, of ln L: nearly absolute deviations, as the errors are judged
POLISHED = 4  # starts that are run to their end
UNIT_STEPS = 1 / 24  # the unit of steps, as a share of the longest run
SAME_RATE = 0.01  # share of the peak: schedules that differ less are one
BLOCKS = 8  # of each run, whose residuals keep their signs together in a draw
SCALES = ("A", "B", "C", "momentum_steps")  # fitted by their logarithms


@dataclass(frozen=True)
class LearningCurve:
    """A run: its schedule, and its losses, shape (row,); NaN where none was measured."""

    run: str
    step: np.ndarray
    loss: np.ndarray
    schedule: Schedule

    @property
    def measured(self) -> np.ndarray:
        """Whether each row has a loss."""
        return np.isfinite(self.loss)


@dataclass(frozen=True)
class Predicted:
    """Losses of one run by the law, shape (row,).

    Attributes
    ----------
    loss : ndarray
        NaN where the fitted runs do not tell it; then `verdict` says why.
    lo, hi : ndarray
        The interval of a measured loss: what the fit does not know, the noise of a row, and how far
        schedules that are left out depart from the law; NaN without draws.
    """

    run: str
    step: np.ndarray
    loss: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    verdict: Verdict
    notes: tuple[str, ...]


def fit_curves(
    curves: Sequence[LearningCurve],
    law: str | ScheduleLaw = "multi_power_share",
    *,
    draws: int = 100,
    level: float = 0.9,
    seed: int = 0,
) -> CurveFit:
    """Fit a law to the measured rows of some runs.

    Minimises the sum of Huber's losses of the residuals of ln L, from every start.

    Parameters
    ----------
    curves : sequence of LearningCurve
    law : str or ScheduleLaw
        One of `isoloss.schedules.laws.LAWS`.
    draws : int
        Refits for the intervals. Each turns the residuals of whole blocks of a run over.

    Raises
    ------
    UserError
        There are no more rows than parameters.
    """
    law = LAWS[law] if isinstance(law, str) else law
    n_rows = sum(int(curve.measured.sum()) for curve in curves)
    if n_rows <= len(law.names):
        what = f"{len(law.names)} parameters need more than {len(law.names)} losses, got {n_rows}"
        raise UserError("learning curves", [what])
    unit = (
        max(curve.schedule.peak for curve in curves),
        max(float(curve.step.max()) for curve in curves) * UNIT_STEPS,
    )
    problem = _Problem.of(law, curves, unit)
    theta = problem.solved(problem.starts()[:POLISHED])
    drawn = problem.drawn(theta, draws, seed)
    return CurveFit(law, tuple(curves), unit, theta, drawn, level)


@dataclass(frozen=True)
class CurveFit:
    """A fitted law.

    Attributes
    ----------
    unit : (float, float)
        Of rates and steps within the fit.
    theta : ndarray, shape (parameter,)
        As `ScheduleLaw.loss` takes it.
    drawn : ndarray, shape (draw, parameter)
    """

    law: ScheduleLaw
    curves: tuple[LearningCurve, ...]
    unit: tuple[float, float]
    theta: np.ndarray
    drawn: np.ndarray
    level: float

    @cached_property
    def n_schedules(self) -> int:
        """How many different schedules the fitted runs have; a part of another one is the same."""
        kinds: list[Schedule] = []
        for curve in sorted(self.curves, key=lambda curve: -curve.step.max()):
            if not any(same_schedule(kind, curve) for kind in kinds):
                kinds.append(curve.schedule)
        return len(kinds)

    @property
    def params(self) -> dict[str, Estimate]:
        """Every parameter in the table's own units, as the law's formula has it."""
        own = self._own(self.theta[None])[0]
        drawn = self._own(self.drawn)
        return {
            name: estimate(own[i], drawn[:, i], self.level, "")
            for i, name in enumerate(self.law.names)
        }

    def _own(self, theta: np.ndarray) -> np.ndarray:
        rate, steps = self.unit
        own = np.array(theta, float)
        for i, name in enumerate(self.law.names):
            if name in SCALES:
                own[:, i] = np.exp(own[:, i])
            if name == "A":
                own[:, i] *= (rate * steps) ** own[:, 2]
            elif name == "B":
                own[:, i] /= rate
            elif name == "C":
                free = "gamma" in self.law.names
                gamma = own[:, self.law.names.index("gamma")] if free else self.law.held["gamma"]
                own[:, i] *= rate**gamma / (rate * steps)
            elif name == "momentum_steps":
                own[:, i] *= steps
        return own

    @property
    def verdict(self) -> Verdict:
        """Whether the runs determine what a change of the rate does."""
        if not any(curve.schedule.falls for curve in self.curves):
            return not_identified("no fitted run lowers its rate; a run with a cooldown would tell")
        if self.n_schedules < 2:
            return not_identified(
                "one schedule alone does not tell what the rate did from what the steps did; a run "
                "at a constant rate would tell"
            )
        at_end = [
            name
            for name, value, ends in zip(
                self.law.shape, self.theta[4:], self.law.inside, strict=True
            )
            if min(abs(value - end) for end in ends) < 1e-3 * (ends[1] - ends[0])
        ]
        if at_end:
            return not_identified(f"{', '.join(at_end)} ran to the end of what was tried")
        return IDENTIFIED

    @cached_property
    def noise(self) -> float:
        """Root mean square residual of ln L."""
        return root_mean_square(np.concatenate([
            np.log(self._loss(self.theta, curve) / curve.loss)[curve.measured]
            for curve in self.curves
        ]))  # fmt: skip

    @cached_property
    def departures(self) -> dict[str, float]:
        """Run -> root mean square of ln(predicted / measured), by the fit of the other runs.

        Only of runs whose others have two schedules, one of them falling.
        """
        found = {}
        for left in self.curves:
            others = [curve for curve in self.curves if curve is not left]
            if len(others) < 2 or not left.measured.any():
                continue
            again = fit_curves(others, self.law, draws=0)
            if again.verdict.identified:
                ratio = np.log(again._loss(again.theta, left) / left.loss)[left.measured]
                found[left.run] = root_mean_square(ratio)
        return found

    def predict(self, curve: LearningCurve) -> Predicted:
        """The losses of a run's rows, whether they were measured or not."""
        known = any(same_schedule(one.schedule, curve) for one in self.curves)
        longest = max(one.step.max() for one in self.curves)
        inside = known and curve.step.max() <= (1 + SAME_RATE) * longest
        nothing = np.full(len(curve.step), np.nan)
        if not self.verdict.identified and not known:
            return Predicted(curve.run, curve.step, nothing, nothing, nothing, self.verdict, ())
        loss = self._loss(self.theta, curve)
        lo, hi = nothing, nothing
        if len(self.drawn) > 1:
            drawn = np.log(np.stack([self._loss(theta, curve) for theta in self.drawn]))
            apart = [] if inside else list(self.departures.values())
            drift = root_mean_square(np.array(apart)) if apart else 0.0
            sd = np.sqrt(standard_error(drawn) ** 2 + self.noise**2 + drift**2)
            half = student.quantile(self.level, len(apart) if apart else np.inf) * sd
            lo, hi = loss * np.exp(-half), loss * np.exp(half)
        return Predicted(
            curve.run, curve.step, loss, lo, hi, IDENTIFIED, tuple(self._notes(curve, inside))
        )

    def _notes(self, curve: LearningCurve, inside: bool):
        ratio = curve.step.max() / max(one.step.max() for one in self.curves)
        if ratio > 1.01:
            yield f"{ratio:.3g} times as long as the longest fitted run"
        lowest = min(_lowest(one.schedule) for one in self.curves)
        if _lowest(curve.schedule) < (1 - SAME_RATE) * lowest:
            yield f"its rate falls to {_lowest(curve.schedule):.3g}, below {lowest:.3g} of the fit"
        if curve.schedule.peak > (1 + SAME_RATE) * max(one.schedule.peak for one in self.curves):
            yield "its highest rate is above those of the fit"
        if len(self.drawn) > 1 and not inside and not self.departures:
            yield (
                "the interval does not hold how far another schedule departs from the law: three "
                "fitted schedules would tell"
            )

    def _loss(self, theta: np.ndarray, curve: LearningCurve) -> np.ndarray:
        return self.law.loss(theta, At.of(curve.schedule, curve.step, self.unit))[0]


def same_schedule(schedule: Schedule, curve: LearningCurve) -> bool:
    """Whether a run's rows have the rates of a schedule that is as long."""
    if curve.step.max() > (1 + SAME_RATE) * schedule.step[-1] and schedule.falls:
        return False
    apart = np.abs(schedule.rate_at(curve.step) - curve.schedule.rate_at(curve.step))
    return bool(apart.max() <= SAME_RATE * schedule.peak)


def _lowest(schedule: Schedule) -> float:
    return float(schedule.rate[np.argmax(schedule.rate) :].min())


@dataclass(frozen=True)
class _Problem:
    """Rows of all runs, stacked."""

    law: ScheduleLaw
    at: tuple[At, ...]
    log_loss: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, law: ScheduleLaw, curves: Sequence[LearningCurve], unit) -> _Problem:
        kept = [curve for curve in curves if curve.measured.any()]
        return cls(
            law,
            tuple(At.of(c.schedule, c.step[c.measured], unit) for c in kept),
            tuple(np.log(c.loss[c.measured]) for c in kept),
        )

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        inside = [(0.0, np.exp(min(y.min() for y in self.log_loss))), (-30.0, 20.0), (0.01, 4.0)]
        if self.law.shape:
            inside += [(-30.0, 20.0), *self.law.inside]
        low, high = np.array(inside).T
        return low, high

    def starts(self) -> list[np.ndarray]:
        """Given exponents and the shape, the law is linear in L0, A and B: best first."""
        from scipy.optimize import nnls

        loss = np.exp(np.concatenate(self.log_loss))
        log_s = np.concatenate([at.log_s for at in self.at])
        low, high = self.bounds
        found = []
        for shape in itertools.product(*self.law.starts):
            drop = [self.law.drop(at, np.array(shape), self.law.held)[0] for at in self.at]
            for alpha in (0.2, 0.5, 1.0):
                columns = [np.ones_like(log_s), np.exp(-alpha * log_s)]
                if self.law.shape:
                    columns.append(-np.concatenate(drop) * (loss if self.law.share else 1.0))
                values, left = nnls(np.stack(columns, axis=1) / loss[:, None], np.ones_like(loss))
                logs = np.log(np.maximum(values[1:], 1e-6))
                theta = np.array([values[0], logs[0], alpha, *logs[1:], *shape])
                found.append((left, np.clip(theta, low + 1e-9, high - 1e-9)))
        return [theta for _, theta in sorted(found, key=lambda one: one[0])]

    def solved(self, starts: Sequence[np.ndarray], turned: np.ndarray | None = None) -> np.ndarray:
        """The best of the ends of some starts; `turned` replaces ln L."""
        from scipy.optimize import least_squares

        log_loss = np.concatenate(self.log_loss) if turned is None else turned
        last: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

        def both(theta):
            key = theta.tobytes()
            if key not in last:
                last.clear()
                parts = [self.law.loss(theta, at) for at in self.at]
                loss = np.maximum(np.concatenate([part[0] for part in parts]), 1e-9)
                by = np.concatenate([part[1] for part in parts], axis=1)
                last[key] = np.log(loss) - log_loss, (by / loss).T
            return last[key]

        def end(theta):
            return least_squares(
                lambda x: both(x)[0], theta, lambda x: both(x)[1], bounds=self.bounds,
                loss="huber", f_scale=DELTA, x_scale="jac", max_nfev=300,
            )  # fmt: skip

        return min((end(theta) for theta in starts), key=lambda found: found.cost).x

    def drawn(self, theta: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """The fit again, with the residuals of whole blocks of each run turned over or not."""
        rng = np.random.default_rng(seed)
        fitted = [np.log(self.law.loss(theta, at)[0]) for at in self.at]
        found = np.empty((draws, len(theta)))
        for draw in found:
            turned = []
            for line, measured in zip(fitted, self.log_loss, strict=True):
                count = min(BLOCKS, len(line))
                block = (np.arange(len(line)) * count) // len(line)
                turned.append(line + (measured - line) * rng.choice([-1.0, 1.0], count)[block])
            low, high = self.bounds
            start = np.clip(theta, low + 1e-9, high - 1e-9)
            draw[:] = self.solved([start], np.concatenate(turned))
        return found
