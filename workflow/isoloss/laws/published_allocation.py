"""Published exponents of compute-optimal allocation: N* ~ C**a and D* ~ C**b."""

from dataclasses import dataclass

KAPLAN = "Kaplan et al. (2020), arXiv:2001.08361, Table 6"
HOFFMANN = "Hoffmann et al. (2022), arXiv:2203.15556, Table 2"
CORPORA = "Hoffmann et al. (2022), arXiv:2203.15556, Table A2"
BESIROGLU = "Besiroglu et al. (2024), arXiv:2404.10102"
PORIAN = "Porian et al. (2024), arXiv:2406.19146, RefinedWeb"
PEARCE = "Pearce and Song (2024), arXiv:2406.12907"


@dataclass(frozen=True)
class PublishedExponent:
    """A published exponent with its interval, if there is one, and the method behind it."""

    label: str
    value: float
    lo: float | None
    hi: float | None
    source: str


# Hoffmann et al. give 10th to 90th percentiles of 100 bootstraps; those of Approach 3 are narrower
# than 240 points allow (Besiroglu et al. 2024). Besiroglu et al. print a standard error of a, .02;
# the interval is 1.64 standard errors to either side.
APPROACHES_A = (
    PublishedExponent("Hoffmann 1: envelope", 0.50, 0.488, 0.502, HOFFMANN),
    PublishedExponent("Hoffmann 2: isoFLOP", 0.49, 0.462, 0.534, HOFFMANN),
    PublishedExponent("Hoffmann 3: parametric", 0.46, 0.454, 0.455, HOFFMANN),
    PublishedExponent("Besiroglu: parametric", 0.5126, 0.480, 0.545, BESIROGLU),
    PublishedExponent("Kaplan", 0.73, None, None, KAPLAN),
)
APPROACHES_B = (
    PublishedExponent("Hoffmann 1: envelope", 0.50, 0.501, 0.512, HOFFMANN),
    PublishedExponent("Hoffmann 2: isoFLOP", 0.51, 0.483, 0.529, HOFFMANN),
    PublishedExponent("Hoffmann 3: parametric", 0.54, 0.542, 0.543, HOFFMANN),
    PublishedExponent("Kaplan", 0.27, None, None, KAPLAN),
)
# Approach 2 on two other corpora.
CORPORA_A = (
    PublishedExponent("Hoffmann: MassiveText", 0.49, 0.462, 0.534, HOFFMANN),
    PublishedExponent("Hoffmann: C4", 0.50, None, None, CORPORA),
    PublishedExponent("Hoffmann: GitHub", 0.53, None, None, CORPORA),
)
# Each rung adds one correction to the one before it; 95 % intervals.
PORIAN_LADDER = (
    PublishedExponent("Kaplan's set-up", 0.835, 0.824, 0.846, PORIAN),
    PublishedExponent("+ output layer's FLOPs", 0.706, 0.691, 0.717, PORIAN),
    PublishedExponent("+ warm-up by size", 0.602, 0.591, 0.617, PORIAN),
    PublishedExponent("+ decay by tokens", 0.571, 0.560, 0.589, PORIAN),
    PublishedExponent("+ tuned rate, batch, beta2", 0.497, 0.491, 0.505, PORIAN),
)
# The same law with and without embeddings, over Kaplan et al.'s 768 to 1.5e9 parameters.
PEARCE_SONG = (
    PublishedExponent("without embeddings", 0.78, None, None, PEARCE),
    PublishedExponent("all parameters", 0.515, None, None, PEARCE),
)
