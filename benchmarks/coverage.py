"""Measure what the default intervals cover: tables drawn from planted laws on many designs.

    python benchmarks/coverage.py --tables 1000 --results results/coverage.jsonl
    python benchmarks/coverage.py --tables 1000 --results results/coverage.jsonl --limit-s 200

For each table the law is fitted as `fit_law` fits it, and it is noted whether the 90 % interval of
each parameter, of the exponent a of N* ~ C**a, and of the loss of the compute optimum at ten times
the largest budget holds the truth; and on tables whose law cannot be known, whether that is said.

Each table is a line of the results file. What is there is not computed again, so the work can be
stopped, or cut into slices by `--limit-s`, and goes on where it was; lines that another version of
the engine wrote are refused. When every table is there, the coverage is printed.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
from coverage_designs import ALL, LAW, UNIDENTIFIED

import isoloss.fit
import isoloss.laws
from isoloss.fit import fit_law

QUANTITIES = (*LAW.names, "a", "loss at 10 C")


def version():
    """A short hash of the source files that a fit is made by."""
    digest = hashlib.sha256()
    for package in (isoloss.laws, isoloss.fit):
        for path in sorted(Path(package.__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def truth(design):
    """The planted value of each of `QUANTITIES`."""
    n, d = design.ten_times
    values = {**design.params, "a": LAW.derived(design.params)["a"]}
    return values | {"loss at 10 C": float(LAW(design.params, n_params=n, n_tokens=d))}


def one(design, seed, draws):
    """One table: for each quantity whether its interval holds the truth, and the verdict."""
    table = design.table(np.random.default_rng([seed, 2]))
    cluster = None if design.runs is None else "run"
    result = fit_law(table, LAW, draws=draws, seed=seed, cluster=cluster)
    n, d = design.ten_times
    forecast = result.predict({"n_params": [n], "n_tokens": [d]}).iloc[0]
    found = {name: (e.lo, e.hi) for name, e in result.params.items()}
    found["a"] = result.derived["a"].lo, result.derived["a"].hi
    found["loss at 10 C"] = forecast["lo"], forecast["hi"]
    return {
        "inside": {
            name: None not in found[name] and bool(found[name][0] <= value <= found[name][1])
            for name, value in truth(design).items()
        },
        "method": result.method,
        "identified": result.verdict == "identified",
    }


def read(path, now):
    """The lines written so far, by (design, seed); none may be of another version."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if any(row["version"] != now for row in rows):
        sys.exit(f"{path} was written by another version of the engine: remove it, or name another")
    return {(row["design"], row["seed"]): row for row in rows}


def measure(path, designs, tables, draws, first_seed, limit_s):
    """Add what is missing to the results file; True when nothing is."""
    start_s, now = time.monotonic(), version()
    done = read(path, now)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for seed in range(first_seed, first_seed + tables):
            for name in designs:
                if (name, seed) in done:
                    continue
                if time.monotonic() - start_s > limit_s:
                    return False
                row = {"design": name, "seed": seed, "draws": draws, "version": now}
                file.write(json.dumps(row | one(ALL[name], seed, draws)) + "\n")
                file.flush()
    return True


def summary(rows):
    """Coverage per design and quantity, the share called identified, the methods."""
    for name, design in ALL.items():
        of = [row for row in rows if row["design"] == name]
        if not of:
            continue
        identified = sum(row["identified"] for row in of)
        if name in UNIDENTIFIED:
            yield f"{name}: {len(of) - identified} of {len(of)} called not identified"
            continue
        shares = [100 * np.mean([row["inside"][q] for row in of]) for q in QUANTITIES]
        text = "  ".join(f"{q} {share:.1f}" for q, share in zip(QUANTITIES, shares, strict=True))
        methods = ", ".join(sorted({row["method"] for row in of}))
        yield (
            f"{name} ({len(design.n_params)} rows, {len(of)} tables): {text}; {identified} called "
            f"identified; {methods}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", type=int, default=1000, help="per design")
    parser.add_argument("--draws", type=int, default=300, help="per table")
    parser.add_argument("--designs", nargs="+", default=[*ALL], choices=ALL, metavar="NAME")
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--limit-s", type=float, default=np.inf, help="stop after so many seconds")
    parser.add_argument("--results", type=Path, default=Path("results/coverage.jsonl"))
    args = parser.parse_args()
    whole = measure(
        args.results, args.designs, args.tables, args.draws, args.first_seed, args.limit_s
    )
    rows = read(args.results, version()).values()
    print("\n".join(summary(rows)) if whole else f"{len(rows)} tables so far")
    return 0 if whole else 75


if __name__ == "__main__":
    sys.exit(main())
