"""Laws of one variable x (size, data or compute)."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.broken import softplus
from isoloss.laws.sums import Sum, Term

UNITS = {  # of a variable x, and so of its scale Xc
    "n_params": "parameters",
    "n_tokens": "tokens",
    "compute_pf_days": "PF-days",
    "compute_min_pf_days": "PF-days",
}


@dataclass(frozen=True)
class PowerLaw(Sum):
    """A / x**alpha, also written (Xc / x)**alpha with Xc = A**(1 / alpha)."""

    def derived(self, params):
        with np.errstate(all="ignore"):
            return {"Xc": np.exp(np.log(params["A"]) / params["alpha"])}

    def derived_unit(self, name):
        return UNITS.get(self.variables[0], "") if name == "Xc" else ""


POWER_LAW = PowerLaw(
    name="power_law",
    formula="L(x) = A / x**alpha = (Xc / x)**alpha",
    source="Kaplan et al. (2020), arXiv:2001.08361, Sec. 1.2, Eqs. 1.1-1.3",
    variables=("x",),
    parameters=(
        coefficient("A", "loss", "loss at x = 1"),
        exponent("alpha", "how fast loss falls with x"),
    ),
    terms=(Term("A", "x", "alpha"),),
)

POWER_LAW_FLOOR = Sum(
    name="power_law_floor",
    formula="L(x) = E + A / x**alpha",
    source="Hestness et al. (2017), arXiv:1712.00409; M2 of Alabdulmohsin et al. (2022), "
    "arXiv:2209.06640",
    variables=("x",),
    parameters=(
        coefficient("A", "loss", "reducible loss at x = 1"),
        floor("E"),
        exponent("alpha", "how fast loss falls with x"),
    ),
    terms=(Term("A", "x", "alpha"),),
    floor="E",
)


@dataclass(frozen=True)
class ShiftedPower(Law):
    """L = E + A (x + x0)**-alpha: a power law from some x0 on, and level below it."""

    name: str = "shifted_power"
    formula: str = "L(x) = E + A (x + x0)**-alpha"
    source: str = "Zhai et al. (2022), arXiv:2106.04560, Sec. 2"
    variables: tuple[str, ...] = ("x",)
    parameters: tuple[Parameter, ...] = (
        coefficient("A", "loss", "reducible loss at x + x0 = 1"),
        floor("E"),
        exponent("alpha", "how fast loss falls with x, far above x0"),
        Parameter("x0", "as x", "below it more x hardly helps", log=True, lower=1e-40, upper=1e60),
    )
    linear: tuple[str, ...] = ("A", "E")
    analytic = True

    def _shifted(self, theta, log_x):
        """ln (x + x0), and the share of x0 in it."""
        away = theta[:, 3, None] - log_x["x"]
        soft = softplus(away)
        return log_x["x"] + soft, np.exp(away - soft)

    def log_loss(self, theta, log_x):
        shifted, _ = self._shifted(theta, log_x)
        return np.log(theta[:, 1, None] + np.exp(theta[:, 0, None] - theta[:, 2, None] * shifted))

    def derivatives(self, theta, log_x, directions=None):
        shifted, share = self._shifted(theta, log_x)
        alpha = theta[:, 2, None]
        reducible = np.exp(theta[:, 0, None] - alpha * shifted)
        loss = theta[:, 1, None] + reducible
        part = reducible / loss
        slopes = np.stack([np.ones_like(part), -shifted, -alpha * share], axis=1)
        places = [0, 2, 3]
        gradient = np.empty((len(theta), 4, part.shape[1]))
        gradient[:, 1] = 1 / loss
        gradient[:, places] = slopes * part[:, None]

        def curvature(weights):
            weighted = weights * part
            result = np.zeros((len(theta), 4, 4))
            both = (slopes * weighted[:, None]) @ slopes.transpose(0, 2, 1)
            result[:, [[i] for i in places], places] = both
            cross = np.sum(weighted * share, axis=1)
            result[:, 2, 3] -= cross
            result[:, 3, 2] -= cross
            result[:, 3, 3] -= np.sum(weighted * alpha * share * (1 - share), axis=1)
            return result

        return np.log(loss), gradient, curvature

    def shapes(self, log_x, log_loss):
        starts = np.linspace(log_x["x"].min() - 3, log_x["x"].max(), 7)
        found = grid(np.geomspace(0.05, 3.0, 7), starts)
        return np.column_stack([np.zeros((len(found), 2)), found])

    def basis(self, theta, log_x):
        shifted, _ = self._shifted(theta, log_x)
        return np.stack([np.exp(-theta[:, 2, None] * shifted), np.ones_like(shifted)], axis=1)

    def centring(self, log_x):
        matrix = np.eye(4)
        matrix[0, 2] = np.mean(log_x["x"])
        return matrix


SHIFTED_POWER = ShiftedPower()


@dataclass(frozen=True)
class Logarithmic(Law):
    """L = k ln(Xc / x): a straight line in ln x, as the alternative to a power law."""

    name: str = "logarithmic"
    formula: str = "L(x) = k ln(Xc / x)"
    source: str = "Kaplan et al. (2020), arXiv:2001.08361, Fig. 23"
    variables: tuple[str, ...] = ("x",)
    parameters: tuple[Parameter, ...] = (
        Parameter("intercept", "loss", "loss at x = 1", lower=-np.inf),
        Parameter("k", "loss", "fall of the loss when x grows by a factor e"),
    )
    linear: tuple[str, ...] = ("intercept", "k")

    def _line(self, theta, log_x):
        return theta[:, 0, None] - theta[:, 1, None] * log_x["x"]

    def log_loss(self, theta, log_x):
        with np.errstate(all="ignore"):
            return np.log(self._line(theta, log_x))

    analytic = True

    def derivatives(self, theta, log_x, directions=None):
        line = self._line(theta, log_x)
        with np.errstate(all="ignore"):
            gradient = np.stack([1 / line, -log_x["x"] / line], axis=1)
            value = np.log(line)
        return value, gradient, lambda weights: np.zeros((len(theta), 2, 2))

    def derived(self, params):
        with np.errstate(all="ignore"):
            return {"Xc": np.exp(params["intercept"] / params["k"])}

    def shapes(self, log_x, log_loss):
        return np.zeros((1, 2))

    def basis(self, theta, log_x):
        return np.stack([np.ones_like(log_x["x"]), -log_x["x"]])[None]

    def centring(self, log_x):
        return np.array([[1.0, np.mean(log_x["x"])], [0.0, 1.0]])


LOGARITHMIC = Logarithmic()
