"""Cooldowns of a shared trunk against independent runs (Haegele et al. 2024, arXiv:2405.18392)."""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED, LEVEL
from isoloss.config.analyses.limits import CooldownCheck
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis
from isoloss.runs.select import finished_in
from isoloss.stats import student

SIZE = "n_params_non_embedding"
SHARE = "trained FLOPs / independent FLOPs"
SETTING = ("width", "n_layer", "n_tokens")
# Runs that agree in these, and differ in their length, go on from one trunk.
LINE = ("target", "width", "n_layer", "context", "batch_size", "dropout", "peak_lr", "seed")


def cooldown_check(
    spec: CooldownCheck, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """Mean loss of cooled runs minus that of independent ones, at each size and length.

    The interval is Welch's, over the seeds. All sizes together, it is that of ln L. Then the share
    of the FLOPs of independent runs at the same grid that was really trained.

    Raises
    ------
    UserError
        No size and length has two seeds both of cooled and of independent runs.
    """
    cooled, alone = finished_in(runs, spec.cooled), finished_in(runs, spec.independent)
    alone = alone[~alone["run_id"].isin(cooled["run_id"])]
    others = dict(tuple(alone.groupby(list(SETTING))))
    rows, pairs, ids = [], [], []
    for setting, group in cooled.groupby(list(SETTING), sort=True):
        other = others.get(setting)
        if other is None or min(len(group), len(other)) < 2:
            continue
        pair = [frame["loss"].to_numpy("float64") for frame in (group, other)]
        run_ids = [*group["run_id"], *other["run_id"]]
        named = ", ".join(f"{name}={x}" for name, x in zip(SETTING, setting, strict=True))
        rows.append(
            _row("cooled - independent", [pair], run_ids)
            | {"group": named, "unit": "nats per token", "x_quantity": SIZE,
               "x": float(group[SIZE].iloc[0])}
        )  # fmt: skip
        pairs.append([np.log(losses) for losses in pair])
        ids += run_ids
        for what, frame in (("cooled loss", group), ("independent loss", other)):
            rows += _losses(what, frame, named)
    if not rows:
        what = "no size and length has two seeds both of cooled and of independent runs"
        raise UserError(spec.name, [what])
    together = _row("cooled / independent - 1", pairs, ids)
    return [*rows, together, *_saved(finished_in(runs, spec.sweeps))]


def _losses(what: str, frame: pd.DataFrame, named: str) -> list[dict[str, Any]]:
    return [
        {"quantity": what, "kind": "point", "group": named, "x_quantity": "seed", "x": float(seed),
         "value": float(loss), "unit": "nats per token", "n_runs": 1, "verdict": IDENTIFIED,
         "runs": run_id}
        for seed, loss, run_id in zip(frame["seed"], frame["loss"], frame["run_id"], strict=True)
    ]  # fmt: skip


def _row(quantity: str, pairs: list[list[np.ndarray]], run_ids: list[str]) -> dict[str, Any]:
    """The mean over pairs of groups of the difference of their means, with Welch's interval."""
    value = float(np.mean([first.mean() - second.mean() for first, second in pairs]))
    parts = [(np.var(x, ddof=1) / len(x) / len(pairs) ** 2, len(x) - 1) for p in pairs for x in p]
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / degrees for part, degrees in parts)
    se = float(np.sqrt(variance))
    degrees = variance**2 / spread if spread else 1.0
    half = student.quantile(LEVEL, degrees) * se
    return {
        "quantity": quantity,
        "kind": "parameter",
        "value": value,
        "lo": value - half,
        "hi": value + half,
        "se": se,
        "level": LEVEL,
        "method": "Welch",
        "n_runs": len(run_ids),
        "verdict": IDENTIFIED,
        "theory": 0.0,
        "theory_source": "Haegele et al. (2024), arXiv:2405.18392",
        "runs": " ".join(run_ids),
    }


def _saved(grid: pd.DataFrame) -> list[dict[str, Any]]:
    """FLOPs that were trained, each trunk once, over those of runs that share nothing."""
    shared = grid["trunk_flops"].astype("Float64").fillna(0.0).astype(float)
    if not len(grid) or not shared.any():
        verdict = "not measured: no run of these sweeps goes on from a trunk"
        return [{"quantity": SHARE, "kind": "parameter", "verdict": verdict}]
    keys = [grid[name].astype(str) for name in LINE if name in grid]
    trunks = float(shared.groupby(keys).max().sum())
    independent = float(grid["compute_flops"].astype(float).sum())
    trained = independent - float(shared.sum()) + trunks
    common = {"kind": "parameter", "n_runs": len(grid), "verdict": IDENTIFIED,
              "method": "counted", "runs": " ".join(grid["run_id"])}  # fmt: skip
    return [
        common | {"quantity": "trained FLOPs", "value": trained, "unit": "FLOP"},
        common | {"quantity": "independent FLOPs", "value": independent, "unit": "FLOP"},
        common | {"quantity": SHARE, "value": trained / independent},
    ]


ANALYSES = {"cooldown_check": Analysis(CooldownCheck, of_dicts(cooldown_check))}
