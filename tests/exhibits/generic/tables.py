"""Small tables in the shape of the pipeline's, from laws that are written here."""

import json

import numpy as np
import pandas as pd

CHINCHILLA = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}


def surface(n, d, E, A, B, alpha, beta):
    return E + A / n**alpha + B / d**beta


def sweep(name, x, seeds=3, y=lambda x: 3.0 * x**-0.5, noise=0.05, seed=0, **columns):
    """Runs of one sweep over n_params, with log-normal noise about y."""
    rng = np.random.default_rng(seed)
    rows = [
        {"sweep": name, "run_id": f"{name}-{i}-{s}", "seed": s, "n_params": int(value),
         "loss": y(value) * np.exp(noise * rng.standard_normal()), "status": "done", **columns}
        for i, value in enumerate(x)
        for s in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def grid(sizes=(2e3, 8e3, 3e4, 1e5), tokens=(1e5, 4e5, 1.6e6, 6.4e6), noise=0.005, seed=1):
    """A grid of language models."""
    rng = np.random.default_rng(seed)
    law = {"E": 1.2, "A": 9.0, "B": 60.0, "alpha": 0.30, "beta": 0.35}
    rows = []
    for n in sizes:
        for d in tokens:
            loss = surface(n, d, **law) * np.exp(noise * rng.standard_normal())
            rows.append({
                "sweep": "grid", "run_id": f"n{n:g}-d{d:g}", "seed": 0, "status": "done",
                "n_params": int(n), "n_tokens": int(d), "loss": loss,
                "compute_flops": 6.6 * n * d, "compute_6nd_flops": 6 * n * d,
                "elapsed_s": 1e-11 * 6 * n * d + 0.2, "tokens_per_param": d / n,
            })  # fmt: skip
    return pd.DataFrame(rows)


def curves(runs, n_evals=12):
    """Learning curves that end at each run's loss."""
    parts = []
    for run in runs.itertuples():
        share = np.geomspace(0.01, 1, n_evals)
        parts.append(pd.DataFrame({
            "run_id": run.run_id, "step": np.round(share * 1000).astype(int),
            "n_tokens": share * run.n_tokens, "compute_flops": share * run.compute_flops,
            "loss": run.loss * share**-0.12, "elapsed_s": share * run.elapsed_s,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def fits(fit, law, params, group="", verdict="identified", spread=0.05, theory=None, draws=0):
    """The rows of one fitted law; `draws` resampled parameters with a relative spread."""
    rng = np.random.default_rng(7)
    sampled = {
        name: list(value * (1 + spread / 2 * rng.standard_normal(draws)))
        for name, value in params.items()
    }
    diagnostics = json.dumps({"draws": sampled} if draws else {})
    return pd.DataFrame([
        {"study": "s", "fit": fit, "group": group, "law": law, "parameter": name, "value": value,
         "lo": value * (1 - spread), "hi": value * (1 + spread), "level": 0.9,
         "unit": "" if name.islower() else "loss", "method": "wild bootstrap by run",
         "objective": "huber", "n_runs": 24, "n_points": 24, "verdict": verdict,
         "fit_verdict": verdict, "warnings": "",
         "theory": (theory or {}).get(name, np.nan),
         "theory_source": "a theorem" if name in (theory or {}) else "",
         "diagnostics": diagnostics}
        for name, value in params.items()
    ])  # fmt: skip
