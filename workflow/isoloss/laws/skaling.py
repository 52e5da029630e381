"""The joint law of Videau et al. (2026), which holds Hoffmann's sum and Kaplan's joint law."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.chinchilla import CHINCHILLA

PLACES = {name: i for i, name in enumerate(("A", "B", "E", "alpha", "beta", "k"))}
REDUCIBLE = [0, 1, 3, 4, 5]  # the places of all parameters but E


@dataclass(frozen=True)
class Skaling(Law):
    """L = E + (A / N**alpha + B / D**beta)**k: k = 1 is Hoffmann's sum.

    E = 0 and beta = 1 is Kaplan's Eq. 1.5, with k = alpha_D. The solver moves ln X = k ln A,
    ln Y = k ln B, E, p = k alpha, q = k beta, and k. X / N**p and Y / D**q are the reducible loss
    where size alone, or data alone, limits it. They hardly depend on k, which says how the two join
    in between: as their sum with k = 1, as the larger of them with k = 0.
    """

    name: str = "skaling"
    formula: str = "L(N, D) = E + (A / N**alpha + B / D**beta)**k"
    source: str = "Videau et al. (2026), arXiv:2608.07222"
    variables: tuple[str, ...] = ("n_params", "n_tokens")
    parameters: tuple[Parameter, ...] = (
        coefficient("A", "loss**(1 / k)", "due to finite size, at N = 1"),
        coefficient("B", "loss**(1 / k)", "due to finite data, at D = 1"),
        floor("E"),
        exponent("alpha", "k alpha is how fast loss falls with N when data do not limit"),
        exponent("beta", "k beta is how fast loss falls with D when size does not limit"),
        Parameter("k", "", "how the two limits join; 1 is their sum", lower=0.05, upper=5.0),
    )
    linear: tuple[str, ...] = ("A", "B", "E")
    trade_offs: ClassVar[tuple[tuple[str, str], ...]] = (
        ("k", "E"),
        ("k", "alpha"),
        ("k", "beta"),
    )
    analytic = True

    @property
    def separated(self):
        """The same law in ln A, ln B, E, alpha, beta and k."""
        return SkalingSeparated()

    def natural(self, theta):
        x, y, e, p, q, k = np.moveaxis(np.asarray(theta, float), -1, 0)
        with np.errstate(all="ignore"):
            return np.stack([np.exp(x / k), np.exp(y / k), e, p / k, q / k, k], axis=-1)

    def internal(self, params):
        a, b, e, alpha, beta, k = (np.asarray(params[name], float) for name in self.names)
        with np.errstate(divide="ignore"):
            return np.array([k * np.log(a), k * np.log(b), e, k * alpha, k * beta, k])

    def frontier(self, params):
        """ln G and a of N* = G (C / K)**a, as Hoffmann's: the least sum has the least power."""
        return CHINCHILLA.frontier(params)

    def derived(self, params):
        """a, b and G of the optimum, as Hoffmann's."""
        return CHINCHILLA.derived(params)

    def tie_for(self, derived, value):
        return CHINCHILLA.tie_for(derived, value)

    def _terms(self, theta, log_x):
        """ln of the reducible loss by size alone, and by data alone."""
        x, y, _, p, q, _ = (theta[:, i, None] for i in range(6))
        return x - p * log_x["n_params"], y - q * log_x["n_tokens"]

    def log_loss(self, theta, log_x):
        size, data = self._terms(theta, log_x)
        floor_, k = theta[:, 2, None], theta[:, 5, None]
        top = np.maximum(size.real, data.real)
        joined = np.exp((size - top) / k) + np.exp((data - top) / k)
        return np.log(floor_ + np.exp(top + k * np.log(joined)))

    def derivatives(self, theta, log_x, directions=None):
        """The reducible loss R has ln R = ln Y + k softplus((ln X - ln Y) / k) at each row.

        So its gradient holds the share w of size, 1 - w, and the entropy of the two for k. Its
        second derivatives are w (1 - w) / k times the square of one vector.
        """
        size, data = self._terms(theta, log_x)
        k = theta[:, 5, None]
        apart = (size - data) / k
        small = np.exp(-np.abs(apart))
        of_less = small / (1 + small)  # the share of the smaller term
        more = np.log1p(small)
        share = np.where(apart > 0, 1 - of_less, of_less)
        reducible = np.exp(np.maximum(size, data) + k * more)
        inverse = 1 / (theta[:, 2, None] + reducible)
        part = reducible * inverse
        n, d = log_x["n_params"], log_x["n_tokens"]
        gradient = np.empty((len(theta), 6, part.shape[1]))
        by_size = np.multiply(part, share, out=gradient[:, 0])
        by_data = np.subtract(part, by_size, out=gradient[:, 1])
        gradient[:, 2] = inverse
        np.multiply(by_size, -n, out=gradient[:, 3])
        np.multiply(by_data, -d, out=gradient[:, 4])
        np.multiply(part, more + of_less * np.abs(apart), out=gradient[:, 5])

        def curvature(weights):
            result = np.zeros((len(theta), 6, 6))
            slope = gradient[:, REDUCIBLE]  # R's own, times R / L: so divide by that once
            bend = np.empty_like(slope)
            bend[:, 0], bend[:, 1], bend[:, 2], bend[:, 3], bend[:, 4] = 1.0, -1.0, -n, d, -apart
            spread = weights * part * share * (1 - share) / k
            both = (slope * (weights / part)[:, None]) @ slope.transpose(0, 2, 1)
            both += (bend * spread[:, None]) @ bend.transpose(0, 2, 1)
            result[:, [[i] for i in REDUCIBLE], REDUCIBLE] = both
            return result

        return -np.log(inverse), gradient, curvature

    def shapes(self, log_x, log_loss):
        slopes = np.geomspace(0.06, 0.9, 4)
        theta = np.zeros((32, 6))
        theta[:, 3:] = grid(slopes, slopes, np.array([0.2, 1.0]))
        # The two terms are equal at the middle run; the projection then moves both.
        theta[:, 0] = theta[:, 3] * np.median(log_x["n_params"])
        theta[:, 1] = theta[:, 4] * np.median(log_x["n_tokens"])
        return theta

    def basis(self, theta, log_x):
        """R's slope by X and by Y: R is X times the one and Y times the other (Euler)."""
        size, data = self._terms(theta, log_x)
        k = theta[:, 5, None]
        joined = k * np.logaddexp(size / k, data / k)
        slopes = (
            np.exp(joined + (term - joined) / k - start[:, None])
            for term, start in ((size, theta[:, 0]), (data, theta[:, 1]))
        )
        return np.stack([*slopes, np.ones_like(joined)], axis=1)

    def centring(self, log_x):
        matrix = np.eye(6)
        matrix[0, 3] = np.mean(log_x["n_params"])
        matrix[1, 4] = np.mean(log_x["n_tokens"])
        return matrix


@dataclass(frozen=True)
class SkalingSeparated(Skaling):
    """`Skaling` in ln A, ln B, E, alpha, beta and k, for fits that fix or tie some of them."""

    coefficient_range: ClassVar[tuple[float, float]] = (-800.0, 800.0)

    @property
    def separated(self):
        """The law itself."""
        return self

    @property
    def joined(self):
        """The law in the coordinates of `Skaling`."""
        return SKALING

    def natural(self, theta):
        return Law.natural(self, theta)

    def internal(self, params):
        return Law.internal(self, params)

    def log_loss(self, theta, log_x):
        return super().log_loss(_joined(theta), log_x)

    def derivatives(self, theta, log_x, directions=None):
        value, joined, curvature = super().derivatives(_joined(theta), log_x)
        k = theta[:, 5]
        turn = np.zeros((len(theta), 6, 6))  # of derivatives by the other coordinates
        for i in range(6):
            turn[:, i, i] = k if i in (0, 1, 3, 4) else 1.0
        for i in (0, 1, 3, 4):
            turn[:, 5, i] = theta[:, i]

        def turned(weights):
            result = turn @ curvature(weights) @ turn.transpose(0, 2, 1)
            cross = np.einsum("spn,sn->sp", joined, weights)
            for i in (0, 1, 3, 4):
                result[:, i, 5] += cross[:, i]
                result[:, 5, i] += cross[:, i]
            return result

        return value, turn @ joined, turned


def _joined(theta):
    """The coordinates of `Skaling` from those of `SkalingSeparated`."""
    a, b, e, alpha, beta, k = np.moveaxis(theta, -1, 0)
    return np.stack([k * a, k * b, e, k * alpha, k * beta, k], axis=-1)


SKALING = Skaling()
