"""The settings of a polynomial that is fitted by least squares."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isoloss.config.runs import Noise, Run, held
from isoloss.config.section import NonNegativeInt, Section
from isoloss.tasks.function.settings import FunctionData

MOST_NODES = 10**5  # the most nodes of a quadrature; its time grows with their square


class Polynomial(Section):
    """A polynomial in one variable."""

    kind: Literal["polynomial"] = "polynomial"
    degree: NonNegativeInt  # of the polynomial


class PolynomialTask(Section):
    """Least-squares regression on [-1, 1], in closed form, repeated with fresh samples."""

    kind: Literal["polynomial"]
    target: Literal["sine", "abs"]  # sin(pi x); |x|
    noise_sd: Noise = 0.0  # standard deviation of the noise on the targets
    design: Literal["random", "grid"] = "random"  # x uniform at random, or Gauss-Legendre nodes
    repeats: Annotated[int, Field(gt=0, le=10**6)] = 1  # fits with fresh samples, averaged


class PolynomialRun(Run):
    """A polynomial fitted by least squares."""

    task: PolynomialTask
    model: Polynomial
    data: FunctionData

    @model_validator(mode="after")
    def _more_samples_than_coefficients(self) -> Self:
        if self.data.n_samples <= self.model.degree + 1:
            raise ValueError(
                f"data.n_samples {self.data.n_samples} does not determine the "
                f"{self.model.degree + 1} coefficients of degree {self.model.degree}"
            )
        held(self.data.n_samples, "data.n_samples", 8 * (self.model.degree + 1))
        held(self.data.n_heldout, "data.n_heldout", 8 * (self.model.degree + 1))
        nodes = {"n_heldout": self.data.n_heldout}
        if self.task.design == "grid":
            nodes["n_samples"] = self.data.n_samples
        for key, found in nodes.items():
            if found > MOST_NODES:
                raise ValueError(f"data.{key} {found:,} is more than {MOST_NODES:,} nodes")
        return self
