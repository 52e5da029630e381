"""M3 and M4 of Alabdulmohsin et al. (2022): laws of one variable that saturate at either end."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.broken import softplus

HALLEY_STEPS = 40  # for M4's implicit equation, which is monotone; 3 to 5 are usual


@dataclass(frozen=True)
class M3(Law):
    """L = beta (1 / x + gamma)**c: close to the limit, the excess loss is no power law."""

    name: str = "m3"
    formula: str = "L(x) = beta (x**-1 + gamma)**c"
    source: str = "Alabdulmohsin et al. (2022), arXiv:2209.06640, M3"
    variables: tuple[str, ...] = ("x",)
    parameters: tuple[Parameter, ...] = (
        coefficient("beta", "loss", "scale"),
        Parameter("gamma", "1 / x", "where the fall ends", log=True, lower=1e-40),
        exponent("c", "how fast loss falls with x"),
    )
    linear: tuple[str, ...] = ("beta",)

    def log_loss(self, theta, log_x):
        return theta[:, 0, None] + self._log_shape(theta, log_x)

    def _log_shape(self, theta, log_x):
        v = theta[:, 1, None] + log_x["x"]
        return theta[:, 2, None] * (softplus(v) - log_x["x"])

    analytic = True

    def derivatives(self, theta, log_x, directions=None):
        v, c = theta[:, 1, None] + log_x["x"], theta[:, 2, None]
        soft = softplus(v)
        share, inside = np.exp(v - soft), soft - log_x["x"]
        gradient = np.stack([np.ones_like(v), c * share, inside], axis=1)

        def curvature(weights):
            result = (gradient * weights[:, None]) @ gradient.transpose(0, 2, 1)
            cross = np.sum(weights * share, axis=1)
            result[:, 1, 1] += np.sum(weights * c * share * (1 - share), axis=1)
            result[:, 1, 2] += cross
            result[:, 2, 1] += cross
            return result

        return theta[:, 0, None] + c * inside, gradient, curvature

    def shapes(self, log_x, log_loss):
        ends = -np.linspace(log_x["x"].min(), log_x["x"].max() + 3, 8)
        found = grid(ends, np.geomspace(0.03, 3, 8))
        return np.column_stack([np.zeros(len(found)), found])

    def basis(self, theta, log_x):
        return np.exp(self._log_shape(theta, log_x))[:, None]

    def centring(self, log_x):
        matrix = np.eye(3)
        matrix[0, 2] = np.mean(log_x["x"])
        return matrix


@dataclass(frozen=True)
class M4(Law):
    """(L - E) / (L0 - L)**alpha = beta x**-c, solved for L: a sigmoid from L0 down to E.

    With p = (L - E) / gap = 1 / (1 + e**-v) and gap = L0 - E the equation is F(v, alpha) = R:
    F = ln p - alpha ln(1 - p), R = ln beta - c ln x - (1 - alpha) ln gap.
    """

    name: str = "m4"
    formula: str = "(L - E) / (L0 - L)**alpha = beta x**-c"
    source: str = "Alabdulmohsin et al. (2022), arXiv:2209.06640, M4"
    variables: tuple[str, ...] = ("x",)
    parameters: tuple[Parameter, ...] = (
        floor("E"),
        Parameter("L0", "loss", "loss without training", log=True),
        Parameter("alpha", "", "how long the loss stays near L0", lower=0.01, upper=10.0),
        Parameter("beta", "loss**(1 - alpha)", "scale", log=True),
        exponent("c", "how fast loss falls with x, in the end"),
    )

    def _sigmoid(self, theta, log_x):
        """v, and L0 - E."""
        floor_, top, alpha, beta, c = (theta[:, i, None] for i in range(5))
        with np.errstate(all="ignore"):
            gap = np.exp(top) - floor_
            return _solve_sigmoid(beta - c * log_x["x"] - (1 - alpha) * np.log(gap), alpha), gap

    def log_loss(self, theta, log_x):
        v, gap = self._sigmoid(theta, log_x)
        with np.errstate(all="ignore"):
            return np.log(theta[:, 0, None] + gap * np.exp(-softplus(-v)))

    analytic = True

    @np.errstate(all="ignore")
    def derivatives(self, theta, log_x, directions=None):
        """Derivatives by the implicit function theorem: v changes so that F = R holds."""
        v, gap = self._sigmoid(theta, log_x)
        top, alpha = np.exp(theta[:, 1, None]), theta[:, 2, None]
        soft = softplus(v)
        p = np.exp(v - soft)
        f_v, rise = (1 - p) + alpha * p, p * (1 - p)
        loss = theta[:, 0, None] + gap * p
        r_gap, log_gap = -(1 - alpha) / gap, np.log(gap)
        v_slope = (
            np.stack(
                np.broadcast_arrays(-r_gap, r_gap * top, log_gap - soft, 1.0, -log_x["x"] + 0 * v),
                1,
            )
            / f_v[:, None]
        )
        by_gap = np.zeros((len(theta), 5))  # d gap / d theta
        by_gap[:, 0], by_gap[:, 1] = -1.0, top[:, 0]
        gradient = v_slope * (gap * rise)[:, None]
        gradient[:, 0] += 1 - p
        gradient[:, 1] += top * p
        gradient /= loss[:, None]

        def curvature(weights):
            weights = weights / loss
            through = weights * gap * rise / f_v  # of d2 R
            twice = weights * gap * rise * ((1 - 2 * p) - (alpha - 1) * rise / f_v)
            result = (v_slope * twice[:, None]) @ v_slope.transpose(0, 2, 1)
            at_alpha = np.zeros((len(theta), 5))
            at_alpha[:, 2] = 1.0
            mixed = np.sum(v_slope * (weights * rise)[:, None], axis=2)
            result += _both(by_gap, mixed)
            bend = np.sum(v_slope * (through * p)[:, None], axis=2)
            result -= _both(at_alpha, bend)
            total, g = np.sum(through, axis=1)[:, None, None], gap[:, :, None]
            result += total * (
                (1 - alpha)[:, :, None] / g**2 * by_gap[:, :, None] * by_gap[:, None]
            )
            result += total / g * _both(by_gap, at_alpha)
            result[:, 1, 1] += top[:, 0] * np.sum(weights * p + through * r_gap, axis=1)
            return result

        return np.log(loss), gradient, curvature

    def shapes(self, log_x, log_loss):
        high, low = np.exp(log_loss.max()), np.exp(log_loss.min())
        found = grid(
            np.array([0.3, 0.9]) * low,
            np.array([1.02, 1.5]) * high,
            np.array([0.3, 1.0, 3.0]),
            np.geomspace(0.1, 1.5, 3),
        )
        floor_, top, alpha, c = found.T
        middle = np.exp(np.median(log_loss))
        beta = np.log(middle - floor_) - alpha * np.log(top - middle)
        beta += c * np.median(log_x["x"])
        return np.column_stack([floor_, np.log(top), alpha, beta, c])

    def centring(self, log_x):
        matrix = np.eye(5)
        matrix[3, 4] = np.mean(log_x["x"])
        return matrix


def _both(one, other):
    """one other^T + other one^T, for batches of vectors."""
    product = one[:, :, None] * other[:, None]
    return product + product.transpose(0, 2, 1)


def _solve_sigmoid(right, alpha):
    """v with ln p - alpha ln(1 - p) = right, p = 1 / (1 + e**-v), by Halley's method."""
    v = np.where(right < 0, right, right / alpha)
    for _ in range(HALLEY_STEPS):
        soft = softplus(v)
        p = np.exp(v - soft)
        value, slope = v + (alpha - 1) * soft - right, (1 - p) + alpha * p
        bend = (alpha - 1) * p * (1 - p)
        step = value / slope
        step = step / np.maximum(1 - step * bend / (2 * slope), 0.5)
        v = v - step
        if not np.any(np.abs(step) > 1e-12 * (1 + np.abs(v))):
            break
    return v


M3_LAW, M4_LAW = M3(), M4()
