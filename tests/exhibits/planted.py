"""A language-model study drawn from planted laws: its tables of runs and of learning curves.

The constants are the truth that tests look for. `tables()` gives runs and curves with the columns
and sweeps of the study `text`; `runs_of` and `curves_of` take their planted laws from here.

What is planted:

- A cooled run's loss is E + A / N**ALPHA + B / D**BETA, N with embeddings (or without:
  `size="n_params_non_embedding"`), at batches of BATCH sequences. Noise of ln L has a standard
  deviation of NOISE * (L / 2)**2; a share TRUNK_SHARE of its variance is that of the trunk, which
  runs of one size share.
- At a constant rate the loss is higher by GAP, and never above that of guessing.
- Batches trade steps for tokens as Kaplan et al. (2020), Eq. 5.1 say, with
  B_crit = B_STAR / L**(1 / ALPHA_B) tokens; the noise scale is NOISE_SCALE times that.
- Runs on few unique tokens stop at Kaplan et al.'s L(N, D), Eq. 1.5, N without embeddings, at step
  OVERSTAY * LIMITED_S_C * (L(N, D) - L(N, infinity))**(-1 / LIMITED_ALPHA_S), and get worse then.
"""

import numpy as np
import pandas as pd

from isoloss.config.runs import Transformer
from isoloss.counting import six_nd, transformer_flops, transformer_params
from isoloss.tables.schema import CURVE_COLUMNS, RUN_COLUMNS, SWEEP, typed

VOCABULARY, CONTEXT, BATCH = 256, 64, 4
WIDTHS = (8, 12, 16, 24, 40, 56, 88)
BUDGETS = (256_000, 460_800, 829_440, 1_492_992, 2_687_232)  # tokens: 1000 steps, times 1.8 each
E, A, B, ALPHA, BETA = 0.9, 37.0, 86.0, 0.40, 0.35
NOISE, TRUNK_SHARE = 0.003, 0.5
GAP, COOLDOWN = 0.04, 0.2
B_STAR, ALPHA_B, NOISE_SCALE = 20_000.0, 0.25, 0.6  # B_crit: 1250 tokens at a loss of 2
LR, LR_EXPONENT, LR_CURVATURE = 0.007, -0.75, 0.02  # best rate at width 32, loss off it
LIMITED = {"Nc": 2.2e6, "Dc": 2.5e6, "alpha_N": 0.15, "alpha_D": 0.20}
LIMITED_S_C, LIMITED_ALPHA_S, OVERSTAY = 150.0, 0.7, 1.3
PEAK = 0.007
PER_OCTAVE, FIRST_EVAL = 4, 16


def loss_of(n, d):
    """The planted loss of a cooled run without noise."""
    return E + A / np.asarray(n, float) ** ALPHA + B / np.asarray(d, float) ** BETA


def constant_rate_loss(n, d):
    """The planted loss along a trunk without noise, at batches of BATCH sequences."""
    high = (1 + GAP) * loss_of(n, np.maximum(d, 1.0))
    return (high**-8.0 + np.log(VOCABULARY) ** -8.0) ** (-1 / 8)


def critical_batch(loss):
    """B_crit in tokens."""
    return B_STAR / np.asarray(loss, float) ** (1 / ALPHA_B)


def limited_loss(n_non_embedding, unique):
    """Early-stopped loss by the joint law of Kaplan et al."""
    k = LIMITED
    inside = (k["Nc"] / n_non_embedding) ** (k["alpha_N"] / k["alpha_D"]) + k["Dc"] / unique
    return inside ** k["alpha_D"]


def stopping_step(n_non_embedding, unique):
    """Where a run on few unique tokens has its lowest loss."""
    excess = limited_loss(n_non_embedding, unique) - limited_loss(n_non_embedding, np.inf)
    return OVERSTAY * LIMITED_S_C * excess ** (-1 / LIMITED_ALPHA_S)


def at_batch(n, d, batch_tokens):
    """Loss after `d` tokens in batches of `batch_tokens`, by Eq. 5.1 from that at BATCH."""
    tokens = np.geomspace(1e3, 1e10, 4000)
    loss = constant_rate_loss(n, tokens)
    critical = critical_batch(loss)
    needed = tokens * (1 + batch_tokens / critical) / (1 + BATCH * CONTEXT / critical)
    order = np.maximum.accumulate(needed)
    return np.exp(np.interp(np.log(d), np.log(order), np.log(loss)))


def tables(seed: int = 0, noise: float = NOISE, size: str = "n_params"):
    """Runs and curves of a whole study, typed as the pipeline's.

    Parameters
    ----------
    noise : float
        Standard deviation of ln L at a loss of 2; 0 for exact laws.
    size : str
        Which count of parameters the planted law takes.
    """
    study = _Study(np.random.default_rng(seed), noise, size)
    for width in WIDTHS:
        study.trunk(width, 2, BUDGETS, "grid")
    for width in (16, 40):
        for one in range(3):
            study.trunk(width, 2, (829_440,), "seeds", seed=one)
            study.trunk(width, 2, (829_440,), "cosine", seed=one, schedule="cosine")
    for width in (8, 32, 88):
        for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
            study.at_rate(width, factor)
    for n_layer in (1, 3, 6):
        for width in (12, 24, 40):
            study.trunk(width, n_layer, (829_440,), "depth")
    for width in (8, 16, 32, 64):
        for unique in (16_000, 64_000, 256_000, 1_024_000, None):
            study.limited(width, unique)
    for width in (16, 40):
        for batch in (2, 4, 8, 16, 32):
            study.batch(width, batch)
    curves = [row for row in study.curves if row["n_tokens"]]
    return typed(study.rows, (SWEEP, *RUN_COLUMNS)), typed(curves, CURVE_COLUMNS)


class _Study:
    def __init__(self, rng, noise, size):
        self.rng, self.noise, self.size = rng, noise, size
        self.rows, self.curves = [], []

    def trunk(self, width, n_layer, budgets, sweep, seed=0, schedule="wsd"):
        """Runs of one size that share a trunk, or independent ones with a cosine."""
        n = self._n(width, n_layer)
        along = _steps(max(budgets) // (BATCH * CONTEXT))
        wobble = 0.3 * self.noise * self.rng.standard_normal(len(along))
        shared = self.rng.standard_normal() * np.sqrt(TRUNK_SHARE)
        for budget in budgets:
            steps = budget // (BATCH * CONTEXT)
            own = self.rng.standard_normal() * np.sqrt(1 - TRUNK_SHARE)
            exact = loss_of(n, budget) * (1.03 if n_layer == 1 else 1.0)
            offset = self.noise * (exact / 2) ** 2 * (shared + own)
            loss = exact * np.exp(offset)
            row = self._row(sweep, width, n_layer, budget, steps, BATCH, seed, schedule, loss)
            begun = round((1 - COOLDOWN) * steps)
            at = np.array(sorted({*along[along <= steps], begun, steps}))
            high = constant_rate_loss(n, at * BATCH * CONTEXT) * np.exp(offset)
            high *= np.exp(np.interp(at, along, wobble))
            if schedule == "wsd":
                row["trunk"] = row["lineage"] = f"trunk-w{width}-l{n_layer}-s{seed}"
                row["trunk_flops"] = row["compute_flops"] * begun / steps
                cooling = np.clip((at - begun) / (steps - begun), 0, 1)
                rate = PEAK * (1 - np.sqrt(cooling * (steps - begun) / (steps - begun + 1)))
                rate[cooling == 0] = PEAK
            else:
                cooling = (at / steps) ** 2
                rate = PEAK * (1 + np.cos(np.pi * at / steps)) / 2
            curve = high * (1 - cooling) + loss * high / high[-1] * cooling
            curve[-1] = loss
            self._curve(row, at, curve, rate)

    def at_rate(self, width, factor):
        budget, steps = 256_000, 1000
        n = self._n(width, 2)
        off = np.log(factor * PEAK / LR) + 0.1  # the best rate lies a little lower
        loss = loss_of(n, budget) * (1 + LR_CURVATURE * off**2)
        loss *= np.exp(self.noise * self.rng.standard_normal())
        row = self._row("lr", width, 2, budget, steps, BATCH, 0, "wsd", loss)
        row["peak_lr"] = LR * (width / 32) ** LR_EXPONENT * factor
        if width == WIDTHS[-1] and factor == 4.0:
            row |= {"status": "diverged", "reason": "the loss was not finite", "loss": None}
            row |= {"best_loss": None, "best_step": None}
            return
        self._curve(row, np.array([steps]), np.array([loss]), np.array([0.0]))

    def limited(self, width, unique):
        budget = 8_192_000
        small = self._row("limited", width, 2, budget, budget // (BATCH * CONTEXT), BATCH, 0,
                          "constant", np.nan, unique)  # fmt: skip
        n = small["n_params_non_embedding"]
        stop = stopping_step(n, unique) if unique else np.inf
        steps = int(min(small["steps"], 3 * stop))
        at = _steps(steps)
        best = limited_loss(n, unique or budget)
        best *= np.exp(self.noise * (best / 2) ** 2 * self.rng.standard_normal())
        away = np.log(at / min(stop, steps))
        rise = np.where(away < 0, 0.03, 0.15) * away**2
        loss = np.minimum(best * (1 + rise), np.log(VOCABULARY))
        lowest = int(np.argmin(loss))
        tokens = steps * BATCH * CONTEXT
        small |= self._counts(width, 2, tokens)
        small |= {"steps": steps, "loss": loss[-1], "best_loss": loss[lowest]}
        small |= {"best_step": int(at[lowest]), "n_unique_tokens": unique or tokens}
        gap = np.where(away < 0, 0.0, 0.25 * away)
        self._curve(small, at, loss, np.full(len(at), PEAK), train=loss - gap)

    def batch(self, width, batch):
        budget = max(829_440, 600 * batch * CONTEXT)
        steps = budget // (batch * CONTEXT)
        n, at = self._n(width, 2), _steps(steps, per_octave=8)
        loss = at_batch(n, at * batch * CONTEXT, batch * CONTEXT)
        loss = loss * np.exp(0.3 * self.noise * self.rng.standard_normal(len(at)))
        row = self._row("batch", width, 2, steps * batch * CONTEXT, steps, batch, 0, "constant",
                        loss[-1])  # fmt: skip
        signal = 0.02 * np.exp(0.1 * self.rng.standard_normal(len(at)))
        noise = signal * NOISE_SCALE * critical_batch(loss) / CONTEXT
        self._curve(row, at, loss, np.full(len(at), PEAK), grad_sq=signal, grad_noise=noise)

    def _n(self, width, n_layer):
        return self._counts(width, n_layer, 1)[self.size]

    @staticmethod
    def _counts(width, n_layer, n_tokens):
        shape = Transformer(n_layer=n_layer, d_model=width, n_head=1, tie_embeddings=True)
        params = transformer_params(shape, VOCABULARY, CONTEXT)
        per_sequence = transformer_flops(shape, VOCABULARY, CONTEXT).training
        small, logits = params.non_embedding, VOCABULARY * width
        return {
            "n_params": params.total,
            "n_params_non_embedding": small,
            "n_tokens": n_tokens,
            "compute_flops": per_sequence * n_tokens / CONTEXT,
            "compute_6nd_flops": six_nd(params.total, n_tokens),
            "compute_6nd_non_embedding_flops": six_nd(small, n_tokens),
            "compute_6nd_logits_flops": six_nd(small + logits, n_tokens),
        }

    def _row(self, sweep, width, n_layer, n_tokens, steps, batch, seed, schedule, loss,
             unique=None):  # fmt: skip
        row = {
            "sweep": sweep,
            "run_id": f"{sweep}-w{width}-l{n_layer}-{len(self.rows):03d}-s{seed}",
            "task": "language", "target": "planted", "seed": seed,
            "width": width, "n_layer": n_layer, "context": CONTEXT, "vocab_size": VOCABULARY,
            "dropout": 0.0, "n_samples": n_tokens // CONTEXT, "n_unique_tokens": unique or n_tokens,
            "steps": steps, "batch_size": batch, "schedule": schedule, "peak_lr": PEAK,
            "loss": loss, "best_loss": loss, "best_step": steps, "status": "done", "reason": "",
        }  # fmt: skip
        self.rows.append(row | self._counts(width, n_layer, n_tokens))
        return self.rows[-1]

    def _curve(self, row, at, loss, lr, train=None, grad_sq=None, grad_noise=None):
        for i, (step, value, rate) in enumerate(zip(at, loss, lr, strict=True)):
            tokens = int(step) * row["batch_size"] * CONTEXT
            self.curves.append({
                "run_id": row["run_id"], "step": int(step), "n_tokens": tokens,
                "n_samples_seen": tokens // CONTEXT,
                "compute_flops": row["compute_flops"] * tokens / row["n_tokens"],
                "lr": float(rate), "loss": float(value),
                "train_loss": float(value if train is None else train[i]),
                "grad_sq": None if grad_sq is None else float(grad_sq[i]),
                "grad_noise": None if grad_noise is None else float(grad_noise[i]),
            })  # fmt: skip


def _steps(last, per_octave=PER_OCTAVE):
    count = int(np.floor(per_octave * np.log2(last / FIRST_EVAL))) + 1
    return np.array(
        sorted({round(FIRST_EVAL * 2 ** (i / per_octave)) for i in range(count)} | {last})
    )


def grid_of(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of the grid."""
    return runs[runs["sweep"] == "grid"].reset_index(drop=True)


def grid_tables(seed: int = 0, noise: float = NOISE, size: str = "n_params"):
    """Runs and curves of the grid alone, for tests of many studies."""
    study = _Study(np.random.default_rng(seed), noise, size)
    for width in WIDTHS:
        study.trunk(width, 2, BUDGETS, "grid")
    return typed(study.rows, (SWEEP, *RUN_COLUMNS)), typed(study.curves, CURVE_COLUMNS)
