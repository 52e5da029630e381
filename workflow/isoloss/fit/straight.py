"""Coordinates in which the valley of a badly known floor is straight.

A floor E trades off with a term A / x**alpha: E falls, A grows and alpha falls, while the loss of
every run stays. In E, ln A and alpha that valley is curved, and a Newton method crawls along it. In
E, the term's size T and its slope s = alpha T at the centre of the runs it is straight to first
order, since T - s u + s**2 u**2 / (2 T) is the term at a distance u of ln x from there.

Bates and Watts (1980, J. R. Stat. Soc. B 42, 1-25) call such curvature a parameter effect: it
belongs to the coordinates, not to the law.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SMALLEST_SIZE = 1e-12  # of a term, in units of the loss


@dataclass(frozen=True)
class Straight:
    """The map between z, with ln T and alpha of some terms, and w, with their T and s.

    Attributes
    ----------
    sizes, slopes : ndarray of int, shape (term,)
        Places in z of ln T and of alpha of each term.
    """

    sizes: np.ndarray
    slopes: np.ndarray

    def w(self, z: np.ndarray) -> np.ndarray:
        """z of shape (..., parameter) as w."""
        moved = z.copy()
        size = np.maximum(np.exp(z[..., self.sizes]), SMALLEST_SIZE)
        moved[..., self.sizes] = size
        moved[..., self.slopes] = z[..., self.slopes] * size
        return moved

    def z(self, w: np.ndarray) -> np.ndarray:
        """w of shape (..., parameter) as z."""
        moved = w.copy()
        moved[..., self.sizes] = np.log(w[..., self.sizes])
        moved[..., self.slopes] = w[..., self.slopes] / w[..., self.sizes]
        return moved

    def bounds(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of w: those of the other parameters, and alpha >= 0. No alpha is bound above."""
        lower, upper = lower.copy(), upper.copy()
        lower[self.sizes], upper[self.sizes] = SMALLEST_SIZE, np.inf
        lower[self.slopes], upper[self.slopes] = 0.0, np.inf
        return lower, upper

    def vanished(self, w: np.ndarray) -> np.ndarray:
        """Where some term has no size left, so that w is at a bound that z does not have."""
        return np.any(w[..., self.sizes] <= 2 * SMALLEST_SIZE, axis=-1)

    def evaluator(self, evaluate: Callable) -> Callable:
        """The function of w that `newton.minimise` evaluates, from that of z."""

        @np.errstate(all="ignore")
        def straightened(w, which):
            value, gradient, hessian, majorant = evaluate(self.z(w), which)
            sizes, slopes = self.sizes, self.slopes
            by_size, by_slope = gradient[:, sizes], gradient[:, slopes]
            size = w[:, sizes]
            alpha = w[:, slopes] / size
            # d ln T = dT / T; d alpha = (ds - alpha dT) / T
            turn = np.zeros(hessian.shape)
            turn[:, np.arange(w.shape[1]), np.arange(w.shape[1])] = 1.0
            turn[:, sizes, sizes] = turn[:, slopes, slopes] = 1 / size
            turn[:, slopes, sizes] = -alpha / size
            back = turn.transpose(0, 2, 1)
            hessian = back @ hessian @ turn
            hessian[:, sizes, sizes] += (2 * alpha * by_slope - by_size) / size**2
            hessian[:, sizes, slopes] -= by_slope / size**2
            hessian[:, slopes, sizes] -= by_slope / size**2
            return (
                value,
                (back @ gradient[..., None])[..., 0],
                hessian,
                back @ majorant @ turn,
            )

        return straightened
