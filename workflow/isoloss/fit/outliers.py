"""Outliers: single runs that lie farther from the law of the others than noise explains.

The test is the mean-shift model (Cook and Weisberg 1982, Residuals and Influence in Regression,
Sec. 2.2): a law with a free shift of one row, which is the law fitted without that row. The F
statistic of the shift is the square of the externally studentised residual. The smallest of the
rows' p-values is multiplied by their number (Bonferroni). A row that is found is left out, and the
others are tested again, because one outlier hides another (Rosner 1983).
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.fit.resample import ENOUGH, noise_model
from isoloss.stats import fisher, student
from isoloss.stats.spread import root_mean_square
from isoloss.tables.data import Data

SIGNIFICANT = 0.01  # for all rows of a table together
SHARE = 0.1  # of the rows: the most that are named, and at least two
MOST = 10
FREEDOM = 2  # least residual degrees of freedom without the row
TRIED = 5  # rows of the largest linearised residuals that the law is fitted without
FREE = 0.02  # of 1 - leverage: a row that its own parameters fit cannot be seen to be off
EXACT = 1e-9  # root mean square residual of ln L that leaves nothing to explain


@dataclass(frozen=True)
class Outlier:
    """A row that is far off the law of the others.

    Attributes
    ----------
    row : int
        Its number in the user's table, from 1.
    off : float
        Its loss over that of the law fitted without it, minus one.
    p_value : float
        Probability that the farthest of all rows is so far off, with normal noise.
    without : dict of str to float
        The law's parameters, and what follows from them, without the row.
    """

    row: int
    off: float
    p_value: float
    without: dict[str, float]

    @property
    def text(self) -> str:
        """One sentence for a reader."""
        side = "above" if self.off > 0 else "below"
        said = ", ".join(f"{name} = {value:.4g}" for name, value in self.without.items())
        return (
            f"row {self.row} is an outlier: its loss is {abs(self.off):.1%} {side} the law of the "
            f"other rows (p = {self.p_value:.1g}); without it, {said}"
        )


@np.errstate(all="ignore")
def outliers(problem: Problem, z: np.ndarray, data: Data) -> tuple[Outlier, ...]:
    """The outliers of a fit with the optimum `z`, the farthest first.

    There are none where the test does not apply: where rows of one run depend on each other, and
    where residuals are zero.
    """
    if (
        data.n_clusters < data.n_rows
        or root_mean_square(problem.residuals(problem.theta(z))) < EXACT
    ):
        return ()
    noise = noise_model(problem, z)
    weights = np.exp(-2 * noise.slope * noise.level)
    weights = weights if problem.weights is None else weights * problem.weights
    squares = dataclasses.replace(
        problem, objective=Objective("lsq"), weights=weights / weights.mean()
    )
    numbers = np.arange(1, data.n_rows + 1) if data.numbers is None else data.numbers
    kept, found = np.ones(data.n_rows), []
    at = squares.solve(z[None], damping=0.1, enough=ENOUGH).z[0]
    for _ in range(min(MOST, max(2, int(SHARE * data.n_rows)))):
        far = _farthest(squares, at, kept)
        if far is None or far[1] >= SIGNIFICANT:
            break
        row, p_value, at = far
        kept[row] = 0.0
        fitted = problem.law.log_loss(problem.theta(at)[None], problem.log_x)[0, row]
        off = float(np.exp(problem.log_loss[row] - fitted) - 1)
        found.append(Outlier(int(numbers[row]), off, p_value, _without(problem, z, row)))
    return tuple(found)


def _farthest(squares, at, kept):
    """The row that is farthest off, its p-value, and the optimum without it; None without one."""
    rows = np.flatnonzero(kept)
    freedom = len(rows) - squares.n_free - 1
    if freedom < FREEDOM:
        return None
    root = np.sqrt(squares.weights)
    left = squares.residuals(squares.theta(at))[0] * root
    leverage = student.leverage((squares.jacobian(at) * root[:, None])[rows])
    size = np.where(1 - leverage > FREE, np.abs(left[rows]) / np.sqrt(1 - leverage), 0.0)
    tried = rows[np.argsort(-size, kind="stable")[:TRIED]]
    weights = np.repeat(kept[None], len(tried), axis=0)
    weights[np.arange(len(tried)), tried] = 0.0
    starts = np.repeat(at[None], len(tried), axis=0)
    ends = squares.solve(starts, damping=0.1, enough=ENOUGH, weights=weights)
    before, after = float(left[rows] @ left[rows]), 2 * ends.value
    ratio = np.where(ends.converged, (before - after) / (after / freedom), 0.0)
    best = int(np.argmax(ratio))
    p_value = len(rows) * fisher.tail(max(float(ratio[best]), 0.0), 1, freedom)
    return int(tried[best]), min(p_value, 1.0), ends.z[best]


def _without(problem, z, row):
    """The law's numbers by the fit's own objective, without a row."""
    weights = np.ones((1, len(problem.log_loss)))
    weights[0, row] = 0.0
    theta = problem.theta(problem.solve(z[None], damping=0.1, weights=weights).z[0])
    values = dict(zip(problem.law.names, problem.law.natural(theta), strict=True))
    values |= problem.law.derived(values)
    return {name: float(value) for name, value in values.items()}
