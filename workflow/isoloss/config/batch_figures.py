"""Figures of batch size, of repeated data and of how the runs were trained."""

from typing import Literal

from isoloss.config.section import Name, PositiveInt
from isoloss.exhibits.base import Drawn


class OfAnalyses(Drawn):
    """What these figures share: they draw analyses, and some the runs behind them."""

    loss_label: str = "held-out loss (nats per token)"

    analyses_drawn = {
        "overfitting": "overfitting",
        "steps": "size_and_steps",
        "critical": "critical_batch",
        "check": "cooldown_check",
        "noise": "seed_noise",
    }

    @property
    def sweeps_named(self) -> list[str]:
        keys = ("sweeps", "independent")
        return [name for key in keys for name in getattr(self, key, None) or []]


class CooldownChecked(OfAnalyses):
    """Cooled runs against independent ones, and what a trunk with its cooldowns looks like."""

    draw: Literal["cooldown_checked"]
    check: Name  # a cooldown_check
    sweeps: list[Name]  # whose trunk is drawn
    independent: list[Name]  # whose runs are drawn beside it
    width: PositiveInt | None = None  # of the right panel; null: the largest that was compared


class SeedScatter(OfAnalyses):
    """The scatter of the loss over seeds against the size."""

    draw: Literal["seed_scatter"]
    noise: Name  # a seed_noise
