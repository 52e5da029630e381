"""Figures of Kaplan et al. (2020) from a study's own runs and analyses."""

from typing import Literal

from isoloss.config.section import Name, PositiveFloat
from isoloss.exhibits.base import Drawn


class Kaplan(Drawn):
    """What the figures of Kaplan et al. share."""

    loss_label: str = "held-out loss (nats per token)"

    analyses_drawn = {
        **dict.fromkeys(("frontier", "naive", "adjusted"), "kaplan_frontier"),
        **dict.fromkeys(("size", "data"), "size_laws"),
        "law": "size_and_steps",
        "reached": "loss_reached",
        "crossing": "crossing",
    }


class OfCurves(Kaplan):
    """Figures of the training curves of some sweeps: the longest run of each size."""

    sweeps: list[Name]

    @property
    def sweeps_named(self) -> list[str]:
        return self.sweeps


class KaplanSummary(OfCurves):
    """Fig. 1: loss against compute, data and size, each where the others do not limit."""

    draw: Literal["kaplan_summary"]
    frontier: Name  # a kaplan_frontier: panel of compute
    data: Name  # size_laws over n_tokens, of the largest size
    size: Name  # size_laws over n_params_non_embedding, of the longest runs


class KaplanTraining(OfCurves):
    """Fig. 2: training curves against tokens and against compute."""

    draw: Literal["kaplan_training"]


class KaplanShares(Kaplan):
    """Fig. 3: what more compute is spent on, by the paper's exponents and by ours."""

    draw: Literal["kaplan_shares"]
    naive: Name  # a kaplan_frontier
    adjusted: Name | None = None
    relative_compute: PositiveFloat = 1e9  # how far the paper's panel goes


class KaplanDepth(Kaplan):
    """Fig. 6: loss against size for several depths, with embeddings counted and without."""

    draw: Literal["kaplan_depth"]
    analyses_drawn = {"naive": "size_laws", "size": "size_laws"}
    naive: Name  # size_laws over n_params
    size: Name  # size_laws of the same runs over n_params_non_embedding


class KaplanValleys(Kaplan):
    """Fig. 11: loss against size at fixed compute and at fixed steps."""

    draw: Literal["kaplan_valleys"]
    law: Name  # size_and_steps


class KaplanExcess(Kaplan):
    """Fig. 12: what a size other than the best costs in compute and in steps."""

    draw: Literal["kaplan_excess"]
    law: Name  # size_and_steps
    reached: Name  # loss_reached


class KaplanFrontiers(Kaplan):
    """Fig. 13: loss against compute, as it was spent and as the least that would do."""

    draw: Literal["kaplan_frontiers"]
    naive: Name  # a kaplan_frontier
    adjusted: Name


class KaplanOptimum(Kaplan):
    """Fig. 14: best size and steps against compute."""

    draw: Literal["kaplan_optimum"]
    naive: Name  # a kaplan_frontier
    adjusted: Name


class KaplanCrossing(Kaplan):
    """Fig. 15: where L(C) and L(D(C)) would meet, by the paper's constants and by ours."""

    draw: Literal["kaplan_crossing"]
    crossing: Name


class KaplanReached(Kaplan):
    """Fig. 19: steps and tokens that each size needs to reach a loss."""

    draw: Literal["kaplan_reached"]
    analyses_drawn = dict.fromkeys(("naive", "adjusted"), "loss_reached")
    naive: Name  # loss_reached
    adjusted: Name


class KaplanSizeLaws(Kaplan):
    """Fig. 23: a power law of size beside a logarithm."""

    draw: Literal["kaplan_size_laws"]
    size: Name  # size_laws with power_law and logarithmic
