"""On what a known answer of an average of laws still depends.

An average is as good as the laws that have most of its weight. What follows from it holds only if
the law does: where the runs reject these laws, where a bend too weak to be seen could move it
(`fit.counted`), or where a wider law that the runs allow puts it elsewhere (`fit.wider`).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from isoloss.fit.questions import bent_draws, wider_law, wider_of
from isoloss.fit.wider import Moved, Wider, moved
from isoloss.forecast.crossing import NEVER, crossings
from isoloss.forecast.paths import Path, least, tokens_left
from isoloss.laws import SKALING

HALF = 0.5  # of the weight: from there on, what is wrong with laws is wrong with their average


@dataclass(frozen=True)
class Conditions:
    """What the answers of an average depend on.

    Attributes
    ----------
    averaged : isoloss.forecast.average.Averaged
    weights : mapping
        Law -> its weight where the question is asked.
    """

    averaged: Any
    weights: Mapping[str, float]

    @cached_property
    def bent(self) -> Any:
        """The same average, with hidden bends in the draws of every law."""
        members = []
        for member in self.averaged.members:
            result = dataclasses.replace(member.result, draws=bent_draws(member.result))
            members.append(dataclasses.replace(member, result=result))
        return dataclasses.replace(self.averaged, members=tuple(members))

    @cached_property
    def wider(self) -> Wider | None:
        """The fits of a wider law that is not averaged, where one law has most of the weight."""
        for member in self.averaged.members:
            most = self.weights.get(member.name, 0.0) > HALF
            if most and SKALING.name not in self.averaged.laws:
                return wider_of(member.result)
        return None

    @cached_property
    def doubt(self) -> str:
        """Why all answers hold only if a law does, or "".

        A case of a wider law is in doubt if that law fits better, and is not in the average.
        """
        rejected, cases = [], []
        for member in self.averaged.members:
            found = wider_law(member.result)
            if member.rejected:
                rejected.append(member.name)
            elif found is not None and found.doubtful and found.law not in self.averaged.laws:
                cases.append(member.name)
        said = (rejected, "the runs reject"), (cases, "a wider law fits better than")
        for names, what in said:
            weight = sum(self.weights.get(name, 0.0) for name in names)
            if weight > HALF:
                share = "" if weight > 1 - 1e-9 else f", with {weight:.0%} of the weight"
                return f"{what} {' and '.join(names)}{share}"
        return ""

    def of_optimum(
        self, value: float, name: str, compute: float, flops_per_param_token: float
    ) -> Moved | None:
        """Where the wider law puts `n_params` or `loss` at the optimum of a budget in FLOP."""
        if self.wider is None:
            return None
        along = self.wider.optimum(compute, flops_per_param_token)[name]
        return moved(value, along, name == "n_params", self.wider)

    def of_loss(self, value: float, log_x: Mapping[str, np.ndarray]) -> Moved | None:
        """Where the wider law puts the loss of one run; `log_x` of shape (1,)."""
        if self.wider is None:
            return None
        along = np.exp(SKALING.log_loss(self.wider.theta, log_x)[:, 0])
        return moved(value, along, False, self.wider)

    def of_place(self, size: float, loss: float, path: Path, log_c: float) -> tuple[Any, Any]:
        """Where the wider law puts the size and the loss of a path at one budget."""
        if self.wider is None:
            return None, None
        log_x = self._points(path, np.array([log_c]))
        losses = np.exp(SKALING.log_loss(self.wider.theta, log_x)[:, 0])
        sizes = np.exp(log_x["n_params"][:, 0])
        return moved(size, sizes, True, self.wider), moved(loss, losses, False, self.wider)

    def of_compute(self, value: float, path: Path, log_c: np.ndarray, loss: float) -> Moved | None:
        """Where the wider law puts the compute at which a path reaches a loss.

        It is infinite where the law never does with an allowed k.
        """
        if self.wider is None:
            return None
        curves = SKALING.log_loss(self.wider.theta, self._points(path, log_c))
        at = crossings(log_c, curves, np.log(loss))
        there = moved(value, np.exp(np.where(at < NEVER, at, np.nan)), True, self.wider)
        if there is None or not np.any(at[1:] == NEVER):
            return there
        return dataclasses.replace(there, hi=np.inf)

    def _points(self, path: Path, log_c: np.ndarray) -> dict[str, np.ndarray]:
        """ln N and ln D of each allowed k along a path, each of shape (k, point)."""
        k, served = path.flops_per_param_token, path.served
        if path.chosen:
            log_n = least(SKALING, self.wider.theta, log_c, k, path.given, served)
        else:
            log_n = np.broadcast_to(path.size(log_c), (len(self.wider.k), len(log_c)))
        return {"n_params": log_n, "n_tokens": tokens_left(log_c, log_n, k, served)}
