"""Analyses of the noise and of the limits of training."""

from typing import Literal

from isoloss.config.section import Name
from isoloss.exhibits.base import Analysing


class SeedNoise(Analysing):
    """How much the loss scatters over seeds, for each setting."""

    do: Literal["seed_noise"]


class CooldownCheck(Analysing):
    """Runs that cool a shared trunk down against independent ones, and what the trunks saved.

    `sweeps` are those whose FLOPs are counted.
    """

    do: Literal["cooldown_check"]
    cooled: list[Name]  # sweeps whose runs end in a cooldown
    independent: list[Name]  # sweeps of the same sizes and tokens, whose runs share nothing

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.cooled, *self.independent]
