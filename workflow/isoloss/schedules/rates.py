"""A learning-rate schedule as straight pieces: what was summed by a step, and where it changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

JUMP = 0.05  # share of the peak: a change this large between two rows may be a jump
ALONE = 0.1  # it is one if the changes beside it are smaller than this share of it
FINEST = 0.01  # share of the peak that one piece may change by


@dataclass(frozen=True)
class Schedule:
    """The rate along a run: straight lines between knots; two knots at one step are a jump.

    Attributes
    ----------
    step : ndarray, shape (knot,)
        Rising, from 0; in any unit (steps, tokens).
    rate : ndarray, shape (knot,)
    """

    step: np.ndarray
    rate: np.ndarray

    @classmethod
    def of_rows(cls, step, rate, warmup: float | None = None) -> Schedule:
        """The schedule of a table's rows.

        Before the first row, the rate rose from 0 in `warmup` steps (by default, all of them).
        A lone large change between two rows was a jump, midway.

        Parameters
        ----------
        step, rate : ndarray, shape (row,)
            By rising step; rates are positive or 0.
        warmup : float, optional
            At most the step of the first row.
        """
        step, rate = np.asarray(step, float), np.asarray(rate, float)
        first = step[0] if warmup is None else min(float(warmup), step[0])
        begin = [0.0, *([first] if 0 < first < step[0] else [])]
        rise = [0.0, *([rate[0]] if len(begin) > 1 else [])] if first > 0 else [rate[0]]
        begin, rise = (begin, rise) if step[0] > 0 else ([], [])
        knots, rates = np.concatenate([begin, step]), np.concatenate([rise, rate])
        return cls(*_with_jumps(knots, rates, after=len(begin)))

    @property
    def peak(self) -> float:
        """The largest rate."""
        return float(self.rate.max())

    @cached_property
    def _sums(self) -> np.ndarray:
        pieces = np.diff(self.step) * (self.rate[1:] + self.rate[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(pieces)])

    def summed(self, step) -> np.ndarray:
        """S1: the sum of the rates up to each step, with the warm-up's, shape as `step`."""
        step = np.asarray(step, float)
        piece = np.clip(np.searchsorted(self.step, step, side="right") - 1, 0, len(self.step) - 2)
        into = np.maximum(step - self.step[piece], 0.0)
        long = np.maximum(self.step[piece + 1] - self.step[piece], 1e-300)
        slope = (self.rate[piece + 1] - self.rate[piece]) / long
        within = np.minimum(into, long)
        after = (into - within) * self.rate[piece + 1]  # the last rate goes on beyond the last knot
        return self._sums[piece] + within * (self.rate[piece] + slope * within / 2) + after

    @cached_property
    def drops(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the rate changed: the step, the rate then, and by how much it fell.

        Three arrays of shape (drop,). A slope is many small drops, each at its middle. A rise, such
        as the warm-up, is a negative drop, as in the authors' code.
        """
        steps, rates = self.step, self.rate
        change = np.diff(rates)
        at, then, fall = [], [], []
        for place in np.flatnonzero(change):
            left, right = steps[place], steps[place + 1]
            jump = right == left
            parts = 1 if jump else int(np.ceil(abs(change[place]) / (FINEST * self.peak)))
            middle = (np.arange(parts) + 0.5) / parts
            at.append(left + middle * (right - left))
            then.append(rates[place] + change[place] * (np.ones(1) if jump else middle))
            fall.append(np.full(parts, -change[place] / parts))
        if not at:
            return (np.empty(0),) * 3
        return np.concatenate(at), np.concatenate(then), np.concatenate(fall)

    @property
    def falls(self) -> bool:
        """Whether the rate falls by more than a hundredth of the peak."""
        after = self.rate[np.argmax(self.rate) :]
        return bool(after.min() < (1 - FINEST) * self.peak)

    def rate_at(self, step) -> np.ndarray:
        """The rate at each step; the last one goes on."""
        return np.interp(np.asarray(step, float), self.step, self.rate)


def _with_jumps(step, rate, after):
    """Knots with a lone large change between two of them made a jump; `after` ends the warm-up."""
    change = np.abs(np.diff(rate))
    beside = np.maximum(np.append(change[1:], 0.0), np.insert(change[:-1], 0, 0.0))
    jumps = (change > JUMP * rate.max()) & (beside < ALONE * change)
    jumps[:after] = False
    for place in np.flatnonzero(jumps)[::-1]:
        middle = (step[place] + step[place + 1]) / 2
        step = np.insert(step, place + 1, [middle, middle])
        rate = np.insert(rate, place + 1, [rate[place], rate[place + 1]])
    return step, rate
