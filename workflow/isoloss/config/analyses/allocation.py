"""Analyses after Hoffmann et al. (2022): how to divide compute between size and data."""

from typing import Annotated, Literal

from pydantic import Field

from isoloss.config.section import Draws, Levels, PositiveInt
from isoloss.exhibits.base import Analysing

Reach = Annotated[float, Field(gt=1, allow_inf_nan=False)]
Counting = Literal["kaplan", "logits", "embeddings", "exact"]


class Allocating(Analysing):
    """What the analyses of a grid of sizes and tokens share."""

    levels: Levels = 9  # budgets of the isoFLOP valleys
    reach: Reach = 3.0  # factor in N about the lowest run within which a parabola is fitted
    first_step: PositiveInt = 100  # learning curves are used from it on
    draws: Draws = 400


class Approaches(Allocating):
    """N*(C) and D*(C) by the three approaches of Hoffmann et al., and whether they agree."""

    do: Literal["approaches"]
    count: Counting = "embeddings"  # how N and C are counted
    beyond: Annotated[float, Field(ge=1, allow_inf_nan=False)] = (
        1e3  # lines go on to so much more C
    )


class Recount(Allocating):
    """The exponent of N*(C) from the same runs under each way of counting N and C."""

    do: Literal["recount"]
    counts: Annotated[list[Counting], Field(min_length=1)] = [
        "kaplan",
        "logits",
        "embeddings",
        "exact",
    ]


class Curvature(Allocating):
    """The exponent of N*(C) in thirds of the compute: is the frontier a straight line?"""

    do: Literal["curvature"]
    count: Counting = "embeddings"
