"""Tables like the one measured: what the draws of an interval are fitted to.

Resampling whole runs ("cluster") assumes nothing about the noise and keeps what belongs together,
but needs many runs: on a designed grid of a few dozen it loses whole rows of the design, and its
intervals are too narrow. "residual" keeps the design and draws new noise for it instead: residuals
are freed of the share that the fit took (leverage), of their size (which grows where the loss is
high), and put back on other rows.
"""

import numpy as np

MIN_CLUSTERS = 30  # below, resampling whole runs loses too much of the design


def cluster_weights(clusters: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row occurs when runs are drawn with replacement, shape (draw, row)."""
    number = int(clusters.max()) + 1
    counts = rng.multinomial(number, np.full(number, 1 / number), size=draws)
    return counts[:, clusters].astype(float)


def noise_scale(residual: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The standard deviation of each row's residual, as exp(g0 + g1 level), shape (row,).

    A regression of ln|residual| on the fitted log loss, its slope shrunk towards none by the
    variance that ln|noise| has by itself; with fewer than 12 rows the slope is not estimated.
    """
    if len(residual) < 12 or np.ptp(level) == 0:
        return np.full(len(residual), np.sqrt(np.mean(residual**2)))
    size = np.log(np.maximum(np.abs(residual), 1e-3 * np.median(np.abs(residual)) + 1e-300))
    centred = level - level.mean()
    slope = centred @ size / (centred @ centred)
    variance = 1.2337 / (centred @ centred)  # pi**2 / 8: of ln|z| for a normal z
    slope *= max(0.0, 1 - variance / slope**2) if slope else 0.0
    scale = np.exp(slope * centred)
    return scale * np.sqrt(np.mean((residual / scale) ** 2))


def residual_losses(
    fitted: np.ndarray,
    residual: np.ndarray,
    jacobian: np.ndarray,
    n_free: int,
    draws: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
):
    """New log losses on the same design, shape (draw, row).

    Parameters
    ----------
    fitted, residual : ndarray, shape (row,)
        Fitted log loss, and measured minus fitted.
    jacobian : ndarray, shape (row, free parameter)
    groups : ndarray of int, optional, shape (row,)
        Rows of a group share one sign (and keep their own residuals): what belongs to one run
        moves together. Without it residuals are drawn anew for every row.
    """
    n = len(residual)
    scale = noise_scale(residual, fitted)
    basis = np.linalg.qr(jacobian / scale[:, None])[0]
    leverage = np.minimum(np.sum(basis**2, axis=1), 0.99)
    if groups is not None:
        number = int(groups.max()) + 1
        signs = rng.choice([-1.0, 1.0], size=(draws, number))
        factor = np.sqrt(number / max(number - n_free, 1))
        return fitted + signs[:, groups] * residual * factor
    unit = residual / scale / np.sqrt(1 - leverage)
    unit -= unit.mean()
    variance = np.sum((residual / scale) ** 2) / (n - n_free)
    unit *= np.sqrt(variance / max(np.mean(unit**2), 1e-300))
    return fitted + rng.choice(unit, size=(draws, n)) * scale
