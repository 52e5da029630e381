"""How much the final loss scatters over seeds."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from isoloss.config.analyses.limits import SeedNoise
from isoloss.errors import UserError

LEVEL = 0.9


def seed_noise(
    spec: SeedNoise, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """The standard deviation of the loss over seeds, for each size and number of tokens.

    The interval takes the losses for normal: (n - 1) s^2 / sigma^2 is chi-squared.

    Raises
    ------
    UserError
        No setting was run with two seeds.
    """
    chosen = runs[runs["sweep"].isin(spec.sweeps) & (runs["status"] == "done")]
    chosen = chosen.drop_duplicates("run_id")
    rows = []
    for (width, n_tokens), group in chosen.groupby(["width", "n_tokens"]):
        if len(group) < 2:
            continue
        degrees = len(group) - 1
        sd = float(np.std(group["loss"].to_numpy("float64"), ddof=1))
        tails = chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], degrees)
        lo, hi = (sd * np.sqrt(degrees / tails)).tolist()
        rows.append(
            {
                "group": f"width={width}, n_tokens={n_tokens}",
                "kind": "parameter",
                "quantity": "sd of the loss",
                "value": sd,
                "lo": lo,
                "hi": hi,
                "unit": "nats per token",
                "level": LEVEL,
                "method": "chi-squared",
                "n_runs": len(group),
                "verdict": "identified",
                "runs": " ".join(group["run_id"]),
            }
        )
    if not rows:
        raise UserError(spec.name, ["no size of these sweeps was run with two seeds"])
    return rows
