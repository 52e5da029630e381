"""Learning curves of planted laws for the analyses of trunks: runs and curves, typed."""

import numpy as np
import pandas as pd

from isoloss.tables.schema import CURVE_COLUMNS, RUN_COLUMNS, SWEEP, typed

WIDTHS = (8, 16, 32, 64)
LENGTHS = (1000, 1600, 2560, 4096)  # steps
B, C, BETA, GAMMA = 0.09, 12.0, 0.5935, 0.6347  # of the drop, as a share; rates over the peak
TOKENS = 256  # a step


def size_of(width):
    """N, all parameters."""
    return 24 * width**2 + 320 * width


def constant_loss(width, step):
    """The planted loss at a constant rate."""
    return 1.2 + 20 * size_of(width) ** -0.35 + 9 * np.asarray(step, float) ** -0.3


def drop(steps, begun):
    """The share that a cooldown takes off, summed step by step."""
    at = np.arange(1, steps + 1)
    rate = 1 - np.sqrt(np.clip((at - begun) / (steps - begun + 1), 0, 1))
    fall = -np.diff(rate, prepend=1.0)
    since = rate.sum() - np.insert(np.cumsum(rate)[:-1], 0, 0.0)
    return B * np.sum(fall * (1 - (1 + C * rate**-GAMMA * since / 170) ** -BETA))


def cooled_loss(width, steps):
    """The planted loss after the cooldown of a run's last fifth."""
    begun = round(0.8 * steps)
    at = np.arange(1, steps + 1)
    rate = 1 - np.sqrt(np.clip((at - begun) / (steps - begun + 1), 0, 1))
    return constant_loss(width, rate.sum()) * (1 - drop(steps, begun))


def study(widths=WIDTHS, lengths=LENGTHS, *, noise=0.0, seed=0, sweep="grid", own=0, shape=None):
    """Runs that cool down trunks, and their curves with a row for each doubling.

    `own` is the seed of the runs; `shape(width, step)` multiplies the curve at a constant rate.
    """
    rng = np.random.default_rng([seed, own])
    rows, curves = [], []
    for width in widths:
        luck = np.exp(noise * rng.standard_normal())
        for steps in lengths:
            run_id, begun = f"{sweep}-w{width}-{steps}-s{own}", round(0.8 * steps)
            loss = cooled_loss(width, steps) * luck * np.exp(noise * rng.standard_normal() / 2)
            n, flops = size_of(width), 6.0 * size_of(width) * steps * TOKENS
            rows.append({
                "sweep": sweep, "run_id": run_id, "task": "language", "status": "done",
                "seed": own, "width": width, "n_layer": 2, "n_params": n, "steps": steps,
                "n_params_non_embedding": 24 * width**2, "n_tokens": steps * TOKENS,
                "peak_lr": 0.01, "schedule": "wsd", "loss": loss, "compute_flops": flops,
                "trunk": "t", "trunk_flops": flops * begun / steps,
            })  # fmt: skip
            at = 2.0 ** np.arange(5, 13)
            for step in at[at <= begun]:
                high = constant_loss(width, step) * luck
                high *= 1.0 if shape is None else shape(width, step)
                curves.append({"run_id": run_id, "step": int(step), "n_tokens": int(step) * TOKENS,
                               "lr": 0.01, "loss": high})  # fmt: skip
            curves.append({"run_id": run_id, "step": steps, "n_tokens": steps * TOKENS,
                           "lr": 1e-4, "loss": loss})  # fmt: skip
    return typed(rows, (SWEEP, *RUN_COLUMNS)), typed(curves, CURVE_COLUMNS)


def joined(*studies):
    """Several of them as one."""
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*studies, strict=True))
