"""The critical batch: Kaplan et al. (2020, arXiv:2001.08361), Sec. 5.1, and the noise scale."""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.batch_fit import Scan, fitted, noise, solve
from isoloss.analysis.batch_scan import SIZE, scan_of, steady_curves
from isoloss.analysis.noise_scale import noise_scale
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import DRAWS, IDENTIFIED, SEED, exponent_verdict, row, scale_verdict
from isoloss.config.analyses.batch import CriticalBatch
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis
from isoloss.runs.select import finished_in
from isoloss.stats.spread import root_mean_square

ALPHA_B = 0.21
SOURCE = "Kaplan et al. (2020), arXiv:2001.08361, Table 5"
N_LINE = 30


def critical_batch(
    spec: CriticalBatch, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """S_min, E_min and B_crit at each size and loss, B_crit(L) through all, and the noise scale.

    Sizes have an S_min of their own at each loss and share B_crit(L). All of it is fitted to ln S
    at once, by least squares: a line through the single B_crit would count the losses of one run
    as if they were independent.

    Raises
    ------
    UserError
        No loss is reached with enough batch sizes, or there are too few runs for an interval.
    """
    chosen = finished_in(runs, spec.sweeps).sort_values([SIZE, "batch_size", "run_id"])
    steady = steady_curves(chosen, curves)
    scan = scan_of(chosen, steady, spec.levels)
    if scan is None:
        what = "no loss is reached with four batch sizes of one model size"
        raise UserError(spec.name, [what])
    sizes = len(np.unique(scan.log_size))
    if len(scan.run_ids) < sizes + 4:
        raise UserError(spec.name, [f"{len(scan.run_ids)} runs are too few for an interval"])
    return [*_scanned(scan, sizes), *noise_scale(chosen, steady, spec.levels)]


def _scanned(scan: Scan, sizes: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(SEED)
    middle = float(scan.log_loss.mean())
    design = np.stack([np.ones_like(scan.log_loss), middle - scan.log_loss], axis=1)
    theta, expected = fitted(scan, design)
    residual = scan.log_steps - expected
    # Of each size S_min(L) is free, one run's worth, and B_crit has two numbers.
    new = noise(scan, residual, sizes + 2, DRAWS, rng)
    draws = solve(scan, design, expected + new)[0]
    common = {"runs": " ".join(scan.run_ids), "n_runs": len(scan.run_ids),
              "method": "wild, by run"}  # fmt: skip
    far = scan.far(draws[:, 0])
    said = {
        "B_crit": scale_verdict(np.exp(draws[:, 0]), far),
        "1 / alpha_B": exponent_verdict(theta[1], draws[:, 1]),
    }
    reasons = [f"{name} {text.partition(': ')[2]}" for name, text in said.items() if ": " in text]
    verdict = f"not identified: {'; '.join(reasons)}" if reasons else IDENTIFIED
    with np.errstate(all="ignore"):
        star, stars = np.exp(theta @ [1, middle]), np.exp(draws @ [1, middle])
        # Where 1 / alpha_B may be zero, alpha_B has no interval of one piece.
        alphas = 1 / draws[:, 1] if said["1 / alpha_B"] == IDENTIFIED else None
    rows = [
        row("B_crit", np.exp(theta[0]), np.exp(draws[:, 0]), unit="tokens", x_quantity="loss",
            x=float(np.exp(middle)), **common | {"verdict": said["B_crit"]}),
        row("inverse_alpha_B", theta[1], draws[:, 1], **common | {"verdict": said["1 / alpha_B"]},
            theory=1 / ALPHA_B, theory_source=SOURCE),
        row("alpha_B", 1 / theta[1], alphas, **common | {"verdict": said["1 / alpha_B"]},
            theory=ALPHA_B, theory_source=SOURCE),
        row("B_star", star, stars, unit="tokens", **common | {"verdict": scale_verdict(stars)}),
        row("misfit of ln S", root_mean_square(residual), **common),
    ]  # fmt: skip
    if sizes > 1:
        rows.append(_of_size(scan, design, sizes, rng) | common)
    losses = np.linspace(
        *np.log([np.exp(scan.log_loss.min()), np.exp(scan.log_loss.max())]), N_LINE
    )
    for at in losses:
        along = np.array([1, middle - at])
        rows.append(row("B_crit", np.exp(along @ theta), np.exp(draws @ along), kind="line",
                        group="law", unit="tokens", x_quantity="loss", x=float(np.exp(at)),
                        verdict=verdict, method=common["method"]))  # fmt: skip
    return rows + [one for cell in range(int(scan.cell.max()) + 1)
                   for one in _cell(scan, cell, new, common["method"])]  # fmt: skip


def _of_size(scan, design, sizes, rng):
    """d ln B_crit / d ln N at equal loss, which should be 0."""
    log_size = scan.log_size - scan.log_size.mean()
    design = np.column_stack([design, log_size])
    theta, expected = fitted(scan, design)
    new = noise(scan, scan.log_steps - expected, sizes + 3, DRAWS, rng)
    draws = solve(scan, design, expected + new)[0]
    return row("size exponent of B_crit", theta[2], draws[:, 2], theory=0.0, theory_source=SOURCE)


def _cell(scan: Scan, cell: int, new: np.ndarray, method: str) -> list[dict[str, Any]]:
    """Eq. 5.1 at one size and loss alone, with the noise of the whole scan."""
    part, here = scan.part(cell), scan.cell == cell
    ones = np.ones((len(part.log_steps), 1))
    theta, expected = fitted(part, ones)
    log_s_min = expected[0] - np.logaddexp(0.0, theta[0] - part.log_batch[0])
    drawn, drawn_s_min = solve(part, ones, expected + new[:, here])
    far, drawn, drawn_s_min = part.far(drawn[:, 0]), drawn[:, 0], drawn_s_min[:, 0]
    size, loss = round(np.exp(part.log_size[0])), float(np.exp(part.log_loss[0]))
    common = {"kind": "point", "group": f"{SIZE}={size}", "x_quantity": "loss", "x": loss,
              "n_runs": len(part.run_ids), "runs": " ".join(part.run_ids),
              "method": method}  # fmt: skip
    numbers = {
        "B_crit": ("tokens", theta[0], drawn),
        "S_min": ("steps", log_s_min, drawn_s_min),
        "E_min": ("tokens", theta[0] + log_s_min, drawn + drawn_s_min),
    }
    rows = [
        row(name, np.exp(log), np.exp(logs), unit=unit, verdict=scale_verdict(np.exp(logs), far),
            **common)
        for name, (unit, log, logs) in numbers.items()
    ]  # fmt: skip
    for log_s, log_b, run in zip(part.log_steps, part.log_batch, part.run, strict=True):
        rows.append(row("steps", np.exp(log_s), kind="point", unit="steps", n_runs=1,
                        group=f"{SIZE}={size}, loss={loss:.6g}", x_quantity="tokens",
                        x=float(np.exp(log_s + log_b)), runs=part.run_ids[run]))  # fmt: skip
    return rows


ANALYSES = {"critical_batch": Analysis(CriticalBatch, of_dicts(critical_batch))}
