"""How much the final loss scatters over seeds."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED, LEVEL
from isoloss.config.analyses.limits import SeedNoise
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis
from isoloss.runs.select import finished_in

# What says that runs differ in nothing but the seed; the first three are always named.
SETTINGS = ("width", "n_layer", "n_tokens", "n_unique_tokens", "batch_size", "schedule", "peak_lr")
NAMED = 3


def seed_noise(
    spec: SeedNoise, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """The standard deviation of the loss over seeds, for each setting, and of all together.

    Together it is that of ln L: the relative scatter, which differs less from size to size. The
    intervals take losses for normal: (n - 1) s^2 / sigma^2 is chi-squared.

    Raises
    ------
    UserError
        No setting was run with two seeds.
    """
    chosen = finished_in(runs, spec.sweeps)
    keys = [name for name in SETTINGS if name in chosen]
    varying = [name for name in keys[NAMED:] if chosen[name].nunique() > 1]
    rows, pooled, ids = [], [], []
    for setting, group in chosen.groupby(keys, dropna=False, sort=True):
        if len(group) < 2:
            continue
        values = dict(zip(keys, setting, strict=True))
        loss = group["loss"].to_numpy("float64")
        shown = [name for name in keys if name in varying or keys.index(name) < NAMED]
        named = ", ".join(f"{name}={_text(values[name])}" for name in shown)
        rows.append(
            _row("sd of the loss", [loss], group["run_id"])
            | {"kind": "parameter", "group": named,
               "unit": "nats per token", "x_quantity": "n_params_non_embedding",
               "x": float(group["n_params_non_embedding"].iloc[0])}
        )  # fmt: skip
        pooled.append(np.log(loss))
        ids += list(group["run_id"])
    if not rows:
        raise UserError(spec.name, ["no size of these sweeps was run with two seeds"])
    return [*rows, _row("relative sd of the loss", pooled, ids) | {"kind": "parameter"}]


def _text(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(quantity: str, groups: list[np.ndarray], run_ids) -> dict[str, Any]:
    """One standard deviation, common to all groups, each about its own mean."""
    degrees = sum(len(group) - 1 for group in groups)
    sd = float(np.sqrt(sum(np.sum((group - group.mean()) ** 2) for group in groups) / degrees))
    tails = chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], degrees)
    lo, hi = (sd * np.sqrt(degrees / tails)).tolist()
    return {
        "quantity": quantity,
        "value": sd,
        "lo": lo,
        "hi": hi,
        "level": LEVEL,
        "method": "chi-squared",
        "n_runs": degrees + len(groups),
        "verdict": IDENTIFIED,
        "runs": " ".join(run_ids),
    }


ANALYSES = {"seed_noise": Analysis(SeedNoise, of_dicts(seed_noise))}
