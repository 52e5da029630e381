"""Objectives of a fit: the sum over rows of a loss of the residual."""

from dataclasses import dataclass

import numpy as np

LAD_DELTA = 1e-7  # least absolute deviations are solved as Huber's with this delta


@dataclass(frozen=True)
class Objective:
    """A sum of rho(residual); residuals are of ln L, or of L for "lsq_raw".

    huber: r**2 / 2 for |r| <= delta, delta * (|r| - delta / 2) beyond: SUMMED, not averaged
    (Hoffmann et al. 2022, Eq. 3); lad: |r|; lsq, lsq_raw: r**2.
    """

    name: str = "huber"
    delta: float = 1e-3

    @property
    def raw(self) -> bool:
        """Whether residuals are of L, not of ln L."""
        return self.name == "lsq_raw"

    @property
    def squares(self) -> bool:
        """Whether the objective is a sum of squares."""
        return self.name in ("lsq", "lsq_raw")

    @property
    def solved_delta(self) -> float:
        """Huber's delta that the solver uses for this objective; infinite for squares."""
        return {"huber": self.delta, "lad": LAD_DELTA}.get(self.name, np.inf)

    @property
    def unit(self) -> float:
        """The published objective divided by the scaled one that `influence` gives."""
        return {"huber": self.delta, "lad": 1.0}.get(self.name, 2.0)


def influence(residual: np.ndarray, delta: float):
    """rho, rho', the weight rho'(r) / r and rho'' of Huber's loss divided by delta.

    The division makes the slope beyond delta one, so that tolerances mean the same for every
    delta. With an infinite delta, rho is r**2 / 2.
    """
    if np.isinf(delta):
        ones = np.ones_like(residual)
        return residual**2 / 2, residual, ones, ones
    size = np.abs(residual)
    inside = size <= delta
    weight = 1.0 / np.maximum(size, delta)
    slope = residual * weight
    rho = np.where(inside, residual * slope / 2, size - delta / 2)
    return rho, slope, weight, inside / delta
