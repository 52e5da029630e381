"""The parametric loss surface of Hoffmann et al. (2022) and its compute-optimal allocation."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import coefficient, exponent, floor
from isoloss.laws.sums import Sum, Term


@dataclass(frozen=True)
class Surface(Sum):
    """L = E + A / N**alpha + B / D**beta, with its compute optimum."""

    def derived(self, params):
        """a and b of N* ~ C**a and D* ~ C**b, and G (Hoffmann et al. 2022, Eq. 4)."""
        total = params["alpha"] + params["beta"]
        with np.errstate(all="ignore"):
            log_ratio = np.log(params["alpha"] * params["A"]) - np.log(params["beta"] * params["B"])
            return {
                "a": params["beta"] / total,
                "b": params["alpha"] / total,
                "G": np.exp(log_ratio / total),
            }

    def tie_for(self, derived, value):
        share = {"a": value, "b": 1 - value}.get(derived)  # of beta in alpha + beta
        return None if share is None else ("alpha", "beta", share / (1 - share))

    def tokens_for(self, params, loss: float, n_params: np.ndarray) -> np.ndarray:
        """D that reaches a loss at each N, shape of `n_params`; infinite where no D reaches it."""
        left = loss - params["E"] - params["A"] / n_params ** params["alpha"]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(left > 0, (params["B"] / left) ** (1 / params["beta"]), np.inf)

    def frontier(self, params):
        """ln G and a of N* = G (C / 6)**a."""
        derived = self.derived(params)
        with np.errstate(all="ignore"):
            return np.log(derived["G"]), derived["a"]


CHINCHILLA = Surface(
    name="chinchilla",
    formula="L(N, D) = E + A / N**alpha + B / D**beta",
    source="Hoffmann et al. (2022), arXiv:2203.15556, Sec. 3.3, Eq. 2",
    variables=("n_params", "n_tokens"),
    parameters=(
        coefficient("A", "loss", "loss due to finite size, at N = 1"),
        coefficient("B", "loss", "loss due to finite data, at D = 1"),
        floor("E"),
        exponent("alpha", "how fast loss falls with N"),
        exponent("beta", "how fast loss falls with D"),
    ),
    terms=(Term("A", "n_params", "alpha"), Term("B", "n_tokens", "beta")),
    floor="E",
)
