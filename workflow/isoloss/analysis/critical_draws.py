"""How surely the critical batch is known, for what is made from it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from isoloss.analysis.critical_batch import law_of
from isoloss.analysis.rows import LEVEL
from isoloss.errors import UserError
from isoloss.stats import student

KNOWN = 4.0  # most ratio of the ends of its interval, where B_crit is known best, to adjust by it
Critical = Callable[[np.ndarray], np.ndarray]  # loss -> B_crit, in tokens


def critical_batch_of(done: pd.DataFrame, where: str) -> tuple[Critical, np.ndarray]:
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
    law = law_of(done)
    if law is None:
        raise UserError(where, ["no critical batch was measured before: S_min and C_min need it"])
    line = done[(done["do"] == "critical_batch") & (done["kind"] == "line")]
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
