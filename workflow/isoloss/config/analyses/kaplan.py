"""Analyses after Kaplan et al. (2020): frontiers of compute, steps and sizes."""

from typing import Annotated, Literal

from pydantic import Field

from isoloss.config.section import Draws, Levels, NonNegativeInt, PositiveFloat, Values
from isoloss.exhibits.base import Analysing

Width = Annotated[float, Field(gt=1, allow_inf_nan=False)]


class KaplanFrontier(Analysing):
    """Lowest loss and best size for each budget, C = 6 N B S without embeddings.

    Along learning curves at a constant rate, as Kaplan et al. do, or between final losses.
    """

    do: Literal["kaplan_frontier"]
    along: Literal["curves", "runs"] = "curves"
    adjusted: bool = False  # S_min and C_min, by the critical batch of an analysis before this one
    levels: Levels = 12  # budgets, spaced evenly in log compute
    width: Width = 4.0  # sizes within such a factor of the best rule the parabola of a budget

    @property
    def reads(self) -> tuple[str, ...]:
        return ("critical_batch",) if self.adjusted else ()


class SizeAndSteps(Analysing):
    """L(N, S) along learning curves at a constant rate (Eq. 1.6), and its valleys."""

    do: Literal["size_and_steps"]
    adjusted: bool = False  # S_min in place of S
    first_step: NonNegativeInt = 0  # steps before it are left out, as warm-up always is
    levels: Levels = 5  # budgets of compute, and of steps, at which valleys are given

    @property
    def reads(self) -> tuple[str, ...]:
        return ("critical_batch",) if self.adjusted else ()


class LossReached(Analysing):
    """Steps and tokens that each size needs to reach a loss, and what other sizes cost more."""

    do: Literal["loss_reached"]
    adjusted: bool = False  # S_min and E_min in place of S and E
    levels: Levels | list[PositiveFloat] = 6  # how many losses, or which
    width: Width = 4.0  # as for a frontier: to find the size that reaches a loss cheapest

    @property
    def reads(self) -> tuple[str, ...]:
        return ("critical_batch",) if self.adjusted else ()


class SizeLaws(Analysing):
    """Laws of one variable side by side: how well each fits, and predicts what it has not seen."""

    do: Literal["size_laws"]
    x: str = "n_params_non_embedding"  # column of the runs
    laws: Annotated[list[str], Field(min_length=1)] = ["power_law", "logarithmic"]
    # The runs with the most tokens; those of the largest size; those of as many tokens as the
    # models of different depth have in common.
    keep: Literal["all", "longest", "largest", "depths"] = "all"
    where: dict[str, Values] = {}  # column -> the values that are kept
    draws: Draws = 400

    @property
    def numbers_named(self) -> list[str]:
        return [self.x]

    @property
    def columns_named(self) -> list[str]:
        return list(self.where)

    @property
    def laws_named(self) -> list[str]:
        return self.laws


class Crossing(KaplanFrontier):
    """Where L(C) and L(D(C)), both extrapolated, would meet (Sec. 6.3)."""

    do: Literal["crossing"]
    along: Literal["curves", "runs"] = "runs"
