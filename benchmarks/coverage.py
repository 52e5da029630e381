"""Measure what the default intervals cover: tables drawn from a planted law on five designs.

    python benchmarks/coverage.py --tables 1000 --output results/coverage.json

For each table the law is fitted as `fit_law` fits it, and it is noted whether the 90 % interval of
each parameter, of the exponent a of N* ~ C**a, and of the loss of the compute optimum at ten times
the largest budget holds the truth; and on tables whose law cannot be known, whether that is said.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from coverage_designs import DESIGNS, LAW, UNIDENTIFIED

from isoloss.fit import fit_law

QUANTITIES = (*LAW.names, "a", "loss at 10 C")


def one(design, seed, draws):
    """Inside (bool) per quantity, the method, and the verdict, for one table."""
    table = design.table(np.random.default_rng([seed, 2]))
    result = fit_law(table, LAW, draws=draws, seed=seed)
    n, d = design.ten_times
    forecast = result.predict({"n_params": [n], "n_tokens": [d]}).iloc[0]
    truth = {**design.params, "a": LAW.derived(design.params)["a"]}
    inside = [
        estimate.lo <= truth[name] <= estimate.hi
        for name, estimate in (*result.params.items(), ("a", result.derived["a"]))
    ]
    inside.append(forecast["lo"] <= LAW(design.params, n_params=n, n_tokens=d) <= forecast["hi"])
    return inside, result.method, result.verdict


def measure(design, tables, draws, first_seed):
    found = [one(design, first_seed + i, draws) for i in range(tables)]
    inside = np.array([row[0] for row in found], dtype=float)
    methods = [row[1] for row in found]
    return {
        "rows": len(design.n_params),
        "tables": tables,
        "coverage": dict(zip(QUANTITIES, inside.mean(axis=0).round(4).tolist(), strict=True)),
        "identified": float(np.mean([row[2] == "identified" for row in found])),
        "methods": {name: methods.count(name) / tables for name in sorted(set(methods))},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", type=int, default=1000, help="per design")
    parser.add_argument("--draws", type=int, default=300, help="per table")
    parser.add_argument("--designs", nargs="+", default=[*DESIGNS, *UNIDENTIFIED])
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    results = {}
    for name in args.designs:
        start_s = time.perf_counter()
        design = {**DESIGNS, **UNIDENTIFIED}[name]
        found = measure(design, args.tables, args.draws, args.first_seed)
        results[name] = found | {"elapsed_s": round(time.perf_counter() - start_s, 1)}
        line = "  ".join(f"{q} {100 * c:.1f}" for q, c in found["coverage"].items())
        print(
            f"{name} ({found['rows']} rows): {line}; identified in "
            f"{100 * found['identified']:.1f} %, {found['methods']}",
            flush=True,
        )
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
