"""A power law whose exponent drifts with x, for the lack-of-fit test of power laws."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, floor


@dataclass(frozen=True)
class Curved(Law):
    """L = E + A exp(-alpha u - kappa u**2), u = ln(x / x0): kappa = 0 is a power law.

    The local exponent of the reducible loss is alpha + 2 kappa u. A test of kappa = 0 is the
    textbook test of a straight line in log-log axes against a parabola, with a free floor.
    """

    centre: float  # ln x0
    with_floor: bool
    name: str = "curved"
    formula: str = "L(x) = E + A exp(-alpha u - kappa u**2), u = ln(x / x0)"
    source: str = "the power law's own alternative; no publication"
    variables: tuple[str, ...] = ("x",)

    @property
    def parameters(self):
        """E, A, alpha and kappa."""
        shared = (
            coefficient("A", "loss", "reducible loss at x0"),
            Parameter("alpha", "", "local exponent at x0", lower=-20.0, upper=20.0),
            Parameter(
                "kappa",
                "",
                "half of the drift of the exponent per e-fold of x",
                lower=-20.0,
                upper=20.0,
            ),
        )
        return (*shared, floor()) if self.with_floor else shared

    def log_loss(self, theta, log_x):
        u = log_x["x"] - self.centre
        reducible = np.exp(theta[:, 0, None] - theta[:, 1, None] * u - theta[:, 2, None] * u**2)
        return np.log(reducible + theta[:, 3, None]) if self.with_floor else np.log(reducible)
