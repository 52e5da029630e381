"""Scaling when tokens repeat: the data-constrained law of Muennighoff et al. (2023)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.chinchilla import CHINCHILLA

# Places in theta that each term depends on: ln A, ln B, alpha, beta, ln R_N; ln B, beta, ln R_D.
OF_FIRST, OF_SECOND = np.array([0, 1, 3, 4, 6]), np.array([1, 4, 5])


ENDLESS = 300.0  # ln of repetitions whose square still is a number; another is worth nothing


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
    analytic = True

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
    def derivatives(self, theta, log_x, directions=None):
        a, b, e, alpha, beta, r_d, r_n = (theta[:, i, None] for i in range(7))
        log_n, log_d = log_x["n_params"], log_x["n_tokens"]
        log_u = np.minimum(log_x["n_unique_tokens"], log_d)
        optimal = (np.log(alpha) - np.log(beta) + a - b + beta * log_u) / alpha
        limits = optimal < log_n
        size, (of_u, of_r), (u_u, u_r, r_r) = _worth_slopes(
            log_n, np.where(limits, optimal, log_n), r_n
        )
        data, (_, of_star), (_, _, star_star) = _worth_slopes(log_d, log_u, r_d)
        # d ln U_N by a, b, alpha and beta; zero where U_N is N itself.
        parts = np.broadcast_arrays(1.0, -1.0, 1 / alpha - optimal, log_u - 1 / beta)
        u = np.where(limits[:, None], np.stack(parts, axis=1) / alpha[:, None], 0.0)
        first, second = np.exp(a - alpha * size), np.exp(b - beta * data)
        loss = first + second + e
        first, second = first / loss, second / loss  # shares of the loss
        ln_first = -(alpha * of_u)[:, None] * u  # d ln(part) by a, b, alpha and beta
        ln_first[:, 0] += 1.0
        ln_first[:, 2] -= size
        ln_first = np.concatenate([ln_first, (-alpha * of_r)[:, None]], axis=1)
        ln_second = np.stack(np.broadcast_arrays(1.0, -data, -beta * of_star), axis=1)
        gradient = np.zeros((len(theta), 7, loss.shape[1]))
        gradient[:, 2] = 1 / loss
        gradient[:, OF_FIRST] = first[:, None] * ln_first
        gradient[:, OF_SECOND] += second[:, None] * ln_second

        @np.errstate(all="ignore")
        def curvature(weights):
            total = np.zeros((len(theta), 7, 7))
            weighted = (weights * first)[:, None]
            bend = weighted[:, 0]
            block = (weighted * ln_first) @ ln_first.transpose(0, 2, 1)
            block[:, :4, :4] -= (weighted * (alpha * u_u)[:, None] * u) @ u.transpose(0, 2, 1)
            mixed = np.sum(weighted * (alpha * u_r)[:, None] * u, axis=2)
            mixed[:, 2] += np.sum(bend * of_r, axis=1)
            block[:, :4, 4] -= mixed
            block[:, 4, :4] -= mixed
            block[:, 4, 4] -= np.sum(bend * alpha * r_r, axis=1)
            # The two other terms of the curvature of U_N cancel those of alpha ln N'.
            for place, rate, sign in ((2, alpha, 1), (3, beta, -1)):
                bent = of_u * np.where(limits, sign / rate**2, 0.0)
                block[:, place, place] += np.sum(bend * bent, axis=1)
            total[:, OF_FIRST[:, None], OF_FIRST] = block
            bend = weights * second
            block = (bend[:, None] * ln_second) @ ln_second.transpose(0, 2, 1)
            mixed = np.sum(bend * of_star, axis=1)
            block[:, 1, 2] -= mixed
            block[:, 2, 1] -= mixed
            block[:, 2, 2] -= np.sum(bend * beta * star_star, axis=1)
            total[:, OF_SECOND[:, None], OF_SECOND] += block
            return total

        return np.log(loss), gradient, curvature

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
    """`_worth`; its first derivatives by ln U and ln R*; its second: of U, of both, and of R*."""
    star = np.exp(log_star)
    repeated = np.exp(np.minimum(log_total - log_unique, ENDLESS)) - 1
    new = np.exp(-repeated / star)  # the value of one more repetition
    worth = 1 - star * np.expm1(-repeated / star)
    all_new, ratio = new * (repeated + 1), repeated / star
    of_u, of_r = -all_new / worth, (worth - 1 - repeated * new) / worth
    u_u = all_new * (1 - (repeated + 1) / star) / worth - of_u**2
    u_r = -all_new * ratio / worth - of_u * of_r
    r_r = of_r - repeated * new * ratio / worth - of_r**2
    return log_unique + np.log(worth), (1 + of_u, of_r), (u_u, u_r, r_r)


DATA_CONSTRAINED = DataConstrained()
