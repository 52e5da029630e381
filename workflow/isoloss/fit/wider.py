"""How far an answer depends on the form of the law: the wider laws that the runs allow.

Hoffmann's sum is `skaling` with k = 1. Where runs are off the compute optimum, or at few ratios of
data to size, they hardly tell k, and yet N* moves with k. No test of one table sees such a misfit.
But the table tells which k it allows: those at which the best fit is nearly as good as the best of
all (the profile likelihood). Each allowed k has an answer of its own. An answer that leaves its own
interval among them holds only if the law does. It is a sensitivity analysis over a model that is
larger by one parameter (Draper 1995, J. R. Stat. Soc. B 57, 45, "model expansion"). Where k = 1
is no allowed k itself, all answers hold only if the law does.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from isoloss.fit import robust
from isoloss.fit.misfit import EXACT, cut_residuals
from isoloss.fit.objective import Objective
from isoloss.fit.problem import Problem
from isoloss.laws import CHINCHILLA, SKALING
from isoloss.stats import student
from isoloss.stats.spread import root_mean_square

# Kaplan et al. (2020), Table 2, have k = .10. Fits of 23 public tables have k from .18 to 2.6.
LOWEST, LARGEST = 0.1, 3.0
WIDER_FITS = (CHINCHILLA.name,)
K = "k"
REACH = 12  # steps to each side, of growing size
GROWTH = 1.6
LEAST_STEP, LARGEST_STEP = 0.01, 0.5  # of ln k
ENOUGH = 1e-10
SMALL = 1e-300
ON_BOUND = 1e-9


@dataclass(frozen=True)
class Wider:
    """The fits of `skaling` with each k that the runs allow; the first is the law's own, k = 1.

    Attributes
    ----------
    k : ndarray, shape (point,)
        1, and then the allowed values in order.
    theta : ndarray, shape (point, parameter)
        In the coordinates of `skaling`: the limits by size alone and by data alone, E and k.
    p_value : float
        Of k = 1: the probability of a gain at least as large by another k, if the law held.
    """

    k: np.ndarray
    theta: np.ndarray
    p_value: float

    @property
    def doubt(self) -> str:
        """Why all answers hold only if the law does, or ""."""
        if self.k[1] <= 1 <= self.k[-1]:
            return ""
        return f"{SKALING.name}, of which it is a case, fits better (p = {self.p_value:.2g})"

    @property
    def words(self) -> str:
        """The wider law, its allowed k, and whether k = 1 is one of them."""
        low, high = self.k[1], self.k[-1]
        fits = "fits as well" if low <= 1 <= high else "fits better"
        return f"{SKALING.name} with {K} from {low:.2g} to {high:.2g} {fits} and puts it"

    def numbers(self) -> dict[str, np.ndarray]:
        """The law's own quantities, each of shape (point,), as the wider law has them.

        Coefficients and exponents are those of the limits, A**k and k alpha: what Hoffmann's A and
        alpha are, where k is 1. The optimum is that of the wider law.
        """
        limits = dict(zip(CHINCHILLA.names, CHINCHILLA.natural(self.theta[:, :5]).T, strict=True))
        return limits | SKALING.derived(self._values())

    def optimum(self, compute: float, flops_per_param_token: float) -> dict[str, np.ndarray]:
        """N*, D* and the loss at a budget in FLOP, each of shape (point,)."""
        budgets = np.full(len(self.k), compute)
        return SKALING.optimum(self._values(), budgets, flops_per_param_token)

    def to_dict(self) -> dict[str, list]:
        """The points for JSON, each k with its theta; `Wider.read` reads them."""
        return {"k": self.k.tolist(), "theta": self.theta.tolist(), "p_value": self.p_value}

    @classmethod
    def read(cls, kept: Mapping[str, list] | None) -> Self | None:
        """What `to_dict` made; None where there is none."""
        if kept is None:
            return None
        return cls(np.array(kept["k"]), np.array(kept["theta"]), kept["p_value"])

    def _values(self) -> Mapping[str, np.ndarray]:
        return dict(zip(SKALING.names, SKALING.natural(self.theta).T, strict=True))


@dataclass(frozen=True)
class Moved:
    """Where the wider law puts a number, that law in words, and its `Wider.doubt`."""

    lo: float
    hi: float
    words: str
    doubt: str = ""

    def why(self, lo: float, hi: float, digits: int) -> str:
        """Why a number with an interval depends on the law: it lies elsewhere, or fits better."""
        if lo <= self.lo and self.hi <= hi:
            return self.doubt
        there, here = (
            " to ".join(f"{x:.{digits}g}" if np.isfinite(x) else "without end" for x in ends)
            for ends in ((self.lo, self.hi), (lo, hi))
        )
        return f"{self.words} from {there}, where the law says {here}"


def moved(value: float, along: np.ndarray | None, ratio: bool, by: Wider | None) -> Moved | None:
    """A number moved by as much as the wider law moves it from k = 1; None where it is not there.

    Parameters
    ----------
    value : float
        As the law has it.
    along : ndarray, shape (point,), optional
        As the wider law has it, in the order of its points.
    ratio : bool
        Whether it moves by a factor.
    """
    if along is None or by is None or not np.isfinite(along[0]):
        return None
    found = value * (along / along[0]) if ratio else value + (along - along[0])
    there = found[1:][np.isfinite(found[1:])]
    if not len(there):
        return None
    return Moved(float(there.min()), float(there.max()), by.words, by.doubt)


@np.errstate(all="ignore")
def wider(
    problem: Problem, theta: np.ndarray, clusters: np.ndarray | None, level: float
) -> Wider | None:
    """The fits of the wider law that the runs allow, or None where there is no wider law.

    Parameters
    ----------
    theta : ndarray, shape (parameter,)
        The optimum of the law.
    clusters : ndarray of int, shape (row,), optional
        The run of each row; without it, rows are independent.
    level : float
        Of the interval of k.
    """
    if problem.law.name not in WIDER_FITS:
        return None
    left, _, root, z = cut_residuals(problem, problem.z(theta[None])[0])
    if root_mean_square(left) < EXACT:
        return None
    narrow = problem.theta(z)
    losses = problem.law.log_loss(narrow[None], problem.log_x)[0] + left / root
    start = np.append(narrow, 1.0)
    free = dataclasses.replace(problem, law=SKALING, objective=Objective("lsq"), weights=root**2,
                               log_loss=losses)  # fmt: skip
    path = _Path(free)
    own = path.at(0.0, start)
    best = free.solve(free.z(start[None]), damping=0.1, enough=ENOUGH)
    middle = free.theta(best.z[0])
    log_k = float(np.clip(np.log(middle[-1]), np.log(LOWEST), np.log(LARGEST)))
    found = path.at(log_k, middle)
    if own is None or found is None:
        return None
    least = min(own[0], found[0])
    length, error, freedom = _slope_by_k(free, found[1], clusters)
    width = error * student.quantile(level, freedom) if freedom else np.inf
    allowance = max(width**2, SMALL)
    first = float(np.clip(width / length / np.exp(log_k), LEAST_STEP, LARGEST_STEP))
    points = [(log_k, found[1])]
    for side, end in ((-1, np.log(LOWEST)), (1, np.log(LARGEST))):
        points += path.walk(log_k, found[1], end, side * first, least, allowance)
    points.sort(key=lambda point: point[0])
    k, thetas = zip((0.0, own[1]), *points, strict=True)
    gain = np.sqrt(own[0] - least) / max(error, SMALL)
    p_value = student.two_sided(gain, freedom) if freedom else 1.0
    return Wider(np.exp(k), np.array(thetas), p_value)


class _Path:
    """The best fits of the wider law with ln k held, one after another."""

    def __init__(self, free: Problem):
        self.free = free

    def at(self, log_k: float, start: np.ndarray) -> tuple[float, np.ndarray] | None:
        """The sum of squares and theta, or None where no minimum is found."""
        part = dataclasses.replace(self.free, fixed={**self.free.fixed, K: float(np.exp(log_k))})
        ends = part.solve(part.z(start[None]), damping=0.1, enough=ENOUGH)
        if not ends.converged[0]:
            return None
        theta = part.theta(ends.z[0])
        residual = part.residuals(theta)[0]
        return float(np.sum(part.weights * residual**2)), theta

    def walk(self, log_k, theta, end, step, least, allowance):
        """Points from here to where the sum of squares is beyond what is allowed, or to the end."""
        found, inside, short = [], log_k, -1.0
        for _ in range(REACH):
            if inside == end:
                break
            there = min(inside + step, end) if step > 0 else max(inside + step, end)
            said = self.at(there, theta)
            if said is None:
                break
            over = self._over(said[0], least, allowance)
            if over > 0:
                there = inside + (there - inside) * short / (short - over)
                said = self.at(there, theta)
                return found if said is None else [*found, (there, said[1])]
            found.append((there, said[1]))
            inside, short, theta, step = there, over, said[1], step * GROWTH
        return found

    @staticmethod
    def _over(squares, least, allowance):
        """Nearly linear in ln k: -1 at the best fit, and 0 at the end of the interval."""
        return np.sqrt(max(squares - least, 0.0) / allowance) - 1


def _slope_by_k(free, theta, clusters):
    """How far k moves ln L in ways that no other parameter can, the error of that, and its freedom.

    Rows of one run have the cluster-robust error of CR2, with Satterthwaite's degrees of freedom.
    """
    z = free.z(theta[None])[0]
    root = np.sqrt(free.weights)
    inside = (z > free.lower + ON_BOUND) & (z < free.upper - ON_BOUND)
    place = free.free.index(K)
    slopes = free.jacobian(z) * root[:, None]
    inside[place] = False
    basis = np.linalg.qr(slopes[:, inside])[0]
    along = slopes[:, place]
    for _ in range(2):  # so little is left of it that rounding counts
        along = along - basis @ (basis.T @ along)
    length = max(float(np.linalg.norm(along)), SMALL)
    along = along / length
    residual = free.residuals(theta)[0] * root
    freedom = len(root) - basis.shape[1] - 1
    if freedom < 1:
        return length, np.inf, 0
    if clusters is None:
        error = np.sqrt(residual @ residual / freedom)
    else:
        fitted = np.column_stack([basis, along])
        freed = robust.bias_reduced(residual, fitted, clusters)
        error = np.linalg.norm(robust.summed(along * freed, clusters))
        freedom = robust.freedom(fitted, along[None], clusters)[0]
    return length, float(error), freedom
