"""Put the package simple-scaling-laws beside the fitting engine: time per draw, and coverage.

    python3.12 -m venv peer && peer/bin/pip install simple-scaling-laws==0.2.0
    PYTHONPATH=workflow peer/bin/python benchmarks/peer.py --table TABLE.csv --drop-highest 5
    PYTHONPATH=workflow peer/bin/python benchmarks/peer.py --tables 100

Both fit the same arrays in the same process of the peer's interpreter (the package needs Python
3.12; the engine's numerical part needs NumPy and SciPy only). Coverage is that of the peer's
default intervals on the tables of `coverage_designs.py`, with the seeds and the judgement of
`coverage.py`.
"""

import argparse
import csv
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from coverage_designs import DESIGNS, HELD_OUT, LAW

LEVEL = 0.9
COLUMNS = {"n_params": "model_size__n", "n_tokens": "dataset_size__d", "loss": "test_loss__nats"}
TARGET = COLUMNS["loss"]
FEW = 20  # draws of the short fit, whose time is taken off that of the long one


def peer_fit(table, draws, seed=0):
    import polars
    from simple_scaling_laws import fit

    columns = {COLUMNS[name]: values for name, values in table.items()}
    runs = [str(i) for i in range(len(table["loss"]))]
    return fit(polars.DataFrame({"training_run_id": runs, **columns}), n_draws=draws, seed=seed)


def peer_intervals(model, design):
    """Interval of each quantity, in the units of `design`."""
    import polars

    names = [str(name) for name in model.law.param_names]
    draws = dict(zip(names, model.draws[TARGET].params.T, strict=True))
    for amplitude, exponent, column in (("A", "alpha", "n_params"), ("B", "beta", "n_tokens")):
        reference = model.observed_domain[COLUMNS[column]]["reference"]
        draws[amplitude] = draws[amplitude] * reference ** draws[exponent]
    draws["a"] = draws["beta"] / (draws["alpha"] + draws["beta"])
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found = {name: tuple(np.quantile(values, tails)) for name, values in draws.items()}
    optimum = design.optimum(10)
    n, d = optimum["n_params"], optimum["n_tokens"]
    at = polars.DataFrame({COLUMNS["n_params"]: [n], COLUMNS["n_tokens"]: [d]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the point lies outside the runs
        row = model.predict(at, quantiles=tails).row(0, named=True)
    found["loss at 10 C"] = tuple(row[f"{TARGET}__q{1000 * tail:03.0f}"] for tail in tails)
    return found


def coverage(design, tables, draws, first_seed):
    """Share of tables, in per cent, whose interval holds the truth, by quantity."""
    truth = {**design.params, "a": LAW.derived(design.params)["a"]}
    truth["loss at 10 C"] = design.optimum(10)["loss"]
    inside = dict.fromkeys(truth, 0)
    for seed in range(first_seed, first_seed + tables):
        table = design.table(np.random.default_rng([seed, 2]))
        found = peer_intervals(peer_fit(table, draws, seed), design)
        for name, value in truth.items():
            inside[name] += found[name][0] <= value <= found[name][1]
    return {name: 100 * count / tables for name, count in inside.items()}


def per_draw(table, draws):
    """Milliseconds of a draw, theirs and ours; the better of three turns of each."""
    from isoloss.fit.objective import Objective
    from isoloss.fit.optimum import find
    from isoloss.fit.problem import Problem
    from isoloss.fit.resample import draw
    from isoloss.tables.data import read

    data = read(table, LAW, {})
    problem = Problem(LAW, data.log_x, data.log_loss, Objective())
    z, _, _ = find(problem)

    def ours(count):
        draw(problem, z, data, "cluster", count, np.random.default_rng(0))

    def theirs(count):
        peer_fit(table, count)

    found = {"theirs": [], "ours": []}
    for _ in range(3):
        for name, run in (("theirs", theirs), ("ours", ours)):
            seconds = []
            for count in (FEW, FEW + draws):
                start_s = time.process_time()
                run(count)
                seconds.append(time.process_time() - start_s)
            found[name].append(1e3 * (seconds[1] - seconds[0]) / draws)
    return {name: min(times) for name, times in found.items()}


def read_rows(path, drop_highest):
    """N, D and the loss of a CSV with the columns of Besiroglu et al. (2024)."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = sorted(rows, key=lambda row: float(row["loss"]))[: len(rows) - drop_highest]
    n = np.array([float(row["Model Size"]) for row in rows])
    compute = np.array([float(row["Training FLOP"]) for row in rows])
    loss = np.array([float(row["loss"]) for row in rows])
    return {"n_params": n, "n_tokens": compute / (6 * n), "loss": loss}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", type=Path, help="time a draw on this table")
    parser.add_argument("--drop-highest", type=int, default=0, help="losses to leave out")
    parser.add_argument("--tables", type=int, default=0, help="per design, for the coverage")
    parser.add_argument("--draws", type=int, default=1000, help="the peer's default: 1000")
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--designs", nargs="+", default=[*DESIGNS, *HELD_OUT])
    args = parser.parse_args()
    try:
        import simple_scaling_laws
    except ImportError as error:
        print(f"skipped: {sys.executable} has no simple-scaling-laws ({error}); see {__file__}")
        return 0
    print("simple-scaling-laws", simple_scaling_laws.__version__, "Python", sys.version.split()[0])
    if args.table:
        times = per_draw(read_rows(args.table, args.drop_highest), args.draws)
        print("  ".join(f"{name} {ms:.3f} ms per draw" for name, ms in times.items()))
    for name in args.designs if args.tables else ():
        design = {**DESIGNS, **HELD_OUT}[name]
        found = coverage(design, args.tables, args.draws, args.first_seed)
        print(name, "  ".join(f"{q} {share:.1f}" for q, share in found.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
