"""The settings of a run that learns to copy."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isoloss.config.runs import Optimisation, Run, Transformer, has_steps, held
from isoloss.config.section import PositiveInt, Section


class CopyTask(Section):
    """Repeat a random string of characters after a separator."""

    kind: Literal["copy"]
    n_symbols: Annotated[int, Field(ge=2, le=1000)] = 26  # different characters
    length: Annotated[int, Field(gt=0, le=10**6)] = 12  # characters to copy


class SequenceData(Section):
    """The number of sequences; training sees each once."""

    n_samples: PositiveInt  # sequences trained on
    n_heldout: PositiveInt = 2048  # sequences held out


class CopyRun(Run):
    """A transformer that learns to copy."""

    task: CopyTask
    model: Transformer
    data: SequenceData
    training: Optimisation

    @model_validator(mode="after")
    def _a_batch_is_named_and_fits(self) -> Self:
        held(self.data.n_heldout, "data.n_heldout", 2 * self.task.length)
        return has_steps(self, self.data.n_samples, "data.n_samples", 1)
