"""Designs of equal cost on planted laws: how far N* is off after each, and what each promised.

    python benchmarks/designs.py --tables 40

Each table starts with nine runs of a planted law. A design then chooses runs for the same budget:
`isoloss next`; Hoffmann's isoFLOP grid about the fitted optimum; the classical c-optimal design at
the fitted parameters; random candidates. The bound is the c-optimal design at the true parameters,
which no one can have. The law is fitted again to all runs. Reported is ln(N* / true N*) at the
target, the width of its interval, and how often the interval holds the truth.
"""

import argparse

import numpy as np
import pandas as pd

from isoloss.decide import baselines
from isoloss.decide.belief import Belief
from isoloss.decide.candidates import flops, on_grid
from isoloss.decide.next_runs import next_runs
from isoloss.decide.question import Question
from isoloss.fit import fit_law
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
PLANTED = {
    "hoffmann": {"A": 482.0, "B": 2085.4, "E": 1.817, "alpha": 0.348, "beta": 0.366},
    "gemstones": {"A": 217.2, "B": 1.2e5, "E": 2.14, "alpha": 0.3, "beta": 0.58},
    "steep size": {"A": 9500.0, "B": 480.0, "E": 1.7, "alpha": 0.5, "beta": 0.3},
}
NOISE = 0.005  # standard deviation of ln L
SIZES, RATIOS = (1e8, 3e8, 1e9), (5.0, 20.0, 80.0)
TARGET, BUDGET = 5.76e23, 1e22
DRAWS = 200
WAYS = ("start", "plan", "isoFLOP grid", "c-optimal", "random", "bound")


def measured(true: dict, n_params, n_tokens, rng) -> pd.DataFrame:
    loss = LAW(true, n_params=n_params, n_tokens=n_tokens)
    noisy = loss * np.exp(NOISE * rng.standard_normal(len(loss)))
    return pd.DataFrame({"n_params": n_params, "n_tokens": n_tokens, "loss": noisy})


def chosen(table: pd.DataFrame, true: dict, seed: int) -> dict:
    """The runs of each design: way -> (n_params, n_tokens), and the promised widths."""
    result, question = fit_law(table, LAW, draws=DRAWS, seed=seed), Question("n_params", TARGET)
    among = on_grid(result, flops(), question, BUDGET)
    plan = next_runs(result, question, BUDGET, candidates=among, cost=flops())
    grid = baselines.isoflop_grid(result, question, flops(), BUDGET)
    believed = Belief(result, question, among)
    noises = np.sqrt(believed.noise), believed.seen_noise
    rows = {
        "c-optimal": baselines.c_optimal(result, question, among, *noises, BUDGET),
        "random": baselines.at_random(among, BUDGET, seed),
    }
    known = fit_law(measured(true, *sizes(), np.random.default_rng(0)), LAW, draws=0)
    object.__setattr__(known, "theta", LAW.internal(true))
    wide = on_grid(known, flops(), question, BUDGET)
    even = np.full(len(wide.cost), NOISE), np.full(len(table), NOISE)
    bound = baselines.c_optimal(known, question, wide, *even, BUDGET)
    every = {
        "plan": plan.runs[["n_params", "n_tokens"]].to_numpy().T,
        "isoFLOP grid": _sizes(grid, slice(None)),
        **{way: _sizes(among, part) for way, part in rows.items()},
        "bound": _sizes(wide, bound),
    }
    promised = {one.name: one.width for one in plan.baselines}
    return every, promised | {"plan": plan.runs["width"].iloc[-1] if len(plan.runs) else np.nan}


def _sizes(among, rows):
    return np.array([among.values[name][rows] for name in ("n_params", "n_tokens")])


def sizes():
    n_params, ratio = (axis.ravel() for axis in np.meshgrid(SIZES, RATIOS))
    return n_params, n_params * ratio


def tried(name: str, seed: int) -> list[dict]:
    """One table: a row for each design."""
    true = PLANTED[name]
    rng = np.random.default_rng([seed, *name.encode()])
    table = measured(true, *sizes(), rng)
    at = LAW.optimum(true, TARGET)["n_params"]
    designs, promised = chosen(table, true, seed)
    rows = []
    for way in WAYS:
        runs = table
        if way != "start":
            runs = pd.concat([table, measured(true, *designs[way], rng)], ignore_index=True)
        found = fit_law(runs, LAW, draws=DRAWS, seed=seed).optimum([TARGET]).iloc[0]
        lo, hi = found["n_params_lo"], found["n_params_hi"]
        rows.append({
            "law": name, "way": way, "n_runs": len(runs) - len(table),
            "off": np.log(found["n_params"] / at), "width": np.log(hi / lo),
            "promised": np.log(promised.get(way, np.nan)), "holds": lo <= at <= hi,
        })  # fmt: skip
    return rows


def summary(rows: pd.DataFrame) -> str:
    lines = ["| law | design | runs | rms | of isoFLOP's | median width | promised | holds |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, of_law in rows.groupby("law", sort=False):
        rms = of_law.groupby("way")["off"].apply(lambda off: np.sqrt(np.mean(off**2)))
        for way, part in of_law.groupby("way", sort=False):
            width, promised = part["width"].median(), part["promised"].median()
            lines.append(
                f"| {name} | {way} | {part['n_runs'].median():.0f} | {rms[way]:.3f} | "
                f"{rms[way] / rms['isoFLOP grid']:.2f} | {width:.3f} | {promised:.3f} | "
                f"{100 * part['holds'].mean():.0f} % |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=40, help="tables a law (default: 40)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first table")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.tables)
    rows = [row for seed in seeds for name in PLANTED for row in tried(name, seed)]
    print(summary(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
