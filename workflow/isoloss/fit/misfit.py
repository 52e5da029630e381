"""Lack-of-fit test: are residuals noise, or a pattern in the law's variables or in compute?

The test is a linearised Ramsey RESET test at the weighted least-squares optimum of the law. It adds
every polynomial of a low degree in the logarithms of the variables that the law's own parameters
cannot make. Fisher's F test then asks whether these terms explain more than noise would. Where
enough runs were repeated at the same point, the test compares with the spread of repeated runs
instead (the textbook test of lack of fit against pure error).

Rows of one run are not independent. Each term then has a t test of its own, with the cluster-robust
error of CR2 and Satterthwaite's degrees of freedom, and the smallest p-value counts as many times
as there are terms (Bonferroni). Where other runs repeat the points, both tests are made: bends are
seen best by the first, and a law that misses single points by the second. The smaller p-value then
counts twice.
"""

import dataclasses
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from isoloss.fit import robust
from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.fit.repeats import Against, against_repeats
from isoloss.fit.resample import noise_model
from isoloss.laws.sums import Sum
from isoloss.stats import fisher
from isoloss.stats.spread import root_mean_square
from isoloss.tables.data import Data

SIGNIFICANT = 0.01
MISS = 1.5  # times the noise: a law that misses its runs by more is not their form
EXACT = 1e-9  # root mean square residual of ln L that leaves nothing to explain
DEGREES = (3, 2)  # of the polynomials, best first; the first that leaves enough rows is used
FREEDOM = 4  # least residual degrees of freedom of the test
CUT = 2.5  # standard deviations; residuals beyond are cut there
ROUNDS = 5  # rounds of reweighting
LACK_OF_FIT = "lack of fit"  # how the warning begins
MAY_FIT = "another law may fit better"
SEEN = 0.05  # share of a bend that the law's own parameters must leave of it


@dataclass(frozen=True)
class Misfit:
    """The result of the lack-of-fit test.

    Attributes
    ----------
    p_value : float
        Probability of a pattern at least this strong, if the law held.
    against : str
        What the test compared with: "bends" (polynomials of the variables), "runs" (the same, where
        rows of one run are not independent) or "repeats" (`fit.repeats`).
    size, noise : float
        Root mean square of the pattern, and standard deviation of repeated runs, or where there are
        too few, of the rest; both of ln L.
    by : dict of str to float
        p-value of bends in one quantity alone: each variable, and compute for N and D.
    worst : dict of str to float
        The point where the pattern is largest, and `residual`: the pattern of ln L there.
    freedom : int
        Degrees of freedom of the pattern: terms, or points, that the law's parameters cannot fit.
    bias_size, bias_freedom : float, int, optional
        Of the bends, where the pattern is of single points and the bends are larger for each degree
        of freedom. What the law misses smoothly moves its parameters most.
    """

    p_value: float
    against: str
    size: float
    noise: float
    by: dict[str, float]
    worst: dict[str, float]
    freedom: int
    bias_size: float | None = None
    bias_freedom: int | None = None

    @property
    def bias(self) -> tuple[float, int]:
        """Size and degrees of freedom of the pattern that intervals count (`fit.counted`)."""
        if self.bias_size is None or self.bias_freedom is None:
            return self.size, self.freedom
        return self.bias_size, self.bias_freedom

    @property
    def rejects(self) -> bool:
        """Whether the pattern is significant, and the law misses its runs by 1.5 times the noise.

        The runs then reject the form of the law. What follows from it holds only if the law does,
        and `fit.counted` widens its intervals. A significant pattern that is small beside the noise
        leaves a warning, and no answer is known that it could move.
        """
        return self.significant and self.miss > MISS * self.noise

    @property
    def miss(self) -> float:
        """Root mean square of ln L by which the law misses the runs, noise and pattern together."""
        return float(np.hypot(self.size, self.noise))

    @property
    def significant(self) -> bool:
        """Whether the p-value is below 0.01."""
        return self.p_value < SIGNIFICANT

    @property
    def text(self) -> str:
        """One sentence for a reader."""
        at = ", ".join(f"{name} {x:.3g}" for name, x in self.worst.items() if name != "residual")
        most = min(self.by, key=self.by.get) if self.by else None
        pattern = f"bend with {most}" if most else "differ between points by more than between runs"
        size, noise, there = 100 * self.size, 100 * self.noise, 100 * self.worst["residual"]
        p_value = f"= {self.p_value:.2g}" if self.p_value > 1e-99 else "< 1e-99"
        return (
            f"{LACK_OF_FIT} (p {p_value}): residuals {pattern}; the pattern is "
            f"{size:.2g} % of the loss beside {noise:.2g} % of noise, most at {at} "
            f"({there:+.2g} %): {MAY_FIT}"
        )


def misfit(problem: Problem, z: np.ndarray, data: Data) -> Misfit | None:
    """The lack-of-fit test, or None where it does not apply.

    It does not apply to power laws of one variable, which `fit.curvature` tests. It does not apply
    either to tables with too few rows, or with residuals of zero.
    """
    law = problem.law
    one_term = isinstance(law, Sum) and len(law.terms) == 1
    n = len(problem.log_loss)
    if one_term or n < problem.n_free + FREEDOM + 1:
        return None
    left, tangent, root, _ = cut_residuals(problem, z)
    if root_mean_square(left) < EXACT:
        return None
    basis = np.linalg.qr(tangent)[0]
    left = left - basis @ (basis.T @ left)
    runs = data.clusters if data.n_clusters < n else None
    repeated = against_repeats(_points(problem), left, basis, runs, root)
    bends, degree = bends_outside(problem, basis, root)
    if repeated is not None and (runs is None or bends is None):
        return _by_repeats(repeated, repeated.p_value, left, root, problem)
    if bends is None:
        return None
    p_value = probability(left, bends, basis, runs)
    pattern = bends @ (bends.T @ left)
    if repeated is not None and repeated.p_value < p_value:
        found = _by_repeats(repeated, min(1.0, 2 * repeated.p_value), left, root, problem)
        return _with_bends(found, root_mean_square(pattern / root), bends.shape[1])
    by = {}
    for name, column in _quantities(_scaled(problem.log_x)).items():
        alone = _outside(monomials([column], degree), basis, root)
        if alone.shape[1]:
            by[name] = probability(left, alone, basis, runs)
    rest, against = left - pattern, "bends" if runs is None else "runs"
    noise = root_mean_square(rest / root)
    if repeated is not None:
        p_value, noise = min(1.0, 2 * p_value), repeated.noise(left, root)
    return _described(against, p_value, pattern / root, noise, by, problem, bends.shape[1])


def _by_repeats(repeated: Against, p_value, left, root, problem):
    noise, pattern = repeated.noise(left, root), repeated.pattern / root
    return _described("repeats", p_value, pattern, noise, {}, problem, repeated.freedom)


def _with_bends(found: Misfit, size: float, freedom: int) -> Misfit:
    if size**2 * found.freedom <= found.size**2 * freedom:
        return found
    return dataclasses.replace(found, bias_size=size, bias_freedom=int(freedom))


def bends_outside(
    problem: Problem, basis: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray | None, int]:
    """Orthonormal bends that the law cannot make, shape (row, bend), and their degree.

    There are none where rows are too few.

    Parameters
    ----------
    basis : ndarray, shape (row, direction)
        Orthonormal basis of the law's tangent space, whitened.
    root : ndarray, shape (row,)
        Roots of the weights.
    """
    u = _scaled(problem.log_x)
    for degree in DEGREES:
        bends = _outside(monomials(list(u.values()), degree), basis, root)
        if len(root) - basis.shape[1] - bends.shape[1] >= FREEDOM and bends.shape[1]:
            return bends, degree
    return None, 0


def cut_residuals(problem: Problem, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted residuals cut at `CUT` standard deviations, tangent space, roots of the weights, z.

    They are taken at the optimum of reweighted least squares, so that a few outliers do not count
    as a pattern.
    """
    noise = noise_model(problem, z)
    weights = np.exp(-2 * noise.slope * noise.level)
    weights = weights if problem.weights is None else weights * problem.weights
    weights = weights / weights.mean()
    at, root, trust = z, np.sqrt(weights), np.ones_like(weights)
    for _ in range(ROUNDS):
        part = dataclasses.replace(problem, objective=Objective("lsq"), weights=weights * trust)
        at = part.solve(at[None], damping=0.1, enough=1e-10).z[0]
        residual = (
            problem.log_loss - problem.law.log_loss(problem.theta(at)[None], problem.log_x)[0]
        )
        residual = residual * root
        limit = max(CUT * np.median(np.abs(residual)) / 0.6745, 1e-300)
        trust = np.minimum(1.0, limit / np.maximum(np.abs(residual), 1e-300))
    free = (at > part.lower + 1e-9) & (at < part.upper - 1e-9)
    tangent = part.jacobian(at)[:, free] * root[:, None]
    return np.clip(residual, -limit, limit), tangent, root, at


def _scaled(log_x):
    """ln x of each variable that varies, from -1 to 1."""
    middle = {name: (x.max() + x.min()) / 2 for name, x in log_x.items()}
    half = {name: np.ptp(x) / 2 for name, x in log_x.items()}
    return {name: (x - middle[name]) / half[name] for name, x in log_x.items() if half[name] > 0}


def _quantities(u):
    """The quantities that residuals are tested against: the variables, and N D if it has both."""
    if {"n_params", "n_tokens"} <= set(u):
        return {**u, "compute": (u["n_params"] + u["n_tokens"]) / 2}
    return u


def monomials(columns: list[np.ndarray], degree: int) -> np.ndarray:
    """Every product of up to `degree` of the columns, and 1; shape (row, product)."""
    products = [np.ones_like(columns[0])]
    for power in range(1, degree + 1):
        chosen = combinations_with_replacement(columns, power)
        products += [np.prod(several, axis=0) for several in chosen]
    return np.stack(products, axis=1)


def _outside(columns, basis, root):
    """An orthonormal basis of the part of the weighted columns outside the tangent space."""
    columns = columns * root[:, None]
    columns = columns / np.linalg.norm(columns, axis=0)
    columns = columns - basis @ (basis.T @ columns)
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, size > SEEN]


def probability(
    left: np.ndarray, directions: np.ndarray, basis: np.ndarray, runs: np.ndarray | None
) -> float:
    """Probability of so much of the residuals along the directions, if they were noise.

    Parameters
    ----------
    left : ndarray, shape (row,)
        Weighted residuals, outside the law's tangent space.
    directions, basis : ndarray, shape (row, direction)
        Orthonormal: what is tested, and the law's tangent space.
    runs : ndarray of int, shape (row,), or None
        The run of each row, where rows of a run are not independent.
    """
    from scipy import special

    if runs is not None:
        fitted = np.column_stack([basis, directions])
        along = directions.T @ left
        freed = robust.bias_reduced(left - directions @ along, fitted, runs)
        error = np.sqrt(np.sum(robust.summed(directions * freed[:, None], runs) ** 2, axis=0))
        freedom = robust.freedom(fitted, directions.T, runs)
        p_values = 2 * special.stdtr(freedom, -np.abs(along) / np.maximum(error, 1e-300))
        return float(min(1.0, len(along) * p_values.min()))
    n_params = basis.shape[1]
    n_more = directions.shape[1]
    freedom = len(left) - n_params - n_more
    gain = float(np.sum((directions.T @ left) ** 2))
    rest = max(float(left @ left) - gain, 1e-300)
    return fisher.tail(gain / n_more / (rest / freedom), n_more, freedom)


def _points(problem):
    """The place of each row's point among all points of the table, shape (row,)."""
    columns = np.stack(list(problem.log_x.values()))
    return np.unique(columns, axis=1, return_inverse=True)[1].ravel()


def _described(against, p_value, pattern, noise, by, problem, freedom):
    worst = int(np.argmax(np.abs(pattern)))
    point = {name: float(np.exp(x[worst])) for name, x in problem.log_x.items()}
    size, most = root_mean_square(pattern), float(pattern[worst])
    return Misfit(p_value, against, size, noise, by, {**point, "residual": most}, int(freedom))
