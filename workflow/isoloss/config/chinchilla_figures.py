"""Figures of Hoffmann et al. (2022), and what corrects them, from a study's own analyses."""

from typing import Literal

from isoloss.config.section import Name
from isoloss.exhibits.base import Drawn


class Chinchilla(Drawn):
    """What these figures share."""

    analyses_drawn = {name: name for name in ("approaches", "recount", "curvature")}

    @property
    def sweeps_named(self) -> list[str]:
        return list(getattr(self, "sweeps", []))


class ChinchillaFrontiers(Chinchilla):
    """Fig. 1: N*(C) by three approaches, beside Kaplan et al.'s and Hoffmann et al.'s own."""

    draw: Literal["chinchilla_frontiers"]
    approaches: Name


class ChinchillaEnvelope(Chinchilla):
    """Fig. 2: learning curves by compute, the size with the least loss, and its tokens."""

    draw: Literal["chinchilla_envelope"]
    approaches: Name
    sweeps: list[Name]  # whose longest run of each size is drawn


class ChinchillaIsoFlop(Chinchilla):
    """Fig. 3: parabolas at equal compute, and N* and D* at their minima."""

    draw: Literal["chinchilla_isoflop"]
    approaches: Name


class ChinchillaContours(Chinchilla):
    """Fig. 4: equal loss of the fitted law over compute and size, and slices at equal compute."""

    draw: Literal["chinchilla_contours"]
    approaches: Name
    sweeps: list[Name]  # whose runs are drawn


class ChinchillaTokens(Chinchilla):
    """Fig. A3: the best tokens and parameters at fixed FLOPs, by three approaches."""

    draw: Literal["chinchilla_tokens"]
    approaches: Name


class ChinchillaCurvature(Chinchilla):
    """Fig. A5: the frontier, and lines through thirds of it."""

    draw: Literal["chinchilla_curvature"]
    curvature: Name


class ApproachesCompared(Chinchilla):
    """a and b by each approach with intervals, beside published ones."""

    draw: Literal["approaches_compared"]
    approaches: Name


class Recounted(Chinchilla):
    """a under each way of counting, beside published ladders."""

    draw: Literal["recounted"]
    recount: Name
