"""When training on few tokens should stop: Kaplan et al. (2020, arXiv:2001.08361), Sec. 5.3."""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.rows import IDENTIFIED, row, scale_verdict
from isoloss.errors import UserError
from isoloss.exhibits.kaplan.batch_scan import steady_curves, steps_to_reach
from isoloss.fit import fit_law
from isoloss.fit.result import FitResult

POINTS = 12  # of each curve that are fitted: neighbours say little more
SIZE = "n_params_non_embedding"
SOURCE = "Kaplan et al. (2020), arXiv:2001.08361, Eq. 5.7"


def early_stopping(
    table: pd.DataFrame, runs: pd.DataFrame, curves: pd.DataFrame
) -> list[dict[str, Any]]:
    """The step of the lowest loss against its lower bound (Eq. 5.7), for each limited run.

    S_stop >= Sc (L(N, D) - L(N, infinity))**(-1 / alpha_S). L(N, D) is the run's lowest loss; Sc,
    alpha_S and L(N, infinity) are those of Eq. 1.6, fitted to the curves of the unlimited runs: the
    bound is where that law reaches L(N, D) on endless data. Where the unlimited run's own curve
    does is given beside it (`unlimited_step`). All runs have one batch size, so that steps are
    compared with steps, and not with S_min.

    Parameters
    ----------
    table : DataFrame
        Columns run_id, n_params, n_tokens (unique), loss (the lowest), limited.
    """
    steady = steady_curves(runs, curves)
    unlimited = table[~table["limited"] & table["run_id"].isin(list(steady))]
    try:
        law = _along_steps(unlimited, steady)
    except UserError as error:
        text = f"not made: no L(N, S) for the bound: {'; '.join(error.problems)}"
        return [{"quantity": "best_step", "kind": "point", "verdict": text}]
    natural = dict(zip(law.law.names, law.law.natural(law.draws).T, strict=True))
    rows = [
        row("alpha_S", law.params["alpha_S"].value, natural["alpha_S"], verdict=law.verdict,
            method=law.method, n_runs=len(unlimited), runs=" ".join(unlimited["run_id"]))
    ]  # fmt: skip
    steps_of = runs.set_index("run_id")[["best_step", "steps"]].astype(float)
    same_size = dict(zip(unlimited["n_params"], unlimited["run_id"], strict=True))
    above = []
    for run in table[table["limited"]].itertuples():
        common = {"kind": "point", "group": f"{SIZE}={run.n_params:.0f}", "unit": "steps",
                  "x_quantity": "n_unique_tokens", "x": run.n_tokens, "n_runs": 1,
                  "runs": run.run_id}  # fmt: skip
        best, last = steps_of.loc[run.run_id]
        before, after = _beside(curves[curves["run_id"] == run.run_id], best)
        stopped = after is not None and best < last
        said = IDENTIFIED if stopped else "not identified: the lowest loss is the run's last"
        beside = {"lo": before, "hi": after, "method": "the evaluations beside it"}
        rows.append(row("best_step", best, verdict=said, **common) | beside)
        bound, drawn = _bound(law.values, run), _bound(natural, run)
        verdict = scale_verdict(drawn, ~np.isfinite(drawn))
        if np.isfinite(bound):
            common |= {"method": law.method}
            rows.append(row("stop_bound", bound, drawn, verdict=verdict, **common))
        if run.n_params in same_size:
            curve = steady[same_size[run.n_params]]
            step = steps_to_reach(curve["step"], curve["loss"], [run.loss])[0]
            common |= {"method": "interpolated"}
            rows += [row("unlimited_step", step, **common)] * bool(np.isfinite(step))
        if stopped and verdict == IDENTIFIED:
            above.append(after >= bound)
    if above:
        share = row("share of runs that stop at or beyond the bound", float(np.mean(above)))
        rows.append(share | {"n_runs": len(above), "theory": 1.0, "theory_source": SOURCE})
    return rows


def _along_steps(unlimited, steady) -> FitResult:
    """Eq. 1.6 through the curves of the unlimited runs, after warm-up."""
    parts = []
    for run in unlimited.itertuples():
        curve = steady[run.run_id]
        step, loss = curve["step"].to_numpy(float), curve["loss"].to_numpy(float)
        even = np.geomspace(step[0], step[-1], POINTS)
        kept = np.unique(np.abs(np.log(step[:, None] / even)).argmin(axis=0))
        parts.append(pd.DataFrame({"n_params": run.n_params, "n_steps": step[kept],
                                   "loss": loss[kept], "run_id": run.run_id}))  # fmt: skip
    if not parts:
        raise UserError("curves", ["no unlimited run has a learning curve"])
    columns = {name: name for name in ("n_params", "n_steps", "loss")}
    return fit_law(pd.concat(parts, ignore_index=True), "kaplan_ns", columns=columns,
                   cluster="run_id", draws=300, where="curves")  # fmt: skip


def _bound(params, run):
    """Sc (L - A N**-alpha_N)**(-1 / alpha_S) with B = Sc**alpha_S; NaN where L lies below."""
    with np.errstate(all="ignore"):
        excess = run.loss - params["A"] * run.n_params ** -np.asarray(params["alpha_N"])
        return np.exp(np.log(params["B"] / np.where(excess > 0, excess, np.nan))
                      / params["alpha_S"])  # fmt: skip


def _beside(curve: pd.DataFrame, step: float) -> tuple[float | None, float | None]:
    """The evaluations before and after a step."""
    steps = np.sort(curve["step"].to_numpy(float))
    before, after = steps[steps < step], steps[steps > step]
    return (float(before[-1]) if len(before) else None, float(after[0]) if len(after) else None)
