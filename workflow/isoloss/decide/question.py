"""The quantity that a plan is to make known: a decision at a budget, or the losses of a region."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError, nearest
from isoloss.laws.base import Law, no_optimum

OF_OPTIMUM = ("n_params", "loss", "a")
DECISIONS = (*OF_OPTIMUM, "region")


@dataclass(frozen=True)
class Question:
    """A question about a law.

    Attributes
    ----------
    decision : {"n_params", "loss", "a", "region"}
        ln N* or the loss at a compute budget, the exponent of N* ~ C**a, or the losses of a region.
    target : float or None
        The compute budget (FLOP); None for a region.
    region : mapping or None
        Variable of the law -> ln of its values, shape (point,): the runs whose losses are asked.
    flops_per_param_token : float
        K of the target C = K N D.
    """

    decision: str = "n_params"
    target: float | None = None
    region: Mapping[str, np.ndarray] | None = None
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN

    @property
    def factor(self) -> bool:
        """Whether the answer is a logarithm, so that the width of its interval is a factor."""
        return self.decision in ("n_params", "region")

    def problems(self, law: Law):
        """Reasons why the question cannot be asked of a law."""
        if self.decision not in DECISIONS:
            allowed = ", ".join(OF_OPTIMUM)
            near = nearest(self.decision, OF_OPTIMUM)
            yield f"decision: {self.decision!r} is none of {allowed}{near}"
        elif self.decision == "region":
            if missing := [name for name in law.variables if name not in (self.region or {})]:
                yield f"target: {law.name} also depends on {', '.join(missing)}"
            return
        if self.target is None or not (np.isfinite(self.target) and self.target > 0):
            yield f"target: must be positive and finite, got {self.target:g}"
        if not law.allocates:
            yield no_optimum(law)

    def answers(self, law: Law, theta: np.ndarray) -> np.ndarray:
        """The answer by each draw: ln N*, the loss, a, or ln L of each point.

        Shape (draw, answer), with one answer but for a region.
        """
        with np.errstate(all="ignore"):
            if self.decision == "region":
                return law.log_loss(theta, self.region)
            columns = dict(zip(law.names, law.natural(theta).T, strict=True))
            if self.decision == "a":
                found = law.exponents(columns, self.target, self.flops_per_param_token)
                return np.asarray(found["a"])[:, None]
            found = law.optimum(columns, self.target, self.flops_per_param_token)[self.decision]
            return (np.log(found) if self.decision == "n_params" else found)[:, None]

    def places(self, law: Law, theta: np.ndarray) -> dict[str, np.ndarray]:
        """ln of the law's variables at the target, each of shape (point,).

        For an optimum, it is that of one set of parameters.

        Raises
        ------
        UserError
            The law has no optimum at the target.
        """
        if self.decision == "region":
            return {name: np.asarray(self.region[name], float) for name in law.variables}
        columns = dict(zip(law.names, law.natural(theta), strict=True))
        with np.errstate(all="ignore"):
            at = law.optimum(columns, self.target, self.flops_per_param_token)
            at |= dict.fromkeys(law.unlimited, np.inf)
            places = {name: np.atleast_1d(np.log(at[name])) for name in law.variables}
        if np.isnan(list(places.values())).any():
            raise UserError("next", [no_optimum(law, self.target)])
        return places
