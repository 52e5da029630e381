"""A damped Newton method that minimises many small problems in one batch.

Each problem has its own damping and stops by itself. A step solves (H + damping * M) step = -g.
H is the exact Hessian. M is the Hessian of the quadratic that majorises the robust loss: that of
iteratively reweighted least squares. Far from the optimum, a step is one of reweighted least
squares, which always descends. Near the optimum, it is a Newton step. H and M change together
under any linear change of parameters, so the scale of a parameter does not matter.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

RELATIVE_GAIN = 1e-14  # stop when the predicted decrease is below this share of the objective
MINIMUM = 1e-7  # a minimum: reweighted least squares predicts a smaller decrease than this share
TINY = 1e-280
APPROACH = 0.9  # share of the way to a bound that one step may go
SNAP = 1e-4  # a parameter this close to a bound goes onto it


@dataclass(frozen=True)
class Minimised:
    """Per problem: where it stopped, the objective there, and whether it is a minimum.

    `decrement` is the decrease that a reweighted least-squares step still predicts, as a share of
    the objective. `steps` counts evaluations.
    """

    z: np.ndarray
    value: np.ndarray
    decrement: np.ndarray
    steps: np.ndarray

    @property
    def converged(self) -> np.ndarray:
        """Whether each problem ended at a minimum, shape (problem,)."""
        return np.isfinite(self.value) & (self.decrement < MINIMUM)


def joined(parts: list[Minimised]) -> Minimised:
    """The results of several batches, one after another."""
    names = [field.name for field in fields(Minimised)]
    return Minimised(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def held(z, gradient, lower, upper):
    """Which parameters sit on a bound that the objective pushes them against."""
    return ((z <= lower) & (gradient > 0)) | ((z >= upper) & (gradient < 0))


def solve(matrix, gradient, fixed, by):
    """Steps that minimise the quadratic; the parameters in `fixed` move by `by` (all (k, p))."""
    scale = np.sqrt(np.maximum(np.abs(np.einsum("sii->si", matrix)), TINY))
    matrix = matrix / (scale[:, :, None] * scale[:, None, :])
    by = np.where(fixed, by, 0.0) * scale
    right = -gradient / scale - np.einsum("spq,sq->sp", matrix, by)
    right = np.where(fixed, by, right)
    matrix[fixed] = 0.0
    matrix.transpose(0, 2, 1)[fixed] = 0.0
    diagonal = np.arange(gradient.shape[1])
    matrix[:, diagonal, diagonal] = np.where(fixed, 1.0, matrix[:, diagonal, diagonal] + 1e-14)
    try:
        step = np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        step = np.stack(
            [np.linalg.lstsq(m, r, rcond=None)[0] for m, r in zip(matrix, right, strict=True)]
        )
    return step / scale


def bounded_step(matrix, gradient, z, lower, upper):
    """The step within the bounds, and the decrease of the objective that the quadratic predicts.

    A parameter that would cross a bound goes most of the way to the bound; from close by, it goes
    onto the bound. The others are solved for again. (Jumps onto bounds from afar end in corners.)
    """
    fixed = held(z, gradient, lower, upper)
    step = solve(matrix, gradient, fixed, np.zeros_like(z))
    for _ in range(2):
        over = ~fixed & ((z + step < lower) | (z + step > upper))
        again = np.flatnonzero(over.any(axis=1))
        if not len(again):
            break
        fixed = fixed | over
        by = np.clip(z + step, lower, upper) - z
        by = np.where(np.abs(by) > SNAP, APPROACH * by, by)
        step[again] = solve(matrix[again], gradient[again], fixed[again], by[again])
    step = np.clip(z + step, lower, upper) - z
    slope = np.einsum("sp,sp->s", gradient, step)
    return step, -slope - np.einsum("sp,spq,sq->s", step, matrix, step) / 2


def minimise(
    evaluate: Callable,
    z,
    lower,
    upper,
    *,
    damping: float = 1.0,
    max_steps: int = 200,
    enough: float = 0.0,
) -> Minimised:
    """Minimise every problem of a batch from its own start.

    Parameters
    ----------
    evaluate : callable
        (z of shape (k, p), which problems, shape (k,)) -> value (k,), gradient (k, p), Hessian and
        majorant (k, p, p). A step to a value that is not finite is refused.
    z : ndarray, shape (batch, p)
        Starts.
    lower, upper : ndarray, shape (p,)
        Bounds; a start outside is moved onto them.
    enough : float
        A step is the last if it predicted a decrease below this share of the objective, and
        reached it. The decrease still possible is then of the order of that share's square.
    """
    z = np.clip(z, lower, upper)
    batch = len(z)
    going = np.arange(batch)
    value, gradient, hessian, majorant = (part.copy() for part in evaluate(z, going))
    shrink = np.full(batch, float(damping))
    steps = np.ones(batch, int)
    going = going[np.isfinite(value)]
    while len(going):
        current, g = z[going], gradient[going]
        matrix = hessian[going] + shrink[going, None, None] * majorant[going]
        step, promised = bounded_step(matrix, g, current, lower, upper)
        moved = current + step
        new = evaluate(moved, going)
        with np.errstate(invalid="ignore"):
            gain = value[going] - new[0]
            better = (promised > 0) & (gain > 0)
            good = better & (gain > 0.5 * promised)
        taken = going[better]
        z[taken] = moved[better]
        for old, fresh in zip((value, gradient, hessian, majorant), new, strict=True):
            old[taken] = fresh[better]
        small = np.abs(promised) <= RELATIVE_GAIN * value[going] + TINY
        near = good & (promised <= enough * value[going])
        stuck = small & (shrink[going] <= 1.0) & ~better
        done = shrink[going] > 1e12
        check = np.flatnonzero(near | stuck)
        if len(check):
            # Where H is not positive definite, or a bound hides a descent, its small decrease
            # proves nothing: the majorant decides.
            which = going[check]
            left = bounded_step(majorant[which], gradient[which], z[which], lower, upper)[1]
            ended = left <= np.where(near[check], MINIMUM / 2, MINIMUM / 100) * value[which] + TINY
            done[check] |= ended
            good[check] &= ended
        factor = np.where(good, 0.15, np.where(better & ~near, 0.7, 6.0))
        shrink[going] = np.maximum(shrink[going] * factor, 1e-12)
        steps[going] += 1
        going = going[~done & (steps[going] < max_steps)]
    with np.errstate(all="ignore"):
        _, promised = bounded_step(majorant, gradient, z, lower, upper)
        decrement = np.where(value > 1e-18, np.maximum(promised, 0.0) / value, 0.0)
    return Minimised(z, value, decrement, steps)
