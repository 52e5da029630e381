"""The settings of a run that learns a known function."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isoloss.config.runs import Mlp, Noise, Run, Stepped, held
from isoloss.config.section import NonNegativeInt, PositiveInt, Section

Teacher = Annotated[int, Field(gt=0, le=4096)]


class FunctionTask(Section):
    """Regression of a known function: y = f(x) + noise_sd * epsilon, x uniform on its domain."""

    kind: Literal["function"]
    target: Literal["sine", "teacher"]  # sin x on [-pi, pi]; a random network on [-1, 1]^n_inputs
    n_inputs: Teacher = 1  # dimensions of x; 1 for the sine
    noise_sd: Noise = 0.0  # standard deviation of the noise on the targets
    teacher_width: Teacher = 32  # hidden units of the random network
    teacher_seed: NonNegativeInt = 0  # seed of the random network's weights

    @model_validator(mode="after")
    def _sine_has_one_input(self) -> Self:
        if self.target == "sine" and self.n_inputs != 1:
            raise ValueError(f"the target 'sine' has 1 input, not {self.n_inputs}")
        return self


class FunctionData(Section):
    """The number of samples."""

    n_samples: PositiveInt  # different samples to learn from
    n_heldout: PositiveInt = 4096  # a dense grid for one input, else fixed random points


class FunctionRun(Run):
    """An MLP that learns a function."""

    task: FunctionTask
    model: Mlp
    data: FunctionData
    training: Stepped

    @model_validator(mode="after")
    def _batch_within_the_samples(self) -> Self:
        batch = self.training.batch_size
        if batch is not None and batch > self.data.n_samples:
            raise ValueError(
                f"training.batch_size {batch} is larger than data.n_samples {self.data.n_samples}"
            )
        width = self.model.width
        sample = max(self.task.n_inputs, self.task.teacher_width)
        held(self.data.n_samples, "data.n_samples", sample)
        held(batch or self.data.n_samples, "training.batch_size", max(sample, width))
        held(self.data.n_heldout, "data.n_heldout", max(sample, width))
        return self
