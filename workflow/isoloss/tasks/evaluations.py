"""The steps at which a run is evaluated."""

import math

from isoloss.config.runs import Optimisation


def evaluation_steps(steps: int, training: Optimisation) -> list[int]:
    """The steps with an evaluation: log-spaced in 1 ... `steps`, in order, with the last step.

    There are at most `n_evals`. With `evals_per_octave`, they are `octave_steps` and the last step.
    """
    if training.evals_per_octave is not None:
        return sorted({*octave_steps(steps, training), steps})
    n_evals = training.n_evals
    if n_evals == 1:
        return [steps]
    ratio = steps ** (1 / (n_evals - 1))
    return sorted({min(steps, max(1, round(ratio**i))) for i in range(n_evals)} | {steps})


def octave_steps(steps: int, training: Optimisation) -> list[int]:
    """`evals_per_octave` steps per doubling, from `first_eval` to at most `steps`."""
    first, per_octave = training.first_eval, training.evals_per_octave
    if per_octave is None or steps < first:
        return []
    count = math.floor(per_octave * math.log2(steps / first) + 1e-9) + 1
    return sorted({round(first * 2 ** (i / per_octave)) for i in range(count)})
