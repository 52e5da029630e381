"""Time the fitting engine beside the recipe that the field uses, on one core.

    OMP_NUM_THREADS=1 python benchmarks/fit.py TABLE.csv --drop-highest 5 --share 0.05
    OMP_NUM_THREADS=1 python benchmarks/fit.py TABLE.csv --drop-highest 5 --rows 100000
    OMP_NUM_THREADS=1 python benchmarks/fit.py TABLE.csv --reading 100000

The recipe (Hoffmann et al. 2022, Sec. 3.3; Besiroglu et al. 2024): SciPy's L-BFGS-B with finite
differences from 4,500 starts on the summed Huber loss, then 4,000 case-bootstrap refits with BFGS
from the best. It takes minutes, so only a `--share` of its starts and refits is run, spread evenly
over the grid, and the time is scaled up (1 runs all of it). Ours runs whole. Times are of the
processor. Beside it stand the other laws of N and D on the same rows (`--laws`), and whole fits of
two planted tables whose floor is badly known, with the same draws in coordinates in which the
valley of the floor is curved. With `--rows` nothing of that: one whole fit of so many rows, with
1,000 draws. With `--reading`, planted CSVs of so many rows are read and their columns recognised.
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
from isoloss.fit.influence import influential_sets
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import AGREE, find
from isoloss.fit.problem import Problem
from isoloss.fit.resample import draw
from isoloss.laws import LAWS
from isoloss.tables.data import read
from isoloss.tables.read import read_table

DELTA = 1e-3
REFITS = 4000
SIZES = (240, 2400, 24_000, 100_000)
JOINT = [name for name, law in LAWS.items() if set(law.variables) == {"n_params", "n_tokens"}]


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


def by_law(data, names, draws):
    """Seconds of search and draws of each law on the same rows, and over those of chinchilla."""
    found = {}
    for name in dict.fromkeys(["chinchilla", *names]):
        problem = Problem(LAWS[name], data.log_x, data.log_loss, Objective("huber", DELTA))
        start_s = time.process_time()
        z, value, _ = find(problem)
        searched_s = time.process_time() - start_s
        ends = draw(problem, z, data, "cluster", draws, np.random.default_rng(0))
        whole_s = time.process_time() - start_s
        found[name] = {
            "search_s": searched_s,
            "draws_s": whole_s - searched_s,
            "objective": value * DELTA,
            "at_a_minimum": float(ends.converged.mean()),
            "times_chinchilla": whole_s / found["chinchilla"]["whole_s"] if found else 1.0,
            "whole_s": whole_s,
        }
    return found


def floorless(repeats):
    """Planted tables whose floor is badly known: many rows at 17 points, and 12 rows with E = 0."""
    rng = np.random.default_rng(0)
    n, d = (x.ravel()[:17] for x in np.meshgrid(np.geomspace(2e8, 1e9, 5), [4e9, 2e10, 5e10, 1e11]))
    n, d = np.repeat(n, repeats), np.repeat(d, repeats)
    small = [x.ravel() for x in np.meshgrid([2e5, 8e5, 5e6, 2.5e7], [5e6, 2e7, 8e7])]
    planted = {
        f"floor unknown, {len(n):,} rows": (n, d, (16.7, 1258.0, 0.93, 0.138, 0.347), 0.03),
        "no floor, 12 rows": (*small, (17.0, 4400.0, 0.0, 0.155, 0.44), 0.02),
    }
    for name, (n, d, values, noise) in planted.items():
        params = dict(zip(LAWS["chinchilla"].names, values, strict=True))
        loss = LAWS["chinchilla"](params, n_params=n, n_tokens=d)
        yield (
            name,
            {
                "n_params": n,
                "n_tokens": d,
                "loss": loss * np.exp(noise * rng.standard_normal(len(n))),
            },
        )


class Curved(Problem):
    """A problem that is solved in ln A and alpha, as before `fit.straight`."""

    straight = None


def unknown_floor(table, draws):
    """Seconds of a whole fit and of its sets of influential rows; draws in either coordinates."""
    start_s = time.process_time()
    result = fit_law(table, "chinchilla", draws=draws)
    fitted_s = time.process_time() - start_s
    influential_sets(result)
    whole_s = time.process_time() - start_s
    data = read(table, LAWS["chinchilla"], {}, where="planted")
    found = {"fit_s": fitted_s, "with_influence_s": whole_s, "verdict": str(result.verdict)}
    for kind in (Problem, Curved):
        problem = kind(LAWS["chinchilla"], data.log_x, data.log_loss, Objective("huber", DELTA))
        rng = np.random.default_rng(0)
        z = problem.z(result.theta)
        start_s = time.process_time()
        ends = draw(problem, z, data, result.method, draws, rng)
        found["straight" if kind is Problem else "curved"] = {
            "draws_s": time.process_time() - start_s,
            "steps": float(ends.steps.mean()),
            "at_a_minimum": float(ends.converged.mean()),
        }
    found["times_faster"] = found["curved"]["draws_s"] / found["straight"]["draws_s"]
    return found


def growth(data, sizes):
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


def reading(size):
    """CPU seconds, and memory in MB, of reading and recognising CSVs of `size` rows."""
    import resource
    import tempfile

    import pandas as pd

    rng = np.random.default_rng(0)
    n, d = (np.exp(rng.uniform(*np.log(ends), size)).round() for ends in ((1e6, 1e10), (1e8, 1e12)))
    loss = (1.69 + 406 / n**0.34 + 410 / d**0.28) * np.exp(0.01 * rng.standard_normal(size))
    plain = {"n_params": n.astype(int), "n_tokens": d.astype(int), "loss": loss}
    more = {"run": [f"run-{i}" for i in range(size)], "seed": rng.integers(0, 5, size)}
    more |= {"dataset": rng.choice(["c4", "dclm"], size), "lr": rng.choice([1e-3, 2e-3], size)}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, columns in (("three columns", plain), ("seven columns", plain | more)):
            path = Path(folder) / "runs.csv"
            pd.DataFrame(columns).to_csv(path, index=False)
            start_s = time.process_time()
            read(read_table(path), LAWS["chinchilla"], {})
            found[name] = round(time.process_time() - start_s, 2)
    unit = 1e6 if sys.platform == "darwin" else 1e3
    memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
    return {"rows": size, "cpu_s": found, "memory_mb": memory}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--drop-highest", type=int, default=0, help="losses to leave out")
    parser.add_argument("--share", type=float, default=0.02, help="of the recipe that is run")
    parser.add_argument("--draws", type=int, default=1000, help="beside the recipe's own number")
    parser.add_argument(
        "--laws",
        nargs="*",
        choices=LAWS,
        metavar="LAW",
        default=JOINT,
        help="timed beside chinchilla (default: all laws of N and D)",
    )
    parser.add_argument("--rows", type=int, help="only time a whole fit of so many rows")
    parser.add_argument("--reading", type=int, help="only time reading so many rows")
    parser.add_argument("--small", action="store_true", help="a few draws of everything")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore", RuntimeWarning)
    if args.reading:
        print(json.dumps(reading(args.reading), indent=1))
        return
    table = read_table(args.table)
    column = next(name for name in table.columns if name.lower().endswith("loss"))
    table = table.sort_values(column, kind="stable").iloc[: len(table) - args.drop_highest]
    data = read(table, LAWS["chinchilla"], {}, where=str(args.table))
    if args.rows:
        print(json.dumps(whole(data, args.rows), indent=1))
        return
    print(json.dumps(compared(data, args), indent=1))


def compared(data, args):
    """All of the benchmark but `whole`."""
    ours(data, 100)  # warm up
    small = args.small
    draws, n_refits = (30, 100) if small else (args.draws, REFITS)
    found, theirs = ours(data, n_refits), recipe(data, 0.001 if small else args.share)
    lowest = min(found["objective"], theirs["objective"])
    theirs["agree"] = float(np.mean(theirs.pop("values") <= lowest * (1 + AGREE)))
    ours_s = found["starts_s"] + found["refits_s"] * REFITS / n_refits
    result = {
        "rows": data.n_rows,
        "machine": platform.processor() or platform.machine(),
        "numpy": np.__version__,
        "recipe": theirs,
        "ours": found,
        "times_faster": (theirs["starts_s"] + theirs["refits_s"]) / ours_s,
        "ms_per_draw": 1e3 * found["refits_s"] / found["refits_run"],
        "by_law": by_law(data, args.laws, draws),
        "unknown_floor": {
            name: unknown_floor(table, draws) for name, table in floorless(5 if small else 117)
        },
        "seconds_by_rows": growth(data, SIZES[: 1 if small else None]),
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
