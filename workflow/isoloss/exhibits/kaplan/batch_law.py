"""B_crit(L) as an analysis before has measured it, for what is made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.results import Analysed, Group, Label, Q, Verdict
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

REACH = 1.03  # beyond the measured losses, by which factor B_crit(L) is still used
KNOWN = 4.0  # most ratio of the ends of its interval, where B_crit is known best, to adjust by it
LAW = Group.of(Label.LAW)  # of the rows of the fitted line
Critical = Callable[[np.ndarray], np.ndarray]  # loss -> B_crit, in tokens


@dataclass(frozen=True)
class Law:
    """B_crit(L) = b_star / L**inverse_alpha_b, in tokens (Kaplan et al. 2020, Eq. 1.4).

    It is measured between the losses `lo_loss` and `hi_loss`, and extrapolated elsewhere.
    """

    b_star: float
    inverse_alpha_b: float
    lo_loss: float
    hi_loss: float
    verdict: Verdict

    @property
    def identified(self) -> bool:
        return self.verdict.identified

    def at(self, loss) -> np.ndarray:
        """B_crit at a loss in nats per token, in tokens."""
        return self.b_star / np.asarray(loss, float) ** self.inverse_alpha_b

    def knows(self, loss) -> np.ndarray:
        """Whether B_crit was measured at a loss, or next to it.

        With an exponent of ten a loss a third lower has a B_crit a hundred times as large, and an
        S_min by such a B_crit is no measurement.
        """
        loss = np.asarray(loss, float)
        return (self.lo_loss / REACH <= loss) & (loss <= self.hi_loss * REACH)

    @property
    def range(self) -> str:
        """Where it was measured, in words."""
        return f"losses from {self.lo_loss:.3g} to {self.hi_loss:.3g}"


def law_of(found: Analysed | None) -> Law | None:
    """The law that a `critical_batch` has measured, or None where there is no such analysis.

    For an analysis that goes on from it, `found` is `inputs.first("critical_batch")`.
    """
    if found is None:
        return None
    values = found.values([Q.B_STAR, Q.INVERSE_ALPHA_B])
    line = found.line(Q.B_CRIT, group=LAW)
    if values is None or line.empty:
        return None
    return Law(
        b_star=values[Q.B_STAR],
        inverse_alpha_b=values[Q.INVERSE_ALPHA_B],
        lo_loss=float(line["x"].min()),
        hi_loss=float(line["x"].max()),
        verdict=Verdict.read(line["verdict"].iloc[0]),
    )


def critical_batch_of(found: Analysed | None, where: str) -> tuple[Critical, np.ndarray]:
    """B_crit(L), and where its logarithm and its exponent may be instead.

    Returns
    -------
    at : callable
        B_crit in tokens at losses.
    sd : ndarray, shape (3,)
        Logarithm of the loss at which B_crit is best known, standard deviation of ln B_crit there,
        and standard deviation of 1 / alpha_B: the two are taken for independent.

    Raises
    ------
    UserError
        No analysis before this one has measured B_crit(L), or the data determine it at no loss. An
        exponent that is not determined is no reason: its spread is in the draws.
    """
    law = law_of(found)
    if law is None:
        raise UserError(where, ["no critical batch was measured before: S_min and C_min need it"])
    line = found.line(Q.B_CRIT, group=LAW)
    x, lo, hi = (np.log(line[name].to_numpy(float)) for name in ("x", "lo", "hi"))
    width = (hi - lo) / (2 * student.quantile(LEVEL))
    best = int(np.nanargmin(width))
    if not law.identified and hi[best] - lo[best] > np.log(KNOWN):
        raise UserError(where, [f"the critical batch is {law.verdict}"])
    # Away from there the width of the band grows by the exponent's share.
    away = np.abs(x - x[best]) > 1e-9
    spread = np.maximum(width[away] ** 2 - width[best] ** 2, 0) / (x[away] - x[best]) ** 2
    return law.at, np.array([x[best], width[best], np.sqrt(np.mean(spread))])


def drawn(at: Critical, sd: np.ndarray, draws: int, rng: np.random.Generator) -> list[Critical]:
    """`draws` versions of B_crit(L), as its interval allows them."""
    middle, width, slope = sd
    moves = rng.standard_normal((draws, 2)) * [width, slope]
    return [
        lambda loss, move=move: at(loss) * np.exp(move[0] - move[1] * (np.log(loss) - middle))
        for move in moves
    ]
