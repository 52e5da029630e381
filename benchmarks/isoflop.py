"""Measure what the intervals of approach 2 cover: isoFLOP grids of planted laws.

    python benchmarks/isoflop.py --tables 1000 --results results/isoflop.jsonl
    python benchmarks/isoflop.py --tables 1000 --results results/isoflop.jsonl --limit-s 200

For each table it is noted by how much a, and ln N* at ten times the largest budget, are off; by how
much the line through plain parabolas is; and whether the 90 % intervals hold the truth. Each
table is a line of the results file. What is there is not computed again, so the work can be
stopped, or cut into slices by `--limit-s`, and goes on where it was.
"""

import argparse
import hashlib
import json
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import isoloss.fit
from isoloss.errors import UserError
from isoloss.fit.isoflop import allocation

FIRST_BUDGET, LAST_BUDGET = 1e19, 1e21
NOISE = (0.002, 0.01)  # sd of ln L


@dataclass(frozen=True)
class Law:
    """L = E + (A / N**alpha + B / D**beta)**k, whose optimum at 1e21 FLOP is N = 1e9."""

    alpha: float
    beta: float
    power: float = 1.0
    floor: float = 1.8
    reducible: float = 0.8  # loss above the floor at that optimum

    @property
    def a(self):
        return self.beta / (self.alpha + self.beta)

    def n_opt(self, compute):
        return 1e9 * (compute / 1e21) ** self.a

    def loss(self, n_params, n_tokens):
        both = self.reducible ** (1 / self.power)
        size = both * self.a * (n_params / 1e9) ** -self.alpha
        data = both * (1 - self.a) * (n_tokens / (1e12 / 6)) ** -self.beta
        return self.floor + (size + data) ** self.power


@dataclass(frozen=True)
class Grid:
    """Sizes at each budget, about the optimum's; `drift` moves them from budget to budget."""

    spacing: float
    n_sizes: int
    centre: float = 1.0
    budgets: int = 6
    drift: float = 0.0

    def rows(self, law):
        """C and N of each run."""
        places = self.spacing ** (np.arange(self.n_sizes) - (self.n_sizes - 1) / 2)
        budgets = np.geomspace(FIRST_BUDGET, LAST_BUDGET, self.budgets)
        centre = law.n_opt(budgets) * self.centre * (budgets / FIRST_BUDGET) ** self.drift
        return np.repeat(budgets, self.n_sizes), np.outer(centre, places).ravel()


# What the priors of the shape, the reach and the least number of sizes were chosen on.
TUNING_LAWS = {"even": Law(0.348, 0.366), "data steep": Law(0.25, 0.5),
               "power .4": Law(0.6, 0.7, power=0.4)}  # fmt: skip
TUNING_GRIDS = {"x1.26, 7 sizes": Grid(2 ** (1 / 3), 7), "x1.59, 7, too large x3":
                Grid(16 ** (1 / 6), 7, 3.0), "x2, 9": Grid(2.0, 9), "x2.5, 7": Grid(2.5, 7),
                "x4, 5": Grid(4.0, 5)}  # fmt: skip
# On these nothing was chosen.
LAWS = {
    "hoffmann": Law(0.34, 0.28),
    "symmetric": Law(0.31, 0.31),
    "size steep": Law(0.6, 0.3),
    "coupled": Law(0.5, 0.8, power=0.5),
    "kaplan": Law(0.8, 1.0, power=0.1, floor=0.0, reducible=2.5),
}
GRIDS = {
    "x1.5, 8": Grid(1.5, 8),
    "x1.6, 7, too small x3": Grid(1.6, 7, 1 / 3),
    "x1.6, 7, too large x3": Grid(1.6, 7, 3.0),
    "x2, 5, drifting": Grid(2.0, 5, 0.7, drift=0.12),
    "x2, 6, 4 budgets": Grid(2.0, 6, 1.2, budgets=4),
    "x2.5, 6": Grid(2.5, 6, 1.3),
    "x4, 5": Grid(4.0, 5, 1.5),
}


def cells(tuning):
    """(name, law, grid, noise) of each cell."""
    laws, grids = (TUNING_LAWS, TUNING_GRIDS) if tuning else (LAWS, GRIDS)
    for law_name, law in laws.items():
        for grid_name, grid in grids.items():
            for noise in NOISE:
                yield f"{law_name} | {grid_name} | {noise:.1%}", law, grid, noise


def version():
    """A short hash of the source files that a fit is made by."""
    digest = hashlib.sha256()
    for path in sorted(Path(isoloss.fit.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def one(name, law, grid, noise, seed, draws):
    """One table: errors, and whether the intervals hold the truth."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    compute, n = grid.rows(law)
    d = compute / 6 / n
    loss = law.loss(n, d) * np.exp(noise * rng.standard_normal(len(n)))
    target = 10 * LAST_BUDGET
    try:
        found = allocation(compute, n, d, loss, draws=draws, seed=seed)
    except UserError:
        return {"refused": True}
    truth, at = float(law.n_opt(target)), found.n.at(target, 0.9, "")
    classic = found.n.parabolas
    return {
        "refused": False,
        "known": bool(found.n.verdict(target).identified),
        "used": sum(budget.used for budget in found.budgets),
        "a": found.a.value - law.a,
        "holds a": bool(found.a.lo <= law.a <= found.a.hi),
        "ln N*": float(np.log(at.value / truth)),
        "holds N*": bool(at.lo <= truth <= at.hi),
        "width": float(np.log(at.hi / at.lo)),
        "by parabolas": None if classic is None else float(
            classic[0] + classic[1] * np.log(target) - np.log(truth)
        ),
    }  # fmt: skip


def read(path, now):
    """The lines written so far, by (cell, seed); none may be of another version."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if any(row["version"] != now for row in rows):
        sys.exit(f"{path} was written by another version of the engine: remove it, or name another")
    return {(row["cell"], row["seed"]): row for row in rows}


def measure(path, tuning, tables, draws, first_seed, limit_s):
    """Add what is missing to the results file; True when nothing is."""
    start_s, now = time.monotonic(), version()
    done = read(path, now)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for seed in range(first_seed, first_seed + tables):
            for name, law, grid, noise in cells(tuning):
                if (name, seed) in done:
                    continue
                if time.monotonic() - start_s > limit_s:
                    return False
                row = {"cell": name, "seed": seed, "draws": draws, "version": now}
                row |= one(name, law, grid, noise, seed, draws)
                file.write(json.dumps(row) + "\n")
                file.flush()
    return True


def summary(rows):
    """A table in Markdown, with a line for each cell and one for each grid and noise."""
    yield ("| cell | tables | refused | known | a | N* at 10 C | of the known | median ln N* off | "
           "by parabolas | median ln width |")  # fmt: skip
    yield "|---|---|---|---|---|---|---|---|---|---|"
    kinds = {}
    for row in rows:
        law, grid, noise = row["cell"].split(" | ")
        for kind in ((law, grid, noise), ("all laws", grid, noise), ("all laws", "all", noise)):
            kinds.setdefault(kind, []).append(row)
    for kind, of in sorted(kinds.items()):
        made = [row for row in of if not row["refused"]]
        if not made:
            yield f"| {', '.join(kind)} | {len(of)} | {len(of)} |"
            continue
        known = [row["holds N*"] for row in made if row["known"]]
        shares = [_share(row[name] for row in made) for name in ("holds a", "holds N*")]
        parabolas = [row["by parabolas"] for row in made if row["by parabolas"] is not None]
        yield (
            f"| {', '.join(kind)} | {len(of)} | {len(of) - len(made)} | {len(known)} | "
            f"{shares[0]} | {shares[1]} | "
            f"{_share(known)} | {np.median([row['ln N*'] for row in made]):+.3f} | "
            f"{np.median(parabolas) if parabolas else np.nan:+.3f} | "
            f"{np.median([row['width'] for row in made]):.2f} |"
        )


def _share(held):
    held = list(held)
    return f"{100 * np.mean(held):.0f}" if held else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", type=int, default=1000, help="per cell")
    parser.add_argument("--draws", type=int, default=300, help="per table")
    parser.add_argument("--tuning", action="store_true", help="the cells that choices were made on")
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--limit-s", type=float, default=np.inf, help="stop after so many seconds")
    parser.add_argument("--results", type=Path, default=Path("results/isoflop.jsonl"))
    args = parser.parse_args()
    whole = measure(
        args.results, args.tuning, args.tables, args.draws, args.first_seed, args.limit_s
    )
    rows = read(args.results, version()).values()
    print("\n".join(summary(rows)) if whole else f"{len(rows)} tables so far")
    return 0 if whole else 75


if __name__ == "__main__":
    sys.exit(main())
