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


class JointLaws(OfAnalyses):
    """Kaplan et al., Fig. 4: L(N, D) on limited data, and L(N, S_min) on endless data."""

    draw: Literal["joint_laws"]
    overfitting: Name  # an overfitting
    steps: Name  # size_and_steps
    sweeps: list[Name]  # whose curves are drawn beside L(N, S)
    critical: Name | None = None  # a critical_batch: S_min in place of S


class RepeatedData(OfAnalyses):
    """Kaplan et al., Fig. 9: lowest loss by size and data, and its excess by one ratio."""

    draw: Literal["repeated_data"]
    overfitting: Name


class EarlyStopping(OfAnalyses):
    """Kaplan et al., Fig. 16: the step of the lowest loss against its bound, and curves."""

    draw: Literal["early_stopping"]
    overfitting: Name
    sweeps: list[Name]
    n_params: PositiveInt | None = None  # non-embedding, whose curves are drawn; null: the largest


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
