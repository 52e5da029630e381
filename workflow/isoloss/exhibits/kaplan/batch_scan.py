"""When the runs of a batch scan reach each loss, and S = S_min (1 + B_crit / B) fitted to that.

Kaplan et al. (2020, arXiv:2001.08361), Sec. 5.1: to reach a loss L with batches of B tokens takes S
steps and E = B S tokens with (S / S_min - 1)(E / E_min - 1) = 1 (Eq. 5.1), which is
S = S_min (1 + B_crit / B) with B_crit = E_min / S_min (Eq. 5.2). Their Eq. 1.4 adds that
B_crit = B_star / L**(1 / alpha_B) depends on nothing but the loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoloss.runs.curves import near_highest_rate
from isoloss.stats import student

if TYPE_CHECKING:
    import pandas as pd

BEYOND = np.log(1000.0)  # B_crit is looked for so far outside the batches that were tried
FAR = np.log(20.0)  # and not believed so far outside
ROUNDS = 60
FEWEST = 4  # batch sizes per model size and loss: two more than Eq. 5.1 has numbers
SIZE = "n_params_non_embedding"


@dataclass(frozen=True)
class Scan:
    """Steps that runs took to reach losses: one row for each run and loss that it reached.

    A cell is a model size and a loss. Arrays have the shape (row,).
    """

    log_steps: np.ndarray
    log_batch: np.ndarray  # ln of tokens per step
    log_loss: np.ndarray
    log_size: np.ndarray
    cell: np.ndarray  # 0, 1, ...
    run: np.ndarray  # 0, 1, ...: places in `run_ids`
    run_ids: tuple[str, ...]

    @property
    def shares(self) -> np.ndarray:
        """What each row contributes to the mean of each cell, shape (row, cell)."""
        member = self.cell[:, None] == np.arange(int(self.cell.max()) + 1)
        return member / member.sum(axis=0)

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which ln B_crit is looked for."""
        return self.log_batch.min() - BEYOND, self.log_batch.max() + BEYOND

    def far(self, log_b_crit: np.ndarray) -> np.ndarray:
        """Which values lie so far outside the batches tried that these do not show them."""
        low, high = self.log_batch.min() - FAR, self.log_batch.max() + FAR
        return (log_b_crit < low) | (log_b_crit > high)

    def part(self, cell: int) -> Scan:
        """One cell alone."""
        here = self.cell == cell
        run, order = np.unique(self.run[here], return_inverse=True)
        return Scan(
            self.log_steps[here],
            self.log_batch[here],
            self.log_loss[here],
            self.log_size[here],
            np.zeros(int(here.sum()), int),
            order,
            tuple(self.run_ids[i] for i in run),
        )


def solve(scan: Scan, design: np.ndarray, log_steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of ln S = ln S_min[cell] + ln(1 + exp(design theta) / B).

    Parameters
    ----------
    design : ndarray, shape (row, parameter)
        ln B_crit = design theta; the first column is one.
    log_steps : ndarray, shape (table, row)
        Tables to fit in place of `scan.log_steps`.

    Returns
    -------
    theta : ndarray, shape (table, parameter)
    log_s_min : ndarray, shape (table, cell)
    """
    shares, (low, high) = scan.shares, scan.bounds

    def miss(theta):
        eta = np.clip(theta @ design.T, low, high) - scan.log_batch
        rest = log_steps - np.logaddexp(0.0, eta)
        return rest - (rest @ shares)[:, scan.cell], eta

    theta = np.zeros((len(log_steps), design.shape[1]))
    theta[:, 0] = _constant(scan, log_steps, shares)
    residual, eta = miss(theta)
    value, damping = np.sum(residual**2, axis=1), np.full(len(theta), 1e-3)
    eye = np.eye(design.shape[1])
    for _ in range(ROUNDS):
        jacobian = design / (1 + np.exp(-eta))[..., None]
        middle = np.swapaxes(np.swapaxes(jacobian, 1, 2) @ shares, 1, 2)
        jacobian = jacobian - middle[:, scan.cell]
        push = np.einsum("trp,tr->tp", jacobian, residual)
        normal = np.swapaxes(jacobian, 1, 2) @ jacobian
        ridge = damping[:, None] * (np.einsum("tpp->tp", normal) + 1e-9)
        step = np.linalg.solve(normal + ridge[..., None] * eye, push[..., None])[..., 0]
        tried = theta + step * _room(theta @ design.T, step @ design.T, low, high)
        new_residual, new_eta = miss(tried)
        new_value = np.sum(new_residual**2, axis=1)
        better = new_value < value
        moved = np.abs(tried - theta)[better]
        theta = np.where(better[:, None], tried, theta)
        residual = np.where(better[:, None], new_residual, residual)
        eta, value = np.where(better[:, None], new_eta, eta), np.where(better, new_value, value)
        damping = np.where(better, damping / 5, damping * 5).clip(1e-12, 1e9)
        if moved.size and moved.max() < 1e-7:
            break
    return theta, (log_steps - np.logaddexp(0.0, eta)) @ shares


def _constant(scan, log_steps, shares):
    """The best of a grid of values of ln B_crit, the same for all rows, for each table."""
    grid = np.linspace(scan.log_batch.min() - FAR, scan.log_batch.max() + FAR, 25)
    rest = log_steps[:, None] - np.logaddexp(0.0, grid[:, None] - scan.log_batch)
    spread = np.sum((rest - (rest @ shares)[..., scan.cell]) ** 2, axis=2)
    return grid[np.argmin(spread, axis=1)]


def _room(now, change, low, high):
    """How much of a step keeps ln B_crit of every row inside its bounds, shape (table, 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(change > 0, (high - now) / change, (low - now) / change)
    room = np.where(np.abs(change) < 1e-12, np.inf, room)
    return np.clip(room.min(axis=1, keepdims=True), 0.0, 1.0)


def fitted(scan: Scan, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """theta of the measured table, and its ln S, shapes (parameter,) and (row,)."""
    theta, log_s_min = solve(scan, design, scan.log_steps[None])
    eta = design @ theta[0] - scan.log_batch
    return theta[0], log_s_min[0][scan.cell] + np.logaddexp(0.0, eta)


def noise(
    scan: Scan, residual: np.ndarray, n_free: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """New noise of ln S, shape (draw, row): the residuals of each run turned over together.

    The losses that one run reaches lie on one curve, so its rows share a sign. They are scaled for
    what the fit took (`n_free` numbers of as many runs), and by a draw of the scale that so few
    runs leave open, which is what makes Student's t out of the normal distribution.
    """
    n_runs = len(scan.run_ids)
    freedom = n_runs - n_free
    signs = rng.choice([-1.0, 1.0], size=(draws, n_runs))
    scale = student.scales(freedom, draws, rng, runs=n_runs)
    return residual * signs[:, scan.run] * scale


def steady_curves(runs: pd.DataFrame, curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each run's curve at its full learning rate: without warm-up, and without a cooldown."""
    wanted = curves[curves["run_id"].isin(runs["run_id"])]
    return {str(run_id): near_highest_rate(curve) for run_id, curve in wanted.groupby("run_id")}


def steps_to_reach(step, loss, levels) -> np.ndarray:
    """The step at which a learning curve reaches each loss, shape (level,); NaN where it does not.

    The curve is first made monotone (isotonic least squares): the lowest of several noisy
    evaluations would be reached too early. Between evaluations the loss is linear in the log step.
    """
    from scipy.optimize import isotonic_regression

    x = np.log(np.asarray(step, float))
    smooth = isotonic_regression(np.asarray(loss, float), increasing=False)
    first, last = smooth.blocks[:-1], smooth.blocks[1:]
    x = np.add.reduceat(x, first) / (last - first)
    y = smooth.x[first]
    reached = np.interp(np.asarray(levels, float), y[::-1], x[::-1], left=np.nan, right=np.nan)
    return np.exp(reached)


def common_levels(
    ends: Sequence[tuple[np.ndarray, np.ndarray]], count: int, fewest: int = FEWEST
) -> np.ndarray:
    """Losses from high to low, evenly spaced in their logarithm.

    Parameters
    ----------
    ends : sequence of (first loss, last loss), each of shape (run,)
        For each model size, those of its runs. The levels lie where at least `fewest` runs of some
        size pass.
    """
    spans = [
        (np.sort(last)[fewest - 1], np.sort(first)[-fewest])
        for first, last in ends
        if len(first) >= fewest
    ]
    spans = [(low, high) for low, high in spans if low < high]
    if not spans:
        return np.empty(0)
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    return np.geomspace(high, low, count + 2)[1:-1]


def scan_of(runs: pd.DataFrame, steady: Mapping[str, pd.DataFrame], count: int) -> Scan | None:
    """The steps that every run took to each of `count` losses that it reached.

    A size and a loss with fewer than four batch sizes is left out; None where nothing is left.
    """
    curves = {
        run_id: (curve["step"].to_numpy(float), curve["loss"].to_numpy(float))
        for run_id, curve in steady.items()
        if len(curve) > 1
    }
    members = {
        float(size): [run_id for run_id in of_size["run_id"] if run_id in curves]
        for size, of_size in runs.groupby(SIZE)
    }
    ends = [
        tuple(np.array([curves[run_id][1][at] for run_id in ids]) for at in (0, -1))
        for ids in members.values()
    ]
    levels = common_levels(ends, count)
    tokens = (runs["n_tokens"].astype(float) / runs["steps"].astype(float)).set_axis(runs["run_id"])
    rows, n_cells = [], 0
    for size, ids in members.items():
        if not ids:  # none of its runs has a curve
            continue
        steps = np.array([steps_to_reach(*curves[run_id], levels) for run_id in ids])
        for level, at in zip(levels, steps.T, strict=True):
            there = np.isfinite(at)
            if len(set(tokens[ids][there])) < FEWEST:
                continue
            rows += [
                (
                    np.log(at[i]),
                    np.log(tokens[ids[i]]),
                    np.log(level),
                    np.log(size),
                    n_cells,
                    ids[i],
                )
                for i in np.flatnonzero(there)
            ]
            n_cells += 1
    if not rows:
        return None
    *columns, cell, run_id = (np.array(column) for column in zip(*rows, strict=True))
    run_ids, run = np.unique(run_id, return_inverse=True)
    return Scan(*columns, cell, run, tuple(run_ids.tolist()))
