"""Laws of a learning curve under a schedule of the learning rate.

All have two parts: the loss at a constant rate, L0 + A S1^-alpha with S1 the sum of the rates up
to step t, and what lower rates have taken off by then, B sum_k (eta_{k-1} - eta_k) G_k(t). The
laws differ in G, and in whether the second part is a loss or a share of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from isoloss.schedules.rates import Schedule

LOWEST = 1e-6  # share of the unit rate: a rate of 0 has no power


@dataclass(frozen=True)
class At:
    """The rows of a schedule, in the units of a fit: a rate, and a number of steps.

    Attributes
    ----------
    log_s : ndarray, shape (row,)
        ln S1.
    fall, log_rate : ndarray, shape (drop,)
        eta_{k-1} - eta_k, and ln eta_k.
    summed, gone : ndarray, shape (row, drop)
        S_k(t) and the steps since the drop; 0 before it.
    """

    log_s: np.ndarray
    fall: np.ndarray
    log_rate: np.ndarray
    summed: np.ndarray
    gone: np.ndarray

    @classmethod
    def of(cls, schedule: Schedule, step, unit: tuple[float, float]) -> At:
        """The rows `step` of a schedule; `unit` is a rate and a number of steps."""
        step = np.asarray(step, float)
        rate_unit, step_unit = unit
        s = schedule.summed(step) / (rate_unit * step_unit)
        at, then, fall = schedule.drops
        before = schedule.summed(at) / (rate_unit * step_unit)
        return cls(
            np.log(s),
            fall / rate_unit,
            np.log(np.maximum(then / rate_unit, LOWEST)),
            np.maximum(s[:, None] - before, 0.0),
            np.maximum((step[:, None] - at) / step_unit, 0.0),
        )


@dataclass(frozen=True)
class ScheduleLaw:
    """A law of a learning curve.

    Attributes
    ----------
    shape : tuple of str
        The parameters of G that a fit moves: the scale by its logarithm, exponents as they are.
    inside : tuple of (low, high)
        Where it moves them.
    starts : tuple of tuple
        Where it starts, for each of them.
    drop : callable
        (At, shape, held) -> the sum, and its derivatives by `shape`, shape (1 + n_shape, row).
    share : bool
        Whether the drop is a share of the loss at a constant rate.
    held : mapping
        Parameters of G that the law has from elsewhere.
    """

    name: str
    formula: str
    source: str
    shape: tuple[str, ...]
    inside: tuple[tuple[float, float], ...]
    starts: tuple[tuple[float, ...], ...]
    drop: Callable[[At, np.ndarray, Mapping[str, float]], np.ndarray]
    share: bool = False
    held: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that a fit moves."""
        return ("L0", "A", "alpha", *(("B", *self.shape) if self.shape else ()))

    def loss(self, theta: np.ndarray, at: At) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each row, shape (row,), and its derivatives by theta, (parameter, row).

        Parameters
        ----------
        theta : ndarray, shape (parameter,)
            L0, ln A, alpha, ln B, and the shape.
        """
        power = np.exp(theta[1] - theta[2] * at.log_s)
        constant = theta[0] + power
        by = np.stack([np.ones_like(power), power, -power * at.log_s])
        if not self.shape:
            return constant, by
        drop = np.exp(theta[3]) * self.drop(at, theta[4:], self.held)
        if self.share:
            by, drop_by = by * (1 - drop[0]), drop * constant
        else:
            drop_by = drop
        return constant - drop_by[0], np.concatenate([by, -drop_by[:1], -drop_by[1:]])


def _multi_power(at: At, shape: np.ndarray, held: Mapping[str, float]) -> np.ndarray:
    """G = 1 - (1 + C eta_k^-gamma S_k)^-beta."""
    log_c, beta, gamma = (*shape, *held.values())
    x = np.exp(log_c - gamma * at.log_rate) * at.summed
    power = (1 + x) ** -beta
    by_log_c = beta * power * x / (1 + x)
    parts = [1 - power, by_log_c]
    if not held:
        parts += [power * np.log1p(x), -by_log_c * at.log_rate]
    return np.stack(parts) @ at.fall


def _annealing(at: At, shape: np.ndarray, held: Mapping[str, float]) -> np.ndarray:
    """G = 1 - lambda^(t - k), lambda = exp(-1 / momentum_steps)."""
    decay = at.gone * np.exp(-shape[0])
    gone = np.exp(-decay)
    return np.stack([1 - gone, -gone * decay]) @ at.fall


def _none(at: At, shape: np.ndarray, held: Mapping[str, float]) -> np.ndarray:
    return np.zeros((1, len(at.log_s)))


G = "sum (eta_{k-1} - eta_k) (1 - (1 + C eta_k^-gamma S_k)^-beta)"
LUO = "Luo et al. 2025, arXiv:2503.12811"
# beta and gamma as Luo et al. fitted them to nine curves of a model of 400M parameters. Two or
# three schedules do not determine them: with both free, held-out schedules are missed by more. The
# form with a share, both constants and the fit's delta were chosen by that model's errors.
OF_400M = {"beta": 0.5935, "gamma": 0.6347}
LAWS = {
    law.name: law
    for law in (
        ScheduleLaw(
            "multi_power_share",
            f"L = (L0 + A S1^-alpha) (1 - B {G})",
            f"{LUO}, with a drop that is a share of the loss; beta and gamma as their 400M model's",
            ("C",), ((-8.0, 14.0),), ((0.0, 2.0, 4.0, 6.0),), _multi_power, True, OF_400M,
        ),
        ScheduleLaw(
            "multi_power",
            f"L = L0 + A S1^-alpha - B {G}",
            f"{LUO}, Eq. 1",
            ("C", "beta", "gamma"),
            ((-8.0, 14.0), (0.02, 4.0), (-0.5, 2.0)),
            ((0.0, 2.0, 5.0), (0.3, 0.8), (0.2, 0.7)),
            _multi_power,
        ),
        ScheduleLaw(
            "annealing",
            "L = L0 + A S1^-alpha - B sum (eta_{k-1} - eta_k) (1 - exp(-(t - k) / momentum_steps))",
            "Tissue et al. 2024, arXiv:2408.11029, with their momentum fitted",
            ("momentum_steps",), ((-9.0, 3.0),), ((-5.0, -3.0, -1.0),), _annealing,
        ),
        ScheduleLaw(
            "summed_rate", "L = L0 + A S1^-alpha", "the first two terms of all of them",
            (), (), (), _none,
        ),
    )
}  # fmt: skip
