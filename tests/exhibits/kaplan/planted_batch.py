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


LIMITED = {"Nc": 2.2e6, "Dc": 2.5e6, "alpha_N": 0.15, "alpha_D": 0.20}  # Eq. 1.5
ALONG = {"Nc": 2.2e6, "alpha_N": 0.15, "Sc": 60.0, "alpha_S": 0.7}  # Eq. 1.6: the same L(N, oo)


def limited_loss(n, unique):
    """The lowest loss on so many different tokens, by Eq. 1.5."""
    k = LIMITED
    inside = (k["Nc"] / n) ** (k["alpha_N"] / k["alpha_D"]) + k["Dc"] / unique
    return inside ** k["alpha_D"]


def endless_loss(n, step):
    """The loss after so many steps on endless data, by Eq. 1.6."""
    k = ALONG
    return (k["Nc"] / n) ** k["alpha_N"] + (k["Sc"] / step) ** k["alpha_S"]


def stop_bound(n, unique):
    """Eq. 5.7 for the planted laws."""
    excess = limited_loss(n, unique) - limited_loss(n, np.inf)
    return ALONG["Sc"] * excess ** (-1 / ALONG["alpha_S"])


def repeated(
    sizes=(1536, 6144, 24576, 98304), unique=(32_000, 64_000, 128_000, 512_000), batch=4,
    overstay=1.4, noise=0.0, seed=0,
):  # fmt: skip
    """Runs on few unique tokens that stop `overstay` times beyond the bound, and unlimited ones.

    Without repetition the loss goes on falling for 1e6 steps, so that its end is near its limit.
    """
    rng = np.random.default_rng(seed)
    rows, curves = [], []
    for n in sizes:
        for tokens in (*unique, None):
            stop = overstay * stop_bound(n, tokens) if tokens else np.inf
            steps = round(4 * stop) if tokens else 1_000_000
            at = np.unique(np.geomspace(10, steps, 200).round().astype(int))
            run_id = f"n{n}-u{tokens or 'all'}"
            if tokens:
                at = np.unique([*at, round(stop)])
                loss = limited_loss(n, tokens) * (1 + 0.02 * np.log(at / round(stop)) ** 2)
            else:
                loss = endless_loss(n, at)
            loss = loss * np.exp(noise * rng.standard_normal())
            seen = steps * batch * CONTEXT
            lowest = int(np.argmin(loss))
            rows.append({
                "sweep": "limited", "run_id": run_id, "status": "done", "seed": 0,
                "n_params_non_embedding": n, "batch_size": batch, "steps": steps, "n_tokens": seen,
                "n_unique_tokens": tokens or seen, "loss": loss[-1], "best_loss": loss[lowest],
                "best_step": at[lowest],
            })  # fmt: skip
            curves.append(pd.DataFrame({
                "run_id": run_id, "step": at, "n_tokens": at * batch * CONTEXT, "lr": 0.01,
                "loss": loss, "train_loss": loss - 0.1,
            }))  # fmt: skip
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)
