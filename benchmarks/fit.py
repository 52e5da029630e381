"""Time the fitting engine beside the recipe that the field uses, on one core.

    OMP_NUM_THREADS=1 python benchmarks/fit.py TABLE.csv --drop-highest 5 --share 0.05
    OMP_NUM_THREADS=1 python benchmarks/fit.py TABLE.csv --drop-highest 5 --rows 100000

The recipe (Hoffmann et al. 2022, Sec. 3.3; Besiroglu et al. 2024): SciPy's L-BFGS-B with finite
differences from 4,500 starts on the summed Huber loss, then 4,000 case-bootstrap refits with BFGS
from the best. It takes minutes, so only a `--share` of its starts and refits is run, spread evenly
over the grid, and the time is scaled up (1 runs all of it). Ours runs whole. Times are of the
processor. With `--rows` nothing of that: one whole fit of so many rows, with 1,000 draws.
"""

import argparse
import dataclasses
import json
import platform
import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from isoloss.fit import fit_law
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import AGREE, find
from isoloss.fit.problem import Problem
from isoloss.fit.resample import draw
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table

DELTA = 1e-3
REFITS = 4000


def recipe_objective(log_n, log_d, log_loss, delta=DELTA):
    """The summed Huber loss as the recipe writes it: theta = (a, b, e, alpha, beta)."""

    def objective(theta):
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
        top = terms.max(axis=0)
        residual = top + np.log(np.exp(terms - top).sum(axis=0)) - log_loss
        size = np.abs(residual)
        return np.where(size <= delta, residual**2 / 2, delta * (size - delta / 2)).sum()

    return objective


def recipe(data, share):
    """Time and result of the recipe, from a share of its starts and refits."""
    log_n, log_d = data.log_x["n_params"], data.log_x["n_tokens"]
    objective = recipe_objective(log_n, log_d, data.log_loss)
    grid = np.array(list(product(np.arange(0, 26, 5.0), np.arange(0, 26, 5.0),
                                 np.arange(-1, 1.01, 0.5), np.arange(0, 2.01, 0.5),
                                 np.arange(0, 2.01, 0.5))))  # fmt: skip
    rng = np.random.default_rng(0)
    chosen = grid[rng.permutation(len(grid))[: max(1, round(share * len(grid)))]]
    start_s = time.process_time()
    ends = [minimize(objective, start, method="L-BFGS-B") for start in chosen]
    starts_s = time.process_time() - start_s
    best = min(ends, key=lambda end: end.fun)
    n_refits = max(1, round(share * REFITS))
    start_s = time.process_time()
    for _ in range(n_refits):
        rows = rng.integers(len(log_n), size=len(log_n))
        resampled = recipe_objective(log_n[rows], log_d[rows], data.log_loss[rows])
        minimize(resampled, best.x, method="BFGS")
    refits_s = time.process_time() - start_s
    values = np.array([end.fun for end in ends])
    return {
        "starts_run": len(chosen),
        "starts_s": starts_s * len(grid) / len(chosen),
        "refits_run": n_refits,
        "refits_s": refits_s * REFITS / n_refits,
        "objective": float(best.fun),
        "values": values,
    }


def ours(data, draws=REFITS):
    problem = Problem(LAWS["chinchilla"], data.log_x, data.log_loss, Objective("huber", DELTA))
    start_s = time.process_time()
    z, value, certificate = find(problem)
    starts_s = time.process_time() - start_s
    start_s = time.process_time()
    ends = draw(problem, z, data, "cluster", draws, np.random.default_rng(0))
    refits_s = time.process_time() - start_s
    return {
        "starts_run": certificate.n_starts,
        "starts_s": starts_s,
        "refits_run": draws,
        "refits_s": refits_s,
        "objective": value * DELTA,
        "agree": certificate.n_agree / certificate.n_starts,
        "refits_at_a_minimum": float(ends.converged.mean()),
    }


def growth(data, sizes=(240, 2400, 24_000, 100_000)):
    """Seconds of the search for the optimum on the table repeated, each row shaken by 1e-3."""
    rows = {}
    rng = np.random.default_rng(0)
    for size in sizes:
        pick = rng.integers(data.n_rows, size=size)
        part = dataclasses.replace(
            data,
            log_x={
                name: x[pick] + 1e-3 * rng.standard_normal(size) for name, x in data.log_x.items()
            },
            log_loss=data.log_loss[pick] + 1e-3 * rng.standard_normal(size),
        )
        problem = Problem(LAWS["chinchilla"], part.log_x, part.log_loss, Objective("huber", DELTA))
        start_s = time.process_time()
        find(problem)
        rows[size] = round(time.process_time() - start_s, 3)
    return rows


def whole(data, size):
    """Seconds and memory (GB) of `fit_law` with its defaults on the table grown to `size` rows."""
    import resource

    rng = np.random.default_rng(0)
    pick = rng.integers(data.n_rows, size=size)
    table = {
        name: np.exp(x[pick] + 1e-3 * rng.standard_normal(size))
        for name, x in {**data.log_x, "loss": data.log_loss}.items()
    }
    start_s = time.process_time()
    result = fit_law(table, "chinchilla")
    elapsed_s = time.process_time() - start_s
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return {
        "rows": size,
        "draws": len(result.draws),
        "elapsed_s": round(elapsed_s, 1),
        "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 2),
        "verdict": result.verdict,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--drop-highest", type=int, default=0, help="losses to leave out")
    parser.add_argument("--share", type=float, default=0.02, help="of the recipe that is run")
    parser.add_argument("--rows", type=int, help="only time a whole fit of so many rows")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    table = read_table(args.table)
    column = next(name for name in table.columns if name.lower().endswith("loss"))
    table = table.sort_values(column, kind="stable").iloc[: len(table) - args.drop_highest]
    data = read(table, LAWS["chinchilla"], {}, where=str(args.table))
    if args.rows:
        print(json.dumps(whole(data, args.rows), indent=1))
        return
    ours(data, 100)  # warm up
    found, theirs = ours(data), recipe(data, args.share)
    lowest = min(found["objective"], theirs["objective"])
    theirs["agree"] = float(np.mean(theirs.pop("values") <= lowest * (1 + AGREE)))
    totals = [one["starts_s"] + one["refits_s"] for one in (theirs, found)]
    result = {
        "rows": data.n_rows,
        "machine": platform.processor() or platform.machine(),
        "numpy": np.__version__,
        "recipe": theirs,
        "ours": found,
        "times_faster": totals[0] / totals[1],
        "ms_per_draw": 1e3 * found["refits_s"] / found["refits_run"],
        "seconds_by_rows": growth(data),
    }
    print(json.dumps(result, indent=1))
    if args.output:
        args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
