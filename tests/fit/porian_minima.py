"""IsoFLOP minima by interpolation, with seed noise of a size that is known.

Porian et al. (2024, arXiv:2406.19146), Sec. 3: at each budget an Akima spline of ln L over ln N
goes through every size. Noise is added to the losses many times; N* is the median of the minima
that lie between the sizes, and their spread weighs the budget in the line ln N* against ln C. A
spline follows any valley, however lopsided, and its noise as well: where the noise of a seed is not
known, valleys of one smooth shape (`isoloss.fit.isoflop`) are the better choice.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.fit.near_lowest import EDGE, FEW, INTERIOR, Valley, line
from isoloss.stats.intervals import Estimate, estimate

FINE = 25  # points between two sizes at which the spline is read
LEAST_SD = 0.33  # of ln N*, in units of the sizes' spacing: the spline cannot resolve less
MIN_RUNS = 3


@dataclass(frozen=True)
class Minima:
    """N* ~ C**a through the minima, and the valleys that they are of."""

    a: Estimate
    valleys: tuple[Valley, ...]


@dataclass(frozen=True)
class SeedNoise:
    """Standard deviation of a loss over seeds: `low` up to `from_loss`, `high` from `to_loss` on.

    Between, its logarithm is linear in the logarithm of the loss.
    """

    low: float = 0.002
    high: float = 0.05
    from_loss: float = 3.0
    to_loss: float = 7.0

    def __call__(self, loss) -> np.ndarray:
        ends = np.log([self.from_loss, self.to_loss]), np.log([self.low, self.high])
        return np.exp(np.interp(np.log(loss), *ends))


def allocation(
    compute, n_params, loss, noise: SeedNoise, *, level: float = 0.9, draws: int = 1000,
    seed: int = 0,
) -> Minima:  # fmt: skip
    """The minima of all budgets of a table, and the weighted line through them.

    Parameters
    ----------
    compute, n_params, loss : array, shape (row,)
        Rows of one budget have the same compute; of one size's rows there the lowest counts.

    Raises
    ------
    UserError
        Fewer than three budgets have a minimum between their sizes in half of the draws.
    """
    compute, n_params, loss = (np.asarray(v, float) for v in (compute, n_params, loss))
    rng = np.random.default_rng(seed)
    valleys, minima, sds = [], [], []
    for budget in np.unique(compute):
        here = compute == budget
        found, drawn, sd = _valley(float(budget), n_params[here], loss[here], noise, draws, rng)
        valleys.append(found)
        if found.status == INTERIOR:
            minima.append(drawn)
            sds.append(sd)
    good = [v for v in valleys if v.status == INTERIOR]
    if len(good) < 3:
        text = f"of {len(valleys)} budgets {len(good)} have a minimum between their sizes"
        raise UserError("isoflop", [f"{text}, and three are needed"])
    log_c = np.log([v.compute for v in good])
    a, _ = line(np.exp(log_c), [v.n_opt for v in good], sds)
    drawn = np.array([line(np.exp(log_c), np.exp(row), sds)[0] for row in _rows(minima)])
    return Minima(estimate(a, drawn, level, ""), tuple(valleys))


def _valley(compute, n, loss, noise, draws, rng):
    """The valley of one budget, its drawn ln N*, and the sd that weighs it."""
    from scipy.interpolate import Akima1DInterpolator

    sizes = np.unique(n)
    loss = np.array([loss[n == size].min() for size in sizes])
    if len(sizes) < MIN_RUNS:
        return Valley(compute, sizes, loss, FEW, None, None), None, None
    log_n = np.log(sizes)
    at = np.linspace(log_n[0], log_n[-1], (len(sizes) - 1) * FINE)
    noisy = loss + noise(loss) * rng.standard_normal((draws, len(loss)))
    curves = Akima1DInterpolator(log_n, np.log(noisy), axis=1)(at)
    place = curves.argmin(axis=1)
    inside = (place > 0) & (place < len(at) - 1)
    if inside.sum() < draws / 2:
        return Valley(compute, sizes, loss, EDGE, None, None), None, None
    drawn = at[place[inside]]
    least = LEAST_SD * FINE * (at[1] - at[0])
    sd = max(float(np.std(drawn)), least) * draws / inside.sum()
    lowest = float(np.exp(np.median(curves[inside].min(axis=1))))
    found = Valley(compute, sizes, loss, INTERIOR, float(np.exp(np.median(drawn))), lowest)
    return found, drawn, sd


def _rows(minima):
    """One minimum of each budget a draw, as many as the budget with the fewest has."""
    count = min(map(len, minima))
    return np.stack([drawn[:count] for drawn in minima], axis=1)
