"""Forecast the loss after a cooldown from its trunk, and from cooldowns that were trained before.

Sizes share the law's exponent and what a cooldown takes off, as a share of the loss. Each has its
own floor and height. A trunk of few rows then says where its loss goes on.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from isoloss.schedules.laws import LAWS, At
from isoloss.schedules.rates import Schedule

LAW, LAST_DROP = "multi_power_share", "last_drop"
LATE = 8.5  # trunk rows count from the last step over this: no law holds at the first steps
KNOTS = 24  # of a cooldown's schedule
ROW_SD = 1e-3  # of ln L of a row, for the weight of the prior
LOG_C, LOG_C_SD = 4.0, 3.0  # where few cooldowns say how fast the loss answers to the rate


@dataclass(frozen=True)
class Cooled:
    """A run that cools a trunk down.

    Attributes
    ----------
    size : hashable
        The same for all runs of one trunk.
    steps : float
    begun : float
        The step at which the cooldown begins.
    step, loss : ndarray, shape (row,)
        The trunk's rows up to there.
    last : float
        The loss at the end.
    """

    size: Hashable
    steps: float
    begun: float
    step: np.ndarray
    loss: np.ndarray
    last: float


def one_minus_sqrt(steps: float, begun: float) -> Schedule:
    """A constant rate of 1 and a cooldown of shape 1 - sqrt (Haegele et al. 2024, Sec. 3)."""
    share = np.linspace(0, 1, KNOTS + 1) ** 2  # finest where it falls fastest
    length = steps - begun
    rate = 1 - np.sqrt(share * length / (length + 1))
    return Schedule(np.concatenate([[0.0], begun + share * length]), np.concatenate([[1.0], rate]))


def forecast(run: Cooled, known: Sequence[Cooled]) -> dict[str, float] | None:
    """The last loss of a run, from its trunk and the runs known before; None without a cooldown.

    Returns
    -------
    dict of str to float
        By the law `multi_power_share`; and by `last_drop`, the trunk's loss where the cooldown
        begins, lowered by the share that the cooldown before it took off.
    """
    if not known:
        return None
    sizes = list(dict.fromkeys(one.size for one in (*known, run)))
    longest = max(one.steps for one in (*known, run))
    rows = []  # (size, where in the law, ln L)
    for size in sizes:
        of_size = [one for one in (*known, run) if one.size == size]
        trunk = max(of_size, key=lambda one: one.step[-1])
        constant = Schedule(np.array([0.0, longest]), np.ones(2))
        late = trunk.step >= trunk.step[-1] / LATE
        at = [At.of(constant, trunk.step[late], (1.0, longest / 24))]
        at += [_end(one, longest) for one in known if one.size == size]
        losses = [trunk.loss[late], *(np.array([one.last]) for one in known if one.size == size)]
        rows += [(sizes.index(size), a, np.log(y)) for a, y in zip(at, losses, strict=True)]
    theta = _solved(rows, len(sizes))
    law = LAWS[LAW]
    value = law.loss(_of_size(theta, sizes.index(run.size)), _end(run, longest))[0]
    before = known[-1]
    gained = before.last / _gone_on(before)
    return {LAW: float(value[0]), LAST_DROP: float(_gone_on(run) * gained)}


def _gone_on(run: Cooled) -> float:
    """The trunk's loss where the cooldown begins: on by a power law through its last two rows."""
    (first, last), (above, below) = np.log(run.step[-2:]), np.log(run.loss[-2:])
    slope = (below - above) / (last - first)
    return float(np.exp(below + slope * (np.log(run.begun) - last)))


def _end(run: Cooled, longest: float) -> At:
    return At.of(one_minus_sqrt(run.steps, run.begun), [run.steps], (1.0, longest / 24))


def _of_size(theta: np.ndarray, size: int) -> np.ndarray:
    """Parameters of one size: L0, ln A, alpha, ln B, ln C."""
    return np.array([theta[3 + 2 * size], theta[4 + 2 * size], *theta[:3]])


def _solved(rows, n_sizes: int) -> np.ndarray:
    """alpha, ln B, ln C, and L0 and ln A of each size, by least squares of ln L."""
    from scipy.optimize import least_squares

    law = LAWS[LAW]
    lowest = [min(y.min() for s, _, y in rows if s == size) for size in range(n_sizes)]

    def both(theta):
        left, by = [], []
        for size, at, y in rows:
            loss, slope = law.loss(_of_size(theta, size), at)
            loss = np.maximum(loss, 1e-9)
            left.append(np.log(loss) - y)
            full = np.zeros((len(y), len(theta)))
            full[:, 3 + 2 * size : 5 + 2 * size] = (slope[:2] / loss).T
            full[:, :3] = (slope[2:] / loss).T
            by.append(full)
        prior = np.zeros((1, len(theta)))
        prior[0, 2] = ROW_SD / LOG_C_SD
        return (np.concatenate([*left, prior[0, 2:3] * (theta[2] - LOG_C)]),
                np.concatenate([*by, prior]))  # fmt: skip

    low = np.array([0.02, -12.0, -8.0, *([0.0, -12.0] * n_sizes)])
    high = np.array([3.0, 0.0, 14.0, *(x for y in lowest for x in (np.exp(y), 12.0))])
    best = None
    for alpha in (0.3,):
        start = [alpha, -2.5, LOG_C]
        for y in lowest:
            start += [0.3 * np.exp(y), np.log(0.7 * np.exp(y))]
        found = least_squares(lambda x: both(x)[0], start, lambda x: both(x)[1],
                              bounds=(low, high), x_scale="jac", max_nfev=60)  # fmt: skip
        best = found if best is None or found.cost < best.cost else best
    return best.x
