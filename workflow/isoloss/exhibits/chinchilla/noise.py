"""The noise of a grid's losses, and losses like those measured.

Nothing is assumed of the law: the noise is what a polynomial in ln N and ln D leaves of ln L. Its
degree rises with the runs that there are, as the corrected information criterion says (AICc,
Hurvich and Tsai 1989): a cubic would take the plateau before a model learns words for noise. Runs
of one size and seed may share a trunk, and so its luck: how much of the variance they have in
common is estimated, and drawn in common.
"""

from dataclasses import dataclass

import numpy as np

from isoloss.exhibits.chinchilla.design import Design
from isoloss.fit.noise import DOUBT, noise_of

FEWEST_FOR_CUBIC = 20  # runs: twice its coefficients
HIGHEST_DEGREE = 8
PER_COLUMN = 4  # runs at least for each coefficient, above a cubic
PER_POWER = 3  # sizes at least for each power of ln N, above a cubic


@dataclass(frozen=True)
class Draws:
    """Noise of ln L for a number of studies like the one measured; row 0 is without any.

    Row 0 is what an approach makes of the smooth losses: draws are compared with it.

    Attributes
    ----------
    smooth : ndarray, shape (run,)
        ln L without noise, by the polynomial.
    runs : ndarray, shape (1 + draw, run)
        Noise of the final losses. A learning curve has that of its last loss throughout: its points
        are no measurements of their own.
    sd : float
        Standard deviation of ln L at the design's mean level of loss.
    shared : float
        Share of the variance that runs of one trunk have in common.
    """

    smooth: np.ndarray
    runs: np.ndarray
    sd: float
    shared: float

    def __len__(self) -> int:
        return len(self.runs)


def draw_noise(design: Design, draws: int, seed: int = 0) -> Draws:
    """Draw the noise of a design's runs."""
    log_n = design.log_n["embeddings"][design.size]
    columns, in_n = best_polynomial(log_n, design.log_d, design.log_loss)

    def fit_weighted(weights):
        root = np.sqrt(weights)[:, None]
        found = np.linalg.lstsq(columns * root, design.log_loss * root[:, 0], rcond=None)[0]
        return design.log_loss - columns @ found, columns

    level = design.log_loss - fit_weighted(np.ones(len(columns)))[0]
    noise = noise_of(fit_weighted, level, columns.shape[1])
    weights = np.exp(-2 * noise.slope * noise.level)
    residual = fit_weighted(weights)[0]
    trunk = design.trunk
    parts = _components(residual * np.sqrt(weights), trunk, columns.shape[1], in_n + 1)
    rng = np.random.default_rng(seed)
    between, within = parts.draw(draws, rng)
    common = rng.standard_normal((draws, trunk.max() + 1))[:, trunk]
    own = rng.standard_normal((draws, len(residual)))
    slope = noise.slope + DOUBT * noise.slope_se * rng.standard_normal((draws, 1))
    unit = np.sqrt(between)[:, None] * common + np.sqrt(within)[:, None] * own
    unit, slope = np.vstack([0 * unit[:1], unit]), np.vstack([[[noise.slope]], slope])
    return Draws(
        smooth=design.log_loss - residual,
        runs=unit * np.exp(slope * noise.level),
        sd=float(np.sqrt(parts.between + parts.within)),
        shared=parts.between / max(parts.between + parts.within, 1e-300),
    )


def best_polynomial(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, int]:
    """The columns of the polynomial in x and y that describes values best, by AICc.

    A square one where there are fewer than 20 values, otherwise a cubic one or, with four values
    for each of its coefficients, a higher one. Above a cubic it has three sizes for
    each power of x: a higher one would take the luck of single sizes for a law.

    Parameters
    ----------
    x, y, values : ndarray, shape (run,)
        ln N, ln D and ln L.

    Returns
    -------
    ndarray, shape (run, coefficient)
    int
        The highest power of x.
    """
    n = len(values)
    if n < FEWEST_FOR_CUBIC:
        return polynomial(x, y, 2), 2
    highest_in_x = max(3, len(np.unique(x)) // PER_POWER)
    tried = [
        (polynomial(x, y, degree, highest_in_x), min(degree, highest_in_x))
        for degree in range(3, HIGHEST_DEGREE + 1)
    ]
    tried = [one for one in tried if n >= PER_COLUMN * one[0].shape[1]] or tried[:1]
    return min(tried, key=lambda one: _aicc(one[0], values))


def _aicc(columns, values):
    n, k = columns.shape
    fitted, _, rank, _ = np.linalg.lstsq(columns, values, rcond=None)
    if rank < k or n < k + 2:
        return np.inf
    left = max(float(np.sum((values - columns @ fitted) ** 2)), np.finfo(float).tiny)
    return n * np.log(left / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def polynomial(x: np.ndarray, y: np.ndarray, degree: int, in_x: int | None = None) -> np.ndarray:
    """Columns x**i y**j with i + j <= degree and i <= in_x, of x and y about 0 and within 1."""
    x, y = (z / max(np.abs(z).max(), np.finfo(float).tiny) for z in (x - x.mean(), y - y.mean()))
    in_x = degree if in_x is None else min(in_x, degree)
    powers = [(i, j) for i in range(in_x + 1) for j in range(degree + 1 - i)]
    return np.stack([x**i * y**j for i, j in powers], axis=1)


@dataclass(frozen=True)
class _Components:
    """Mean squares between and within trunks, and what they rest on."""

    between_square: float
    within_square: float
    freedom: tuple[int, int]
    per_trunk: float

    @property
    def between(self) -> float:
        """The variance that runs of a trunk have in common."""
        return max(0.0, (self.between_square - self.within_square) / self.per_trunk)

    @property
    def within(self) -> float:
        return self.within_square

    def draw(self, draws, rng):
        """Both variances, as the runs leave them uncertain (scaled inverse chi-squares)."""
        between, within = (
            square * freedom / rng.chisquare(freedom, size=draws)
            for square, freedom in zip(
                (self.between_square, self.within_square), self.freedom, strict=True
            )
        )
        return np.maximum(0.0, (between - within) / self.per_trunk), within


def _components(residual, trunk, n_columns, taken):
    """Analysis of variance by trunk; `taken` of the polynomial's columns are between sizes."""
    counts = np.bincount(trunk).astype(float)
    means = np.bincount(trunk, residual) / counts
    freedom = (
        max(len(counts) - taken, 1),
        max(len(residual) - len(counts) - (n_columns - taken), 1),
    )
    return _Components(
        between_square=float(np.sum(counts * means**2)) / freedom[0],
        within_square=float(np.sum((residual - means[trunk]) ** 2)) / freedom[1],
        freedom=freedom,
        per_trunk=float(counts.mean()),
    )
