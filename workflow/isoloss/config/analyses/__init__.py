"""What a study can ask to be made of its runs beside fitted laws: each kind is a section."""

from typing import Annotated

from pydantic import Field

from isoloss.config.analyses.allocation import Approaches, Curvature, Recount
from isoloss.config.analyses.batch import CriticalBatch
from isoloss.config.analyses.kaplan import (
    Crossing,
    KaplanFrontier,
    LossReached,
    SizeAndSteps,
    SizeLaws,
)
from isoloss.config.analyses.limits import (
    CooldownCheck,
    LearningRate,
    Overfitting,
    SeedNoise,
)

Analysis = Annotated[
    Approaches
    | CooldownCheck
    | CriticalBatch
    | Crossing
    | Curvature
    | KaplanFrontier
    | LearningRate
    | LossReached
    | Overfitting
    | Recount
    | SeedNoise
    | SizeAndSteps
    | SizeLaws,
    Field(discriminator="do"),
]
