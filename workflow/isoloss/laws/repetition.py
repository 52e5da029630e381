"""Scaling when tokens repeat and harm: the law of Lovelace et al. (2026)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.chinchilla import CHINCHILLA


@dataclass(frozen=True)
class RepetitionPenalty(Law):
    """L = E + A / N**alpha + B / D**beta + P R**delta (N / U)**kappa, R = D / U - 1.

    U are the unique tokens. With every token new R is zero, and the law is Hoffmann's sum. Else the
    loss rises again with more epochs, and sooner for larger models. The law of Muennighoff et al.
    (`data_constrained`) can only level off.
    """

    name: str = "repetition_penalty"
    formula: str = (
        "L(N, D, U) = E + A / N**alpha + B / D**beta + P R**delta (N / U)**kappa, R = D / U - 1"
    )
    source: str = "Lovelace et al. (2026), arXiv:2605.01640"
    variables: tuple[str, ...] = ("n_params", "n_tokens", "n_unique_tokens")
    parameters: tuple[Parameter, ...] = (
        coefficient("A", "loss", "loss due to finite size, at N = 1"),
        coefficient("B", "loss", "loss due to finite data, at D = 1"),
        coefficient("P", "loss", "loss due to one repetition, at N = U"),
        floor("E"),
        exponent("alpha", "how fast loss falls with N"),
        exponent("beta", "how fast loss falls with D"),
        exponent("delta", "how fast the harm grows with repetitions"),
        exponent("kappa", "how fast the harm grows with N / U"),
    )
    linear: tuple[str, ...] = ("A", "B", "P", "E")
    unlimited: ClassVar[tuple[str, ...]] = ("n_unique_tokens",)
    analytic = True

    def frontier(self, params):
        """ln G and a while every token is new: the optimum of Hoffmann's sum."""
        return CHINCHILLA.frontier(params)

    def derived(self, params):
        """a, b and G of the optimum while every token is new."""
        return CHINCHILLA.derived(params)

    def tie_for(self, derived, value):
        return CHINCHILLA.tie_for(derived, value)

    def _slopes(self, log_x):
        """By term, the places of its parameters and the slopes of its logarithm; who repeats."""
        n, d = log_x["n_params"], log_x["n_tokens"]
        u = np.minimum(log_x["n_unique_tokens"], d)
        repeats = d > u
        more = np.log(np.where(repeats, np.expm1(d - u), 1.0))
        ones = np.ones_like(d)
        return (
            ([0, 4], [ones, -n], ones),
            ([1, 5], [ones, -d], ones),
            ([2, 6, 7], [ones, more, n - u], repeats.astype(float)),
        )

    def _parts(self, theta, terms):
        return [
            there * np.exp(sum(theta[:, i, None] * x for i, x in zip(places, slopes, strict=True)))
            for places, slopes, there in terms
        ]

    def log_loss(self, theta, log_x):
        parts = self._parts(theta, self._slopes(log_x))
        return np.log(sum(parts) + theta[:, 3, None])

    def derivatives(self, theta, log_x, directions=None):
        terms = self._slopes(log_x)
        parts = self._parts(theta, terms)
        total = sum(parts) + theta[:, 3, None]
        gradient = np.empty((len(theta), 8, total.shape[1]))
        gradient[:, 3] = 1 / total
        shares = [part / total for part in parts]
        for (places, slopes, _), share in zip(terms, shares, strict=True):
            for i, slope in zip(places, slopes, strict=True):
                gradient[:, i] = share * slope

        def curvature(weights):
            result = np.zeros((len(theta), 8, 8))
            for (places, slopes, _), share in zip(terms, shares, strict=True):
                weighted = weights * share
                for i, one in zip(places, slopes, strict=True):
                    for j, other in zip(places, slopes, strict=True):
                        result[:, i, j] = weighted @ (one * other)
            return result

        return np.log(total), gradient, curvature

    def shapes(self, log_x, log_loss):
        found = grid(*[np.array([0.2, 0.4, 0.7])] * 2, np.array([0.5, 1.5]), np.array([0.3, 1.0]))
        theta = np.zeros((len(found), 8))
        theta[:, 4:] = found
        return theta

    def basis(self, theta, log_x):
        bare = theta.copy()
        bare[:, :3] = 0.0
        parts = self._parts(bare, self._slopes(log_x))
        return np.stack([*np.broadcast_arrays(*parts, np.ones_like(parts[0]))], axis=1)

    def centring(self, log_x):
        matrix = np.eye(8)
        for places, slopes, there in self._slopes(log_x):
            for i, slope in zip(places[1:], slopes[1:], strict=True):
                matrix[places[0], i] = -np.mean(slope[there > 0]) if there.any() else 0.0
        return matrix


REPETITION_PENALTY = RepetitionPenalty()
