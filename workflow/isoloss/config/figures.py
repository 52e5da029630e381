"""What a study can ask to be drawn."""

from typing import Annotated, Literal

from pydantic import Field

from isoloss.config.section import Name, Section


class Drawn(Section):
    """What every figure has."""

    name: Name  # of the file
    title: str
    caption: str  # what it shows, and what it cannot


class LossAgainstX(Drawn):
    """Loss against one quantity: a point for each run, the median of the seeds, the fitted law."""

    draw: Literal["loss_against_x"]
    x: str  # column of the losses table
    y: str = "loss"
    x_label: str
    y_label: str
    series: dict[Name, str]  # sweep -> its label
    fits: dict[Name, Name] = {}  # sweep -> the fit drawn through it


Figure = Annotated[LossAgainstX, Field(discriminator="draw")]
