"""The wild cluster bootstrap for few runs: residuals that are turned together, run by run.

The residuals are those of CR2, and the weights follow Student's t with Satterthwaite's degrees of
freedom. So the interval of a linear law is that of Bell and McCaffrey (2002), which Imbens and
Kolesar (2016) recommend. The turned tables are fitted by least squares, because a turned run has
one pattern of residuals alone, and a robust fit of it varies less than one of new runs. The
residuals are enlarged by what a robust fit varies more than least squares.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from isoloss.fit import robust
from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.stats import student

AT_BOUND = 1e-9  # a parameter so near to its bound does not move
FLATTEST = 1e-10  # singular values below this share of the largest are no direction
ENOUGH = 1e-8  # share of the objective, as of all draws (`fit.resample`)
SIMULATED = 30_000  # pairs of rows, for the influence of noise on a robust fit
SHARES = (0.02, 0.95)  # of common variance that residuals can tell
LEAST_CUT = 0.1  # standard deviations; least absolute values are Huber's loss cut there


@dataclass(frozen=True)
class TurnedRuns:
    """The residuals of a table, and how they are turned.

    Attributes
    ----------
    residual : ndarray, shape (row,)
        CR2 residuals of ln L, enlarged where the objective is robust.
    runs : ndarray of int, shape (row,)
        The run of each row, from 0 without a gap.
    freedom : float
        Degrees of freedom of the variances that follow: the median over the law's parameters.
    """

    residual: np.ndarray
    runs: np.ndarray
    freedom: float

    def draw(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """New noise, shape (draw, row): one normal weight for each run, and the scale of t."""
        weights = rng.standard_normal((draws, int(self.runs.max()) + 1))
        weights *= student.scales(self.freedom, draws, rng)
        return weights[:, self.runs] * self.residual


def least_squares(problem: Problem) -> Problem:
    """The same problem by least squares of ln L."""
    return dataclasses.replace(problem, objective=Objective("lsq"))


def turned_runs(problem: Problem, z: np.ndarray, clusters: np.ndarray) -> TurnedRuns:
    """Residuals and degrees of freedom of weighted least squares, from its optimum near `z`."""
    runs = np.unique(clusters, return_inverse=True)[1]
    squares = least_squares(problem)
    at = squares.solve(z[None], damping=0.1, enough=ENOUGH).z[0]
    residual = problem.log_loss - problem.law.log_loss(problem.theta(at)[None], problem.log_x)[0]
    root = np.ones_like(residual) if problem.weights is None else np.sqrt(problem.weights)
    free = (at > problem.lower + AT_BOUND) & (at < problem.upper - AT_BOUND)
    tangent = squares.jacobian(at)[:, free] * root[:, None]
    basis = np.linalg.qr(tangent)[0]
    solver = problem.matrix[:, free] @ np.linalg.pinv(tangent, rcond=FLATTEST)
    solver = solver[np.any(solver, axis=1)]  # held parameters have no error
    freedom = float(np.median(robust.freedom(basis, solver, runs)))
    freed = robust.bias_reduced(residual * root, basis, runs) / root
    sd, share = float(np.sqrt(np.mean(freed**2))), robust.shared(freed, runs)
    by_common, by_own = _spread_of(problem.objective, sd, share)
    counts = np.bincount(runs)
    mean = (np.bincount(runs, freed) / counts)[runs]
    # The mean of a run holds what its rows have in common, and a part of what is their own.
    own = (1 - share) / counts
    by_mean = np.sqrt((by_common**2 * share + by_own**2 * own) / (share + own))[runs]
    return TurnedRuns(by_mean * mean + by_own * (freed - mean), runs, freedom)


def _spread_of(objective: Objective, sd: float, share: float) -> tuple[float, float]:
    """How much more noise moves a robust fit than least squares: common and own part of a run.

    An M-estimate moves by psi(residual) / E[psi'] (Huber 1981, Sec. 7.6). For normal noise of which
    rows of a run have `share` of the variance in common, the covariance of this influence has a
    common and an own part, as the noise itself has.
    """
    if objective.squares or not sd > 0:
        return 1.0, 1.0
    share = float(np.clip(share, *SHARES))
    common, one, other = np.random.default_rng(0).standard_normal((3, SIMULATED))
    rows = [np.sqrt(share) * common + np.sqrt(1 - share) * own for own in (one, other)]
    cut = objective.delta / sd if objective.name == "huber" else LEAST_CUT
    cut = max(cut, LEAST_CUT)
    psi = [np.clip(row, -cut, cut) for row in rows]
    slope = np.mean(np.abs(rows) < cut)
    variance, covariance = np.mean(np.square(psi)) / slope**2, np.mean(psi[0] * psi[1]) / slope**2
    own = (variance - covariance) / (1 - share)
    return float(np.sqrt(max(covariance / share, 1.0))), float(np.sqrt(max(own, 1.0)))
