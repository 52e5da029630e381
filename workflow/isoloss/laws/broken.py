"""Laws of one variable that bend: smoothly broken power laws."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid


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
        """bnsl_ and the number of breaks."""
        return f"bnsl_{self.n_breaks}"

    @property
    def formula(self):
        """The formula as the paper prints it."""
        return (
            "L(x) = a + b x**-c0 prod_i (1 + (x / d_i)**(1 / f_i))**(-c_i f_i), "
            f"i = 1..{self.n_breaks}"
        )

    @property
    def parameters(self):
        """b, a and c0; then c_i, d_i and f_i of each break."""
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


BNSL_1, BNSL_2 = Broken(1), Broken(2)
