"""On what a known answer of an average of laws still depends.

An average is as good as the laws that have most of its weight. What follows from it holds only if
the law does: where the runs reject these laws or are too few to test them, where a bend too weak to
be seen could move it (`fit.counted`), or where a wider law that the runs allow puts it elsewhere
(`fit.wider`).
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from isoloss.fit.questions import bent_draws, untested, wider_law, wider_of
from isoloss.fit.wider import Moved, Wider, moved
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
    _made: dict[Any, Any] = field(default_factory=dict, repr=False)  # shared by all places

    def at(self, shape: float) -> Self:
        """The same for runs of a shape ln(D/N), where laws have other weights."""
        weights = self.averaged.weights_at(shape).tolist()
        return dataclasses.replace(
            self, weights=dict(zip(self.averaged.laws, weights, strict=True))
        )

    @property
    def bent(self) -> Any:
        """The same average, with hidden bends in the draws of every law."""
        return self._once("bent", self._bent)

    def _bent(self):
        members = []
        for member in self.averaged.members:
            result = dataclasses.replace(member.result, draws=bent_draws(member.result))
            members.append(dataclasses.replace(member, result=result))
        return dataclasses.replace(self.averaged, members=tuple(members))

    @property
    def wider(self) -> Wider | None:
        """The fits of a wider law that is not averaged, where one law has most of the weight."""
        for member in self.averaged.members:
            most = self.weights.get(member.name, 0.0) > HALF
            if most and SKALING.name not in self.averaged.laws:
                return self._once(("wider", member.name), lambda m=member: wider_of(m.result))
        return None

    @property
    def doubt(self) -> str:
        """Why all answers hold only if a law does, or "".

        A case of a wider law is in doubt if that law fits better, and is not in the average.
        """
        rejected, few, cases = [], [], []
        for member in self.averaged.members:
            found = self._once(("within", member.name), lambda m=member: wider_law(m.result))
            if member.rejected:
                rejected.append(member.name)
            elif untested(member.result):
                few.append(member.name)
            elif found is not None and found.doubtful and found.law not in self.averaged.laws:
                cases.append(member.name)
        said = (
            (rejected, "the runs reject"),
            (few, "the runs are too few to test"),
            (cases, "a wider law fits better than"),
        )
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

    def _once(self, what: Any, make: Callable[[], Any]) -> Any:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]
