"""Figures of published laws and models: they need no runs."""

from typing import Annotated, Literal

from pydantic import Field

from isoloss.config.section import PositiveFloat, PositiveInt, Section
from isoloss.exhibits.base import Drawn

Range = Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)]


class KaplanLaws(Drawn):
    """The three one-variable laws of Kaplan et al., each over its own range and in its own unit."""

    draw: Literal["kaplan_laws"]
    compute_pf_days: Range
    n_tokens: Range
    n_params: Range


class Predictions(Drawn):
    """What the one-variable laws predict for one model."""

    draw: Literal["predictions"]
    model: str
    n_params: PositiveFloat
    n_tokens: PositiveFloat
    compute_flops: PositiveFloat


class Allocation(Drawn):
    """Compute-optimal model size and data against the budget, by several published rules."""

    draw: Literal["allocation"]
    compute_flops: Range


class IsoLoss(Drawn):
    """Lines of equal loss over model size and data, with the compute-optimal path."""

    draw: Literal["iso_loss"]
    law: Literal["hoffmann", "besiroglu"] = "besiroglu"
    n_params: Range
    n_tokens: Range
    losses: list[PositiveFloat]  # nats per token


class Doubling(Drawn):
    """By how much the loss falls when one quantity doubles."""

    draw: Literal["doubling"]


class Configuration(Section):
    """The shape of a model, and the parameter count that was claimed for it."""

    name: str
    n_layer: PositiveInt
    d_model: PositiveInt
    n_head: PositiveInt
    claimed: PositiveFloat | None = None
    vocabulary: PositiveInt = 50257
    context: PositiveInt = 1024


class Configurations(Drawn):
    """Exact parameter counts of models beside the counts that were claimed."""

    draw: Literal["configurations"]
    models: Annotated[list[Configuration], Field(min_length=1)]


class Model(Section):
    """A published model. Its tokens are null where they were not disclosed."""

    name: str
    family: str
    n_params: PositiveFloat  # with embeddings
    n_tokens: PositiveFloat | None = None


class ModelPlanes(Drawn):
    """Published models by compute and size, and by size and data."""

    draw: Literal["model_planes"]
    models: Annotated[list[Model], Field(min_length=1)]
