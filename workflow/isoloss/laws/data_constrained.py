"""Scaling when tokens repeat: the data-constrained law of Muennighoff et al. (2023)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.chinchilla import CHINCHILLA


def repeats(name, meaning):
    """A positive scale of repetitions; the solver moves its logarithm."""
    return Parameter(name, "repetitions", meaning, log=True, lower=1e-3, upper=1e6)


@dataclass(frozen=True)
class DataConstrained(Law):
    """L = E + A / N'**alpha + B / D'**beta, where repeated tokens and excess parameters count less.

    D' = U_D (1 + R_D* (1 - exp(-R_D / R_D*))), with U_D unique tokens and R_D = D / U_D - 1.
    N' likewise from U_N, the compute-optimal size for U_D tokens (not more than N), and R_N.
    """

    name: str = "data_constrained"
    formula: str = (
        "L(N, D, U) = E + A / N'**alpha + B / D'**beta, D' = U_D (1 + R_D (1 - exp(-r_D / R_D))), "
        "r_D = D / U_D - 1, and N' likewise"
    )
    source: str = "Muennighoff et al. (2023), arXiv:2305.16264, Sec. 3 and App. A"
    variables: tuple[str, ...] = ("n_params", "n_tokens", "n_unique_tokens")
    parameters: tuple[Parameter, ...] = (
        coefficient("A", "loss", "loss due to finite size, at N' = 1"),
        coefficient("B", "loss", "loss due to finite data, at D' = 1"),
        floor("E"),
        exponent("alpha", "how fast loss falls with N'"),
        exponent("beta", "how fast loss falls with D'"),
        repeats("R_D", "repetitions after which a token has lost most of its worth"),
        repeats("R_N", "the same for parameters beyond the optimum for the unique tokens"),
    )
    linear: tuple[str, ...] = ("A", "B", "E")
    unlimited: ClassVar[tuple[str, ...]] = ("n_unique_tokens",)

    def frontier(self, params):
        """ln G and a while every token is new: the optimum of Hoffmann's sum.

        There N* is U_N, the size up to which parameters count in full.
        """
        return CHINCHILLA.frontier(params)

    def derived(self, params):
        """a, b and G of the optimum while every token is new."""
        return CHINCHILLA.derived(params)

    def tie_for(self, derived, value):
        return CHINCHILLA.tie_for(derived, value)

    def _effective(self, theta, log_x):
        """ln N' and ln D', shape (batch, row)."""
        a, b, _, alpha, beta, r_d, r_n = (theta[:, i, None] for i in range(7))
        log_n, log_d = log_x["n_params"], log_x["n_tokens"]
        log_u = np.minimum(log_x["n_unique_tokens"], log_d)
        with np.errstate(all="ignore"):
            log_g = (np.log(alpha) + a - np.log(beta) - b) / (alpha + beta)
            optimal = log_g * (1 + beta / alpha) + beta / alpha * log_u
        log_u_n = np.where(optimal.real < log_n, optimal, log_n)
        return _worth(log_n, log_u_n, r_n), _worth(log_d, log_u, r_d)

    def log_loss(self, theta, log_x):
        a, b, e, alpha, beta, *_ = (theta[:, i, None] for i in range(7))
        log_n, log_d = self._effective(theta, log_x)
        return np.log(np.exp(a - alpha * log_n) + np.exp(b - beta * log_d) + e)

    @np.errstate(all="ignore")
    def _gradient(self, theta, log_x, along):
        a, b, e, alpha, beta, r_d, r_n = (theta[:, i, None] for i in range(7))
        log_n, log_d = log_x["n_params"], log_x["n_tokens"]
        log_u = np.minimum(log_x["n_unique_tokens"], log_d)
        optimal = (np.log(alpha) - np.log(beta) + a - b + beta * log_u) / alpha
        limits = optimal < log_n
        log_u_n = np.where(limits, optimal, log_n)
        size, data = _worth(log_n, log_u_n, r_n), _worth(log_d, log_u, r_d)
        by_unique, by_star = _worth_slopes(log_n, log_u_n, r_n)
        by_unique = (
            np.where(limits, by_unique, 0.0) / alpha
        )  # of ln N', per unit of alpha * optimal
        size_term, data_term = np.exp(a - alpha * size), np.exp(b - beta * data)
        of_size, of_data = -alpha * size_term, -beta * data_term  # dL / d ln N', dL / d ln D'
        gradient = np.stack(
            [
                size_term + of_size * by_unique,
                data_term - of_size * by_unique,
                np.ones_like(size_term),
                -size_term * size + of_size * by_unique * (1 / alpha - optimal),
                -data_term * data + of_size * by_unique * (log_u - 1 / beta),
                of_data * _worth_slopes(log_d, log_u, r_d)[1],
                of_size * by_star,
            ],
            axis=1,
        )
        loss = size_term + data_term + e
        return np.log(loss), np.einsum("spn,pd->sdn", gradient / loss[:, None], along)

    def shapes(self, log_x, log_loss):
        found = grid(*[np.geomspace(0.2, 0.7, 3)] * 2, np.log([3, 50]), np.log([2, 20]))
        theta = np.zeros((len(found), 7))
        theta[:, 3:] = found
        # A and B that make the two terms equal at the optimal size; projection then changes them.
        theta[:, 0] = theta[:, 3] * np.mean(log_x["n_params"])
        theta[:, 1] = theta[:, 4] * np.mean(log_x["n_tokens"])
        return theta

    def basis(self, theta, log_x):
        log_n, log_d = self._effective(theta, log_x)
        parts = np.exp(-theta[:, 3, None] * log_n), np.exp(-theta[:, 4, None] * log_d)
        return np.stack([*parts, np.ones_like(log_n)], axis=1)

    def centring(self, log_x):
        matrix = np.eye(7)
        matrix[0, 3] = np.mean(log_x["n_params"])
        matrix[1, 4] = np.mean(log_x["n_tokens"])
        return matrix


def _worth(log_total, log_unique, log_star):
    """ln of U (1 + R* (1 - exp(-R / R*))), R = total / U - 1."""
    star = np.exp(log_star)
    repeated = np.exp(log_total - log_unique) - 1
    return log_unique + np.log(1 - star * np.expm1(-repeated / star))


def _worth_slopes(log_total, log_unique, log_star):
    """Derivatives of `_worth` by ln U and by ln R*."""
    star = np.exp(log_star)
    repeated = np.exp(log_total - log_unique) - 1
    new = np.exp(-repeated / star)  # the value of one more repetition
    worth = 1 - star * np.expm1(-repeated / star)
    return 1 - new * (repeated + 1) / worth, (worth - 1 - repeated * new) / worth


DATA_CONSTRAINED = DataConstrained()
