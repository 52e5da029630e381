"""The figure of a prediction and its test."""

from typing import Literal

from isoloss.config.drawn import Drawn
from isoloss.config.section import Name


class PredictionTested(Drawn):
    """The runs, the run that was held out, and what each law said of it before it was trained."""

    draw: Literal["prediction_tested"]
    sweeps: list[Name]
    labels: dict[str, str] = {}  # fit of the prediction -> what the figure calls it

    @property
    def sweeps_named(self) -> list[str]:
        return self.sweeps
