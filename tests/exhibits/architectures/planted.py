"""Runs with planted losses by family, by position and on other texts."""

import numpy as np
import pandas as pd

from isoloss.tables.schema import (
    CURVE_COLUMNS,
    EVALUATION_COLUMNS,
    RUN_COLUMNS,
    SWEEP,
    typed,
)
from isoloss.tasks.language.data import bands

SIZES = (6144, 12288, 24576, 49152, 98304)
STEP, CONTEXT, N_WINDOWS = 300, 256, 1000
NOISE = 0.001  # of ln L over seeds
ALPHA = {"transformer": 0.10, "lstm_1": 0.06, "loop_4": 0.10}
FLOOR, FALL = 1.2, 1.5  # loss by position: FLOOR + FALL / T^power, in proportion to the size's
POWER = {"transformer": 0.3, "lstm_1": 1.5}
EXPONENTS = (0.02, 0.10)  # of the size, at position 1 and at the last one
OFFSET, SLOPE, EARLY = 0.4, 1.0, 0.15  # on another text; `EARLY` more while training
MODELS = {"transformer": "transformer", "lstm_1": "lstm", "loop_4": "recurrent_transformer"}


def family_loss(sweep, size):
    return 3.0 * (size / SIZES[2]) ** -ALPHA[sweep]


def run(sweep, size, seed, loss):
    return {
        "sweep": sweep, "run_id": f"{sweep}-{size}-s{seed}", "task": "language", "seed": seed,
        "target": "text-1a2b", "status": "done", "loss": loss, "best_loss": loss, "steps": STEP,
        "n_params_non_embedding": size, "n_params": 2 * size, "n_tokens": STEP * 2048,
        "model": MODELS.get(sweep, "transformer"), "n_layer": 1 if sweep == "lstm_1" else 2,
        "n_loop": 4 if sweep == "loop_4" else 1, "context": CONTEXT, "width": 32,
    }  # fmt: skip


def evaluation(run_id, step, loss, first=1, last=CONTEXT, text=None, windows=N_WINDOWS):
    return {
        "run_id": run_id, "step": step, "n_tokens": step * 2048, "compute_flops": step * 1e9,
        "text": text, "first_position": first, "last_position": last,
        "n_targets": windows * (last - first + 1), "loss": loss,
    }  # fmt: skip


def tables(rows, evaluations=(), curves=()):
    return (
        typed(rows, (SWEEP, *RUN_COLUMNS)),
        typed(list(curves), CURVE_COLUMNS),
        typed(list(evaluations), EVALUATION_COLUMNS),
    )


def families(sweeps=("transformer", "lstm_1"), noise=NOISE, seeds=2):
    """Power laws of the size with the exponents ALPHA; equal at the third size."""
    rng = np.random.default_rng(1)
    return tables([
        run(sweep, size, seed, family_loss(sweep, size) * np.exp(noise * rng.standard_normal()))
        for sweep in sweeps for size in SIZES for seed in range(seeds)
    ])  # fmt: skip


def position_loss(sweep, at, size=SIZES[-1]):
    return (size / SIZES[-1]) ** -0.05 * (FLOOR + FALL / at ** POWER[sweep])


def positions(sweeps=("transformer", "lstm_1"), noise=NOISE, seeds=2, context=CONTEXT):
    """Losses by position of two families, at two steps; `lstm_1` stops to improve early."""
    rng, rows, further = np.random.default_rng(2), [], []
    for sweep in sweeps:
        for size in SIZES:
            for seed in range(seeds):
                last = position_loss(sweep, context, size) * np.exp(noise * rng.standard_normal())
                row = run(sweep, size, seed, last)
                rows.append(row)
                for step in (STEP // 10, STEP):
                    later = 1.0 if step == STEP else 1.3
                    for first, last in bands(context):
                        loss = later * position_loss(sweep, np.sqrt(first * last), size)
                        loss *= np.exp(noise * rng.standard_normal())
                        further.append(evaluation(row["run_id"], step, loss, first, last))
    return tables(rows, further)


def size_loss(size, at):
    """A power of the size whose exponent grows with the logarithm of the position."""
    share = np.log(at) / np.log(CONTEXT)
    exponent = EXPONENTS[0] + (EXPONENTS[1] - EXPONENTS[0]) * share
    return 3.0 * (1 - 0.5 * share) * (size / SIZES[2]) ** -exponent


def sizes(noise=NOISE, seeds=2, short_gain=0.03):
    """Losses by size and position; models with a context of 8 are better there by `short_gain`."""
    rng, rows, further = np.random.default_rng(3), [], []
    for sweep, context in (("transformer", CONTEXT), ("context_8", 8)):
        for size in SIZES:
            for seed in range(seeds):
                last = size_loss(size, context) * np.exp(noise * rng.standard_normal())
                row = run(sweep, size, seed, last) | {"context": context}
                rows.append(row)
                for step in (STEP // 10, STEP):
                    for first, last in bands(context):
                        loss = size_loss(size, np.sqrt(first * last)) * (STEP / step) ** 0.1
                        loss *= np.exp(noise * rng.standard_normal() - short_gain * (context == 8))
                        further.append(evaluation(row["run_id"], step, loss, first, last))
    return tables(rows, further)


def elsewhere(noise=NOISE, slope=SLOPE, early=EARLY, texts=("books", "headers")):
    """Losses on other texts: OFFSET + slope times the own loss, and `early` more while training."""
    rng, rows, further, curves = np.random.default_rng(4), [], [], []
    for size in SIZES:
        for seed in range(2):
            row = run("transformer", size, seed, family_loss("transformer", size))
            rows.append(row)
            for step in (STEP // 10, STEP // 2, STEP):
                own = row["loss"] * (STEP / step) ** 0.03
                curves.append({"run_id": row["run_id"], "step": step, "loss": own,
                               "n_tokens": step * 2048})  # fmt: skip
                for place, text in enumerate(texts):
                    loss = OFFSET * (place + 1) + slope * own + early * (step < STEP)
                    loss += noise * rng.standard_normal()
                    further.append(evaluation(row["run_id"], step, loss, text=text))
    return tables(rows, further, curves)


def depths(change=0.0, noise=NOISE):
    """Models of one size and four depths beside those of `elsewhere`, on its line.

    `change` is what a doubling of depth adds to the loss on other texts.
    """
    rng, rows, further, curves = np.random.default_rng(5), [], [], []
    for n_layer, seed in ((n, seed) for n in (1, 2, 4, 8) for seed in range(2)):
        row = run("deep", SIZES[2], 10 * n_layer + seed, family_loss("transformer", SIZES[2]))
        row |= {"n_layer": n_layer, "loss": row["loss"] * (1 + 0.02 * np.log2(n_layer))}
        rows.append(row)
        curves.append({"run_id": row["run_id"], "step": STEP, "loss": row["loss"],
                       "n_tokens": STEP * 2048})  # fmt: skip
        for place, text in enumerate(("books", "headers")):
            loss = OFFSET * (place + 1) + SLOPE * row["loss"] + change * np.log2(n_layer)
            loss += noise * rng.standard_normal()
            further.append(evaluation(row["run_id"], STEP, loss, text=text))
    return joined(elsewhere(), tables(rows, further, curves))


def joined(*studies):
    """Several of them as one study."""
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*studies, strict=True))
