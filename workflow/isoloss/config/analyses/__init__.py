"""What a study can ask to be made of its runs beside fitted laws: each kind is a section."""

from typing import Annotated

from pydantic import Field

from isoloss.config.analyses.batch import CriticalBatch
from isoloss.config.analyses.limits import SeedNoise

Analysis = Annotated[
    CriticalBatch | SeedNoise,
    Field(discriminator="do"),
]
