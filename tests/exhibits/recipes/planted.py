"""Runs with planted losses for the exhibits of shapes, schedules, tuning, epochs and corpora."""

import numpy as np
import pandas as pd

from isoloss.config.runs import Optimisation, Transformer
from isoloss.counting import six_nd_columns, transformer_cost
from isoloss.tables.schema import CURVE_COLUMNS, RUN_COLUMNS, SWEEP, typed
from isoloss.train.schedule import learning_rate

CONTEXT, BATCH, VOCABULARY = 64, 4, 256
PER_STEP = CONTEXT * BATCH
SEEDS = 3
NOISE = 0.002  # of ln L over seeds

BEST_ASPECT, BEND = 12.0, 0.004  # ln L = BEND (ln(aspect / BEST_ASPECT))^2
SHAPES = ((1, 96), (2, 68), (4, 48), (11, 29), (16, 24))  # n_layer, width: N = 110,592
WITHOUT_DECAY, WITHOUT_WARMUP, BEST_SUM = 0.03, 0.01, 4.4  # added to ln L; sum of the rates
LENGTHS, PRICE = (1.0, 1.25, 2.0, 5.0), 0.02  # ln L = PRICE (length - 1)
TURN, SLOPE = 0.6, 0.05  # ln L of AdamW over Adam: SLOPE (TURN - share of the run)
R_D = 12.0
LAWS = {  # rung or corpus -> E, A, B, alpha, beta in the counts of the rung
    "kaplan": (0.9, 30.0, 3300.0, 0.30, 0.60),
    "matched": (0.9, 30.0, 315.0, 0.30, 0.40),
    "tuned": (0.9, 50.0, 268.0, 0.40, 0.40),
}
WIDTHS = (8, 12, 16, 24, 36, 56, 92)
TOKENS = tuple(1000 * PER_STEP * 2**i for i in range(5))
TRIED = (2.0, 2.1, 2.3, 2.05, 2.6, 2.2)  # losses of a size's settings


def model(width, n_layer=2, n_head=1, d_ff=None):
    return Transformer(
        n_layer=n_layer, d_model=width, n_head=n_head, d_ff=d_ff, tie_embeddings=True
    )


def run(sweep, run_id, shape, n_tokens, loss, **also):
    """A row of the table of runs; a loss of None is a run that diverged."""
    steps = n_tokens // PER_STEP
    cost = transformer_cost(shape, VOCABULARY, CONTEXT, n_targets=CONTEXT, batch_size=BATCH,
                            steps=steps, n_heldout=0)  # fmt: skip
    counted = six_nd_columns(cost.n_params, cost.n_params_non_embedding, steps * PER_STEP,
                             logits=VOCABULARY * shape.d_model)  # fmt: skip
    return {
        "sweep": sweep, "run_id": run_id, "task": "language", "target": "text-1a2b",
        "status": "diverged" if loss is None else "done", "seed": 0, "width": shape.d_model,
        "n_layer": shape.n_layer, "n_head": shape.n_head, "d_ff": shape.d_ff or 4 * shape.d_model,
        "context": CONTEXT, "n_params": cost.n_params, "batch_size": BATCH, "steps": steps,
        "n_params_non_embedding": cost.n_params_non_embedding, "n_tokens": steps * PER_STEP,
        "n_unique_tokens": steps * PER_STEP, "compute_flops": float(cost.flops),
        "schedule": "wsd", "peak_lr": 0.01, "weight_decay": 0.0, "loss": loss, "best_loss": loss,
    } | counted | also  # fmt: skip


def point(run_id, step, loss, lr=0.01, flops=None):
    return {"run_id": run_id, "step": int(step), "n_tokens": int(step) * PER_STEP, "lr": lr,
            "loss": loss, "compute_flops": flops}  # fmt: skip


def tables(rows, curves=()):
    return typed(rows, (SWEEP, *RUN_COLUMNS)), typed(list(curves), CURVE_COLUMNS)


def shapes(noise=NOISE, seeds=SEEDS, rates=(0.01, 0.02)):
    """Shapes of one size at two rates, of which the second is better by 1 %."""
    rng, rows = np.random.default_rng(1), []
    for n_layer, width in SHAPES:
        d_ff = {68: 271, 29: 115}.get(width)
        log = BEND * np.log(width / n_layer / BEST_ASPECT) ** 2
        for seed in range(seeds):
            for rate in rates:
                loss = 2 * np.exp(log + 0.01 * (rate == rates[0]) + noise * rng.standard_normal())
                rows.append(run("aspect", f"a{n_layer}-{rate}-s{seed}", model(width, n_layer, 1,
                            d_ff), 256_000, loss, seed=seed, peak_lr=rate))  # fmt: skip
    return tables(rows)


SCHEDULES = {
    "constant": {"schedule": "constant", "warmup_steps": 0},
    "linear_no_warmup": {"schedule": "linear", "warmup_steps": 0},
    "cosine": {"schedule": "cosine", "warmup_steps": 10},
    "linear": {"schedule": "linear", "warmup_steps": 10},
}


def schedules(noise=NOISE, seeds=SEEDS, sums=(1.1, 4.4, 17.6)):
    """Schedules of equal summed rates, whose loss is lowest at BEST_SUM."""
    rng, rows, curves, steps = np.random.default_rng(2), [], [], 100
    for name, given in SCHEDULES.items():
        unit = Optimisation(peak_lr=1.0, **given)
        shape = np.array([learning_rate(unit, step, steps, 8) for step in range(1, steps + 1)])
        for total in sums:
            peak = total / shape.sum()
            log = 0.01 * np.log(total / BEST_SUM) ** 2
            log += WITHOUT_DECAY * (given["schedule"] == "constant")
            log += WITHOUT_WARMUP * (given["warmup_steps"] == 0)
            for seed in range(seeds):
                run_id = f"{name}-{total}-s{seed}"
                loss = 2.5 * np.exp(log + noise * rng.standard_normal())
                rows.append(run(name, run_id, model(8), steps * PER_STEP, loss, seed=seed,
                                peak_lr=peak, lr_sum=total, **given))  # fmt: skip
                curves += [point(run_id, step, loss, peak * shape[step - 1])
                           for step in (10, 50, 100)]  # fmt: skip
    return tables(rows, curves)


def lengths(noise=NOISE, seeds=SEEDS):
    """Cosines of LENGTHS times 1,000 steps, read at 1,000; runs of one seed share its luck."""
    rng, rows, curves = np.random.default_rng(3), [], []
    for seed in range(seeds):
        luck = 0.05 * rng.standard_normal()
        for length in LENGTHS:
            steps, run_id = round(1000 * length), f"cos{length}-s{seed}"
            training = Optimisation(peak_lr=0.01, schedule="cosine")
            log = luck + PRICE * (length - 1) + noise * rng.standard_normal()
            there = 2 * np.exp(log)
            end = there if length == 1 else 1.5
            rows.append(run("length", run_id, model(24), steps * PER_STEP, end, seed=seed,
                            schedule="cosine"))  # fmt: skip
            curves += [point(run_id, step, there, learning_rate(training, step, steps, 24))
                       for step in (500, 1000)]  # fmt: skip
            if steps > 1000:
                curves.append(point(run_id, steps, 1.5, 1e-5))
    return tables(rows, curves)


def optimisers(noise=NOISE, seeds=SEEDS, slope=SLOPE):
    """Adam and AdamW of one size, whose curves cross at TURN of the run."""
    rng, rows, curves, steps = np.random.default_rng(4), [], [], 1000
    for seed in range(seeds):
        for decay in (0.0, 0.1):
            run_id = f"w{decay}-s{seed}"
            for step in (200, 500, 700, 800, 1000):
                log = (decay > 0) * slope * (TURN - step / steps) + noise * rng.standard_normal()
                curves.append(point(run_id, step, 3 * (step / 100) ** -0.1 * np.exp(log)))
            rows.append(run("optimiser", run_id, model(24), steps * PER_STEP, curves[-1]["loss"],
                            seed=seed, weight_decay=decay, schedule="cosine"))  # fmt: skip
    return tables(rows, curves)


def fresh_loss(n, tokens):
    return 0.9 + 40 / n**0.4 + 90 / tokens**0.35


def epochs(noise=NOISE, seeds=2, r_d=R_D):
    """Fresh data and repeated data, worth D' of the law of Muennighoff et al. at small sizes."""
    rng, rows = np.random.default_rng(5), []
    for width in (16, 32):
        shape = model(width)
        for unique in (200 * PER_STEP, 800 * PER_STEP, None):
            for doubling in range(8 if unique is None else 7):
                start = 200 * PER_STEP if unique is None else unique
                tokens = start * 2**doubling
                if tokens > 25_600 * PER_STEP:
                    continue
                rounds = 0 if unique is None else tokens / unique - 1
                worth = start * (1 - r_d * np.expm1(-rounds / r_d))
                effective = tokens if unique is None else worth
                for seed in range(seeds):
                    name = f"e{width}-{unique}-{tokens}-s{seed}"
                    row = run("fresh" if unique is None else "few", name, shape, tokens, 1.0)
                    loss = fresh_loss(row["n_params"], effective)
                    loss *= np.exp(noise * rng.standard_normal())
                    rows.append(row | {"loss": loss, "seed": seed,
                                       "n_unique_tokens": unique or tokens})  # fmt: skip
    return tables(rows)


def law_loss(law, n, tokens):
    e, a, b, alpha, beta = LAWS[law]
    return e + a / n**alpha + b / tokens**beta


def grid(sweep, law, rng, noise, target="text-1a2b", size="n_params_non_embedding", mark=""):
    """A size by tokens grid of runs on their law."""
    rows = []
    for width in WIDTHS:
        for tokens in TOKENS:
            row = run(sweep, f"{sweep}{mark}-w{width}-{tokens}", model(width), tokens, 1.0)
            loss = law_loss(law, row[size], tokens) * np.exp(noise * rng.standard_normal())
            rows.append(row | {"loss": loss, "target": target})
    return rows


def ladder(noise=0.0005):
    """Runs whose curves follow the law "kaplan", and grids on the laws "matched" and "tuned"."""
    rng, rows, curves = np.random.default_rng(6), [], []
    for sweep in ("long", "short"):
        for width in WIDTHS:
            row = run(sweep, f"{sweep}-w{width}", model(width), TOKENS[-1], 1.0)
            for tokens in TOKENS:
                loss = law_loss("kaplan", row["n_params_non_embedding"], tokens)
                loss *= np.exp(noise * rng.standard_normal())
                curves.append(point(row["run_id"], tokens // PER_STEP, loss))
            rows.append(row | {"loss": loss})
    for sweep in ("matched", "tuned"):
        rows += grid(sweep, sweep, rng, noise)
    return tables(rows, curves)


def corpora(noise=0.001):
    """Two texts, of the laws "matched" and "tuned" in all parameters."""
    rng = np.random.default_rng(7)
    rows = grid("code", "matched", rng, noise, "code-aaaa", "n_params")
    rows += grid("books", "tuned", rng, noise, "books-bbbb", "n_params")
    return tables(rows)


def rivals(gap=0.05, noise=NOISE, seeds=SEEDS):
    """Two sizes at one budget; that of Kaplan et al.'s rule ends higher by `gap`."""
    rng, rows, curves = np.random.default_rng(8), [], []
    for sweep, shape, steps in (("kaplan", model(8, 1), 10_456), ("ours", model(32), 1000)):
        for seed in range(seeds):
            loss = 2 * np.exp(gap * (sweep == "kaplan") + noise * rng.standard_normal())
            row = run(sweep, f"{sweep}-s{seed}", shape, steps * PER_STEP, loss, seed=seed)
            rows.append(row)
            curves += [point(row["run_id"], steps * share, loss * (1 + 0.3 * (1 - share)),
                             flops=row["compute_flops"] * share)
                       for share in (0.25, 0.5, 1.0)]  # fmt: skip
    return tables(rows, curves)


def tuning(own=2.15, noise=NOISE):
    """Settings of two sizes, of which one diverged, and the study's own setting with seeds."""
    rng, rows = np.random.default_rng(9), []
    for width in (12, 24):
        for place, loss in enumerate(TRIED):
            lost = width == 24 and place == 4
            rows.append(run("tuning", f"t{width}-{place}", model(width), 256_000,
                            None if lost else loss, peak_lr=0.001 * (place + 1)))  # fmt: skip
        rows += [run("own", f"o{width}-s{seed}", model(width), 256_000,
                     own * np.exp(noise * rng.standard_normal()), seed=seed)
                 for seed in range(SEEDS)]  # fmt: skip
    return tables(rows)


def joined(*studies):
    """Several of them as one study."""
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*studies, strict=True))
