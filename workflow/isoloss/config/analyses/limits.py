"""Analyses of the noise and of the limits of training."""

from typing import Literal

from isoloss.config.analyses.base import Analysing


class SeedNoise(Analysing):
    """How much the loss scatters over seeds, for each size."""

    do: Literal["seed_noise"]
