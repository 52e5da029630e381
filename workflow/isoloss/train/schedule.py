"""Learning-rate schedules."""

import math

from isoloss import elementary
from isoloss.config.runs import Optimisation


def warmup_steps(training: Optimisation, steps: int) -> int:
    """Steps with a growing learning rate, of so many steps in all."""
    if training.warmup_steps is not None:
        return training.warmup_steps
    return round(training.warmup_fraction * steps)


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
    warmup = warmup_steps(training, steps)
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
    falling = 1 - done
    if training.schedule == "cosine":
        falling = (1 + float(elementary.cos(math.pi * done))) / 2
    end = training.final_lr_fraction
    return peak * (end + (1 - end) * falling)
