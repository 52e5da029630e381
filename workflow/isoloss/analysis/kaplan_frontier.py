"""L(C), N_opt(C) and S(C) after Kaplan et al. (2020, arXiv:2001.08361), Sec. 6 and Appendix A."""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.frontier import SEED, Frontier, frontier
from isoloss.analysis.kaplan_curves import (
    SizeCurve,
    adjusted,
    curves_of,
    final_losses_of,
    finished_runs,
)
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED, LEVEL, exponent_verdict, row, scale_verdict
from isoloss.analysis.series import points
from isoloss.config.analyses.kaplan import KaplanFrontier
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Analysis, Inputs
from isoloss.exhibits.kaplan.batch_law import Critical, Law, critical_batch_of, drawn, law_of
from isoloss.laws.published import KAPLAN, VALUES
from isoloss.stats.intervals import bounds

METHOD = "whole curves moved"
CURVES_OF_BATCH = 40  # draws of B_crit: each costs an interpolation of every curve
SIZES = "non-embedding parameters"
N_LINE = 30
WIDEST = 0.5  # interval of an exponent that is a share: all shares make one


def kaplan_frontier(
    spec: KaplanFrontier, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """Exponents, optima at some budgets, and the power laws through them.

    Quantities are alpha_C and C_c of L = (C_c / C)^alpha_C, a of N ~ C^a with its coefficient at 1
    PF-day, and the exponents of steps and of the batch. By C and S at the runs' own batch, or with
    `adjusted` by C_min and S_min.

    Raises
    ------
    UserError
        The best size lies inside the grid at too few budgets, or B_crit(L) is not known.
    """
    found, critical = frontier_of(spec, runs, curves, done)
    # Of C = 6 N B S, or of C_min = 6 N B_crit S_min, each draw with the B_crit that it was made by.
    batch = (
        np.stack([critical[v](row) for v, row in zip(found.version, found.loss, strict=True)])
        if spec.adjusted
        else float(_batch_of(spec, runs)[0])
    )
    x = "compute_min_pf_days" if spec.adjusted else "compute_pf_days"
    tokens = found.compute * FLOPS_PER_PF_DAY / (FLOPS_PER_PARAM_TOKEN * found.n_params)
    values = {
        "loss": (found.loss, "nats per token"),
        "n_opt": (found.n_params, SIZES),
        "steps": (tokens / batch, "steps"),
        "tokens": (tokens, "tokens"),
    }
    if spec.adjusted:
        values["batch"] = (batch, "tokens a step")
    said = {"verdict": IDENTIFIED, "method": METHOD, "n_runs": len(found.runs)}
    said["warnings"] = "; ".join([
        f"over {span(found):.1f} decades of compute",
        f"in a draw a whole curve moves by {found.sd:.2%}",
        *(_extrapolated(found, law_of(_measured(done))) if spec.adjusted else ()),
    ])  # fmt: skip
    rows = _parameters(spec, found, values, said | {"runs": " ".join(found.runs)})
    dense = np.geomspace(found.compute[0], found.compute[-1], N_LINE)
    for name, (value, unit) in values.items():
        also = said | {"unit": unit}
        rows += points(name, x, found.compute, value[0], value[1:], **also)
        p, log_c = found.power(value)
        line = np.exp(log_c[:, None] + p[:, None] * np.log(dense))
        rows += points(name, x, dense, line[0], line[1:], **also | {"kind": "line"})
    return rows


def frontier_of(spec: KaplanFrontier, runs, curves, done) -> tuple[Frontier, list[Critical]]:
    """The frontier that a spec asks for, and the B_crit(L) of each version of its curves."""
    found = sizes_of(spec, runs, curves)
    versions, critical = [found], []
    if spec.adjusted:
        at, sd = critical_batch_of(_measured(done), spec.name)
        critical = [at, *drawn(at, sd, CURVES_OF_BATCH, np.random.default_rng(SEED + 1))]
        versions = [[adjusted(curve, at) for curve in found] for at in critical]
    seed_sd = seed_scatter(runs)
    return frontier(versions, spec.levels, spec.width, seed_sd, spec.name), critical


def sizes_of(spec, runs, curves) -> list[SizeCurve]:
    """The curves of the sizes: learning curves, or final losses."""
    if spec.along == "curves":
        return curves_of(runs, curves, spec.sweeps, spec.name)
    return final_losses_of(runs, spec.sweeps, spec.name)


def seed_scatter(runs: pd.DataFrame) -> float:
    """Standard deviation of ln L over seeds, all settings together; 0 where none was repeated."""
    good = finished_runs(runs, runs["sweep"].unique())
    keys = ["n_params_non_embedding", "n_layer", "n_tokens", "n_unique_tokens", "batch_size",
            "peak_lr", "schedule", "dropout"]  # fmt: skip
    keys = [key for key in keys if key in good.columns]
    logs = np.log(good["loss"].astype(float))
    groups = logs.groupby([good[key] for key in keys], dropna=False)
    freedom = int((groups.size() - 1).sum())
    squares = float((groups.var(ddof=0) * groups.size()).sum())
    return float(np.sqrt(squares / freedom)) if freedom else 0.0


def _measured(done: pd.DataFrame):
    return Inputs(runs=None, curves=None, done=done).first("critical_batch")


def _extrapolated(found: Frontier, law: Law) -> list[str]:
    """What to say where losses of the frontier lie beyond those at which B_crit was measured."""
    low, high = float(np.nanmin(found.loss[0])), float(np.nanmax(found.loss[0]))
    if law.lo_loss <= low and high <= law.hi_loss:
        return []
    return [f"B_crit(L) was measured at losses from {law.lo_loss:.3g} to {law.hi_loss:.3g} and is "
            f"used from {low:.3g} to {high:.3g}"]  # fmt: skip


def span(found: Frontier) -> float:
    """Decades of compute that a frontier covers."""
    return float(np.log10(found.compute[-1] / found.compute[0]))


def _batch_of(spec, runs) -> np.ndarray:
    chosen = finished_runs(runs, spec.sweeps)
    return (chosen["batch_size"].astype(float) * chosen["context"].astype(float)).unique()


def _share_verdict(draws: np.ndarray, otherwise: str) -> str:
    """Is a share of the growth known to better than half of all? A share may well be zero."""
    lo, hi = bounds(draws, LEVEL)
    if hi - lo > WIDEST:
        return f"not identified: may be anything from {lo:.2g} to {hi:.2g}"
    return otherwise


def _parameters(spec, found, values, said) -> list[dict[str, Any]]:
    law = "c_min" if spec.adjusted else "c"
    source = f"{KAPLAN}, " + ("Tables 5 and 6" if spec.adjusted else "Table 5 and Fig. 14")
    p, log_c = found.power(found.loss)
    a, log_n = found.power(found.n_params)
    steps = found.power(values["steps"][0])[0]
    with np.errstate(all="ignore"):
        scale = np.exp(-log_c / p)
    allocation = exponent_verdict(a[0], a[1:])
    # Optima wander about their line where one size takes over from the next; losses hardly do.
    falls = found.bend(found.loss) or exponent_verdict(p[0], p[1:])

    def one(name, drawn, unit, verdict, theory=None):
        made = row(name, drawn[0], drawn[1:], **said | {"unit": unit, "verdict": verdict})
        return made if theory is None else made | {"theory": theory, "theory_source": source}

    optimum = "kaplan_n_opt_exponent" if spec.adjusted else "kaplan_n_opt_naive_exponent"
    s_min = VALUES["kaplan_s_min_exponent"] if spec.adjusted else None
    rows = [
        one("alpha_C", -p, "", falls, VALUES[f"kaplan_alpha_{law}"]),
        one("C_c", scale, "PF-days", scale_verdict(scale[1:])),
        one("a", a, "", allocation, VALUES[optimum]),
        one("N_opt at 1 PF-day", np.exp(log_n), SIZES, scale_verdict(np.exp(log_n[1:]))),
        one("exponent of steps", steps, "", _share_verdict(steps[1:], allocation), s_min),
    ]
    if spec.adjusted:
        batch = found.power(values["batch"][0])[0]
        theory = VALUES["kaplan_batch_exponent"]
        rows.append(
            one("exponent of the batch", batch, "", _share_verdict(batch[1:], allocation), theory)
        )
    return rows


ANALYSES = {"kaplan_frontier": Analysis(KaplanFrontier, of_dicts(kaplan_frontier))}
