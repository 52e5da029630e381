"""Learning-rate schedules, and the steps at which a run is evaluated."""

import math

from isoloss.config.runs import Optimisation


def learning_rate(training: Optimisation, step: int, steps: int, width: int) -> float:
    """The learning rate of a step.

    `wsd` is warm-up, constant, then a cooldown of shape 1 - sqrt(t) (Haegele et al. 2024,
    arXiv:2405.18392, Sec. 3).

    Parameters
    ----------
    step : int
        From 1 to `steps`.
    width : int
        Width of the model; the peak rate may depend on the width.
    """
    peak = training.lr_at_width(width)
    warmup = training.warmup_steps
    if warmup is None:
        warmup = round(training.warmup_fraction * steps)
    if step <= warmup:
        return peak * step / (warmup + 1)
    if training.schedule == "constant":
        return peak
    if training.schedule == "wsd":
        cooldown = round(training.cooldown_fraction * steps)
        begun = step - (steps - cooldown)
        return peak * (1 - math.sqrt(begun / (cooldown + 1))) if begun > 0 else peak
    # The rate reaches its end value one step after the last, so that no step has a rate of zero.
    done = (step - 1 - warmup) / max(1, steps - warmup)
    falling = (1 - done) if training.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    end = training.final_lr_fraction
    return peak * (end + (1 - end) * falling)


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
