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
        Of the model; the peak may depend on it.
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
    # The rate would reach its end one step after the last, so that no step is lost.
    done = (step - 1 - warmup) / max(1, steps - warmup)
    falling = (1 - done) if training.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    end = training.final_lr_fraction
    return peak * (end + (1 - end) * falling)


def evaluation_steps(steps: int, training: Optimisation) -> list[int]:
    """Log-spaced steps of 1 ... `steps`, in order; the last is always one.

    They are `n_evals` at most; or, with `evals_per_octave`, those of `octave_steps` and the last.
    """
    if training.evals_per_octave is not None:
        return sorted({*octave_steps(steps, training), steps})
    n_evals = training.n_evals
    if n_evals == 1:
        return [steps]
    ratio = steps ** (1 / (n_evals - 1))
    return sorted({min(steps, max(1, round(ratio**i))) for i in range(n_evals)} | {steps})


def octave_steps(steps: int, training: Optimisation) -> list[int]:
    """`evals_per_octave` steps a doubling, from `first_eval` to at most `steps`."""
    first, per_octave = training.first_eval, training.evals_per_octave
    if per_octave is None or steps < first:
        return []
    count = math.floor(per_octave * math.log2(steps / first) + 1e-9) + 1
    return sorted({round(first * 2 ** (i / per_octave)) for i in range(count)})
