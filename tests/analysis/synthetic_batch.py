"""Runs and learning curves with planted laws of batch size, repetition and learning rate."""

import numpy as np
import pandas as pd

CONTEXT = 64
B_STAR, INVERSE_ALPHA_B = 2.0e5, 4.76  # B_crit = B_STAR / L**INVERSE_ALPHA_B, tokens
SIZES = {1536: 2.0, 13824: 1.7}  # N -> the loss that the size cannot go below
STEP_SCALE, ALPHA_S = 30.0, 0.76


def b_crit(loss):
    return B_STAR / loss**INVERSE_ALPHA_B


def s_min(loss, floor):
    return STEP_SCALE * (loss - floor) ** (-1 / ALPHA_S)


def batch_scan(
    batches=(2, 4, 8, 16, 32), n_tokens=600_000, noise=0.02, seed=0, n_evals=40, gradients=True,
    sizes=SIZES,
):  # fmt: skip
    """Runs and curves at constant rate; `noise` is a run's standard deviation of ln S."""
    rng = np.random.default_rng(seed)
    rows, curves = [], []
    for size, floor in sizes.items():
        for batch in batches:
            tokens = batch * CONTEXT
            steps = n_tokens // tokens
            run_id = f"n{size}-b{batch}"
            loss = np.linspace(5.0, floor + 1e-3, 4000)
            taken = s_min(loss, floor) * (1 + b_crit(loss) / tokens)
            wander = np.interp(np.log(taken), np.linspace(0, 12, 7), rng.standard_normal(7))
            taken = np.maximum.accumulate(taken * np.exp(noise * wander))
            at = np.unique(np.geomspace(1, steps, n_evals).round().astype(int))
            reached = np.interp(np.log(at), np.log(taken), loss)
            warm = at <= max(1, steps // 20)
            since = (reached + np.concatenate([[5.0], reached[:-1]])) / 2  # of the steps since
            ratio = b_crit(since) / CONTEXT  # sequences
            grad_sq = 1 / (1 + at) * np.exp(0.1 * rng.standard_normal(len(at)))
            rows.append({
                "sweep": "batch", "run_id": run_id, "status": "done", "seed": 0, "width": size,
                "n_params_non_embedding": size, "batch_size": batch, "steps": steps,
                "n_tokens": steps * tokens, "loss": reached[-1], "peak_lr": 0.01,
            })  # fmt: skip
            curves.append(pd.DataFrame({
                "run_id": run_id, "step": at, "n_tokens": at * tokens,
                "n_samples_seen": at * batch,
                "lr": np.where(warm, 0.005, 0.01), "loss": reached,
                "grad_sq": grad_sq if gradients else np.nan,
                "grad_noise": grad_sq * ratio * np.exp(0.1 * rng.standard_normal(len(at)))
                if gradients else np.nan,
            }))  # fmt: skip
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)
