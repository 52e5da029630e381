"""Laws of one variable that bend: smoothly broken power laws, M3 and M4."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid

NEWTON_STEPS = 60  # of M4's implicit equation; it is monotone, and 5 to 10 are the rule


def softplus(v):
    """ln(1 + e**v), for real and complex v of any size."""
    positive = v.real > 0
    return np.where(positive, v, 0) + np.log1p(np.exp(np.where(positive, -v, v)))


@dataclass(frozen=True)
class Broken(Law):
    """BNSL: L = a + b x**-c0 prod_i (1 + (x / d_i)**(1 / f_i))**(-c_i f_i)."""

    n_breaks: int
    variables: tuple[str, ...] = ("x",)
    source: str = "Caballero et al. (2022), arXiv:2210.14891, Eq. 1"
    linear: tuple[str, ...] = ("b", "a")

    @property
    def name(self):
        return f"bnsl_{self.n_breaks}"

    @property
    def formula(self):
        return (
            "L(x) = a + b x**-c0 prod_i (1 + (x / d_i)**(1 / f_i))**(-c_i f_i), "
            f"i = 1..{self.n_breaks}"
        )

    @property
    def parameters(self):
        found = [
            coefficient("b", "loss", "reducible loss at x = 1, before the breaks"),
            floor("a"),
            exponent("c0", "exponent before the first break"),
        ]
        for i in range(1, self.n_breaks + 1):
            found += [
                Parameter(f"c{i}", "", f"change of the exponent at break {i}", False, -10, 10),
                Parameter(f"d{i}", "as x", f"where break {i} is", log=True),
                Parameter(f"f{i}", "", f"how wide break {i} is", True, 0.01, 20.0),
            ]
        return tuple(found)

    def _log_shape(self, theta, log_x):
        log = -theta[:, 2, None] * log_x["x"]
        for i in range(self.n_breaks):
            c, d, f = (theta[:, 3 + 3 * i + k, None] for k in range(3))
            log = log - c * np.exp(f) * softplus((log_x["x"] - d) * np.exp(-f))
        return log

    def log_loss(self, theta, log_x):
        return np.log(np.exp(theta[:, 0, None] + self._log_shape(theta, log_x)) + theta[:, 1, None])

    analytic = True

    def derivatives(self, theta, log_x, directions=None):
        log_h = theta[:, 0, None] + self._log_shape(theta, log_x)
        h = np.exp(log_h)
        total = h + theta[:, 1, None]
        share = h / total
        slope = np.empty((*theta.shape, len(log_x["x"])))  # of ln(h), L = a + h
        slope[:, 0], slope[:, 1], slope[:, 2] = 1.0, 0.0, -log_x["x"]
        bends = []
        for at in range(3, theta.shape[1], 3):
            c, d, f = theta[:, at, None], theta[:, at + 1, None], np.exp(theta[:, at + 2, None])
            z = (log_x["x"] - d) / f
            soft = softplus(z)
            step = np.exp(z - soft)  # the derivative of softplus; rise is that of step
            rise, short = step * (1 - step), soft - z * step
            slope[:, at], slope[:, at + 1], slope[:, at + 2] = -f * soft, c * step, -c * f * short
            bends.append((at, 0, 1, step))
            bends.append((at, 0, 2, -f * short))
            bends.append((at, 1, 1, -c * rise / f))
            bends.append((at, 1, 2, -c * z * rise))
            bends.append((at, 2, 2, -c * f * (short + z * z * rise)))
        gradient = slope * share[:, None]
        gradient[:, 1] = 1 / total

        def curvature(weights):
            weighted = weights * share
            result = (slope * weighted[:, None]) @ slope.transpose(0, 2, 1)
            for at, i, j, second in bends:
                value = np.sum(weighted * second, axis=1)
                result[:, at + i, at + j] += value
                if i != j:
                    result[:, at + j, at + i] += value
            return result

        return np.log(total), gradient, curvature

    def shapes(self, log_x, log_loss):
        x = log_x["x"]
        at = {1: (0.2, 0.4, 0.6, 0.8), 2: (0.3, 0.7)}[self.n_breaks]
        places = x.min() + np.ptp(x) * np.array(at)
        if self.n_breaks == 1:
            found = grid(
                np.array([0.02, 0.2, 0.6]), np.array([-0.3, 0.3, 1.0]), places, np.log([0.2, 1.0])
            )
        else:
            found = grid(
                np.array([0.02, 0.3]),
                np.array([-0.3, 0.5]),
                places[:1],
                np.log([0.3]),
                np.array([-0.3, 0.5]),
                places[1:],
                np.log([0.3]),
            )
        theta = np.zeros((len(found), len(self.parameters)))
        theta[:, 2:] = found
        return theta

    def basis(self, theta, log_x):
        shape = np.exp(self._log_shape(theta, log_x))
        return np.stack([shape, np.ones_like(shape)], axis=1)

    def centring(self, log_x):
        matrix = np.eye(len(self.parameters))
        matrix[0, 2] = np.mean(log_x["x"])
        return matrix


@dataclass(frozen=True)
class M3(Law):
    """L = beta (1 / x + gamma)**c: the excess over the limit is not a power law near it."""

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
    """(L - E) / (L0 - L)**alpha = beta x**-c, solved for L: a sigmoid from L0 down to E."""

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
        """p = (L - E) / (L0 - E) = 1 / (1 + e**-v): v, and L0 - E."""
        floor_, top, alpha, beta, c = (theta[:, i, None] for i in range(5))
        with np.errstate(all="ignore"):
            gap = np.exp(top) - floor_
            return _solve_sigmoid(beta - c * log_x["x"] - (1 - alpha) * np.log(gap), alpha), gap

    def log_loss(self, theta, log_x):
        v, gap = self._sigmoid(theta, log_x)
        with np.errstate(all="ignore"):
            return np.log(theta[:, 0, None] + gap * np.exp(-softplus(-v)))

    def _gradient(self, theta, log_x, along):
        """By the implicit function theorem: v moves so that the equation stays true."""
        v, gap = self._sigmoid(theta, log_x)
        top, alpha = np.exp(theta[:, 1, None]), theta[:, 2, None]
        p, log_x = np.exp(-softplus(-v)), log_x["x"]
        loss = theta[:, 0, None] + gap * p
        slope = gap * p * (1 - p) / ((1 - p) + alpha * p)  # of L against the equation's right side
        by_gap = p - slope * (1 - alpha) / gap
        gradient = np.stack(
            [
                1 - by_gap,
                top * by_gap,
                slope * (np.log(gap) - softplus(v)),
                slope,
                -slope * log_x,
            ],
            axis=1,
        )
        gradient = np.einsum("spn,pd->sdn", gradient / loss[:, None], along)
        return np.log(loss), gradient

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


def _sigmoid_gap(v, right, alpha):
    """ln p - alpha ln(1 - p) - right with p = 1 / (1 + e**-v), and its derivative in v."""
    p = np.exp(-softplus(-v))
    return -softplus(-v) + alpha * softplus(v) - right, (1 - p) + alpha * p


def _solve_sigmoid(right, alpha):
    v = np.where(right < 0, right, right / alpha)
    for _ in range(NEWTON_STEPS):
        value, slope = _sigmoid_gap(v, right, alpha)
        step = value / slope
        v = v - step
        if not np.any(np.abs(step) > 1e-14 * (1 + np.abs(v))):
            break
    return v


BNSL_1, BNSL_2, M3_LAW, M4_LAW = Broken(1), Broken(2), M3(), M4()
