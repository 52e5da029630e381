"""Replay `isoloss next` on published tables, against runs chosen at random.

    python benchmarks/replay.py FOLDER --replays 3 --results results/replay.jsonl

    python benchmarks/replay.py FOLDER --planted --results results/replay-planted.jsonl

FOLDER has porian/ and gemstones/ in it. What the results file has is not computed again.

A world is 70 % of a table's rows, drawn at random; every row is a run that costs 6 N D. All ways
start from its 8 cheapest runs and buy runs of half of what they have spent at a time, until
they have them all. One asks `next_runs` which (decision: a) and sees only what it has bought. One
takes the classical c-optimal design, and one takes runs in random order. After each purchase each
is fitted, and the width of the 90 % interval of a is noted. Compared is the compute from which on
the interval stays within a width: 1.25, 1.5 and 2 times that of the whole world. And it is noted
whether the interval holds the a of the whole world.

With --planted every loss is replaced by that of the law fitted to the table, with noise as large
as the table's: there the law is true, and "holds it" is the coverage of intervals of planned runs.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from published_tables import swept

from isoloss.decide.baselines import c_optimal
from isoloss.decide.belief import Belief
from isoloss.decide.candidates import flops, of_table
from isoloss.decide.next_runs import next_runs
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.resample import noise_model

SHARE, START, STEP = 0.7, 8, 0.5
DRAWS = 200
WIDTHS = (1.25, 1.5, 2.0)
ANY = (0.0, 1.0)  # where a may lie if the runs say nothing of it


def replay(table: pd.DataFrame, seed: int, planted: bool) -> dict:
    """One world, bought in both ways."""
    rng = np.random.default_rng(seed)
    table, truth = as_the_law_says(table, rng) if planted else (table, None)
    rows = np.sort(rng.choice(len(table), round(SHARE * len(table)), replace=False))
    world = table.iloc[rows].reset_index(drop=True)
    world["cost"] = flops()(world["n_params"], world["n_tokens"])
    shuffled = rng.permutation(len(world)).tolist()
    ways = {
        "planned": bought(world, seed, planned_runs),
        "c-optimal": bought(world, seed, classical_runs),
        "random": bought(world, seed, lambda result, world, rest, budget: in_order(
            world, [row for row in shuffled if row in rest], budget)),
    }  # fmt: skip
    a = ways["random"][-1]["a"] if truth is None else truth
    total = float(world["cost"].sum())
    return {"seed": seed, "n_runs": len(world), "total": total, "a": a} | ways


def as_the_law_says(table: pd.DataFrame, rng) -> tuple[pd.DataFrame, float]:
    """The same runs with losses of the law fitted to them and new noise; and the law's a."""
    result = fit_law(table, "chinchilla", draws=0)
    z = result.problem.z(result.theta[None])[0]
    scale = noise_model(result.problem, z).scale
    model = result.law.log_loss(result.theta[None], result.problem.log_x)[0]
    losses = np.exp(model + scale * rng.standard_normal(len(table)))
    return table.assign(loss=losses), result.derived["a"].value


def bought(world: pd.DataFrame, seed: int, choose) -> list[dict]:
    """What is known of a after each purchase."""
    cheapest = world["cost"].sort_values(kind="stable").index
    have, rest, steps = list(cheapest[:START]), set(cheapest[START:]), []
    while True:
        spent, result = float(world["cost"][have].sum()), fitted(world.loc[have], seed)
        if result is not None:
            a = result.derived["a"]
            lo, hi = ANY if a.lo is None else (a.lo, a.hi)
            step = {"spent": spent, "n_runs": len(have), "a": a.value, "lo": lo, "hi": hi}
            steps.append(step | {"identified": result.identified})
        if not rest:
            return steps
        more = choose(result, world, rest, STEP * spent)
        if not more:
            return steps  # the plan says that no run helps any more
        have += more
        rest -= set(more)


def fitted(runs: pd.DataFrame, seed: int):
    """Chinchilla's law; the method of intervals is the default's for tables so small."""
    columns = runs[["n_params", "n_tokens", "loss"]]
    try:
        return fit_law(columns, "chinchilla", draws=DRAWS, seed=seed, method="residual")
    except UserError:
        return None


def planned_runs(result, world, rest, budget) -> list[int]:
    """The runs that a plan asks for; more is spent at a time where so little buys nothing."""
    among = sorted(rest)
    while result is not None:
        candidates = of_table(world.loc[among], flops())
        target = float(world["cost"].max())
        try:
            plan = next_runs(result, Question("a", target), budget, candidates=candidates,
                             compare=False)  # fmt: skip
        except UserError:
            break  # too few usable draws
        if len(plan.runs) or budget > candidates.cost.max():
            return [among[i] for i in plan.runs["candidate"]]
        budget *= 1 + STEP
    return in_order(world, sorted(among, key=lambda row: world["cost"][row]), budget)


def classical_runs(result, world, rest, budget) -> list[int]:
    """The runs of the classical c-optimal design at the fitted parameters."""
    among = sorted(rest)
    candidates = of_table(world.loc[among], flops())
    chosen: list[int] = []
    if result is not None:
        question = Question("a", float(world["cost"].max()))
        try:
            believed = Belief(result, question, candidates)
        except UserError:  # too few usable draws
            return in_order(world, sorted(among, key=lambda row: world["cost"][row]), budget)
        noises = np.sqrt(believed.noise), believed.seen_noise
        chosen = c_optimal(result, question, candidates, *noises, budget)
    if chosen:
        return [among[i] for i in chosen]
    return in_order(world, sorted(among, key=lambda row: world["cost"][row]), budget)


def in_order(world, rows, budget) -> list[int]:
    """The first rows that the budget pays for, and at least one."""
    spent = world["cost"][rows].cumsum().to_numpy()
    return rows[: max(1, int(np.sum(spent <= budget)))]


def reached(steps: list[dict], width: float, total: float) -> float:
    """The compute from which on the interval is no wider, as a share of the world's."""
    wide = [i for i, step in enumerate(steps) if not step["hi"] - step["lo"] <= width]
    first = wide[-1] + 1 if wide else 0
    return steps[first]["spent"] / total if first < len(steps) else 1.0


def summary(found: dict[str, list[dict]]) -> str:
    """The table of docs/performance-next.md, and where the plan loses."""
    lines = ["| width | replays | median | 10 % | 25 % | 75 % | 90 % | plan loses |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    ratios = {}
    for factor in WIDTHS:
        ratios[factor] = {
            name: [_ratio(one, factor) for one in many] for name, many in found.items()
        }
        every = np.concatenate(list(ratios[factor].values()))
        cells = [f"{q:.2f}" for q in np.quantile(every, [0.5, 0.1, 0.25, 0.75, 0.9])]
        lost = f"{np.sum(every > 1)} of {len(every)}"
        lines.append(f"| {factor:g} x | {len(every)} | {' | '.join(cells)} | {lost} |")
    lines += ["", "| table | " + " | ".join(f"{f:g} x" for f in WIDTHS) + " | a |",
              "| --- |" + " --- |" * (len(WIDTHS) + 1)]  # fmt: skip
    for name, many in found.items():
        cells = [" ".join(f"{r:.2f}" for r in ratios[factor][name]) for factor in WIDTHS]
        whole = np.median([one["a"] for one in many])
        lines.append(f"| {name} | {' | '.join(cells)} | {whole:.3f} |")
    lines += ["", "| spent | way | distance to a | width | holds it |",
              "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for share in (0.02, 0.05, 0.1, 0.3):
        lines += [_accuracy(found, share, way) for way in ("planned", "c-optimal", "random")]
    return "\n".join(lines)


def _ratio(one, factor):
    last = one["random"][-1]
    width = factor * (last["hi"] - last["lo"])
    planned, random = (reached(one[way], width, one["total"]) for way in ("planned", "random"))
    return planned / random


def _accuracy(found, share, way):
    rows = []
    for one in (one for many in found.values() for one in many):
        whole = one["a"]
        at = [step for step in one[way] if step["spent"] <= share * one["total"]]
        if at:
            lo, hi = at[-1]["lo"], at[-1]["hi"]
            rows.append((abs(at[-1]["a"] - whole), hi - lo, lo <= whole <= hi))
    off, width, holds = np.array(rows, float).T
    return (f"| {100 * share:g} % | {way} | {np.median(off):.3f} | {np.median(width):.3f} | "
            f"{100 * holds.mean():.0f} % |")  # fmt: skip


def measure(path, folder, replays, only, limit_s, planted) -> None:
    """Add to the results file what is missing of it; one line a replay."""
    start_s = time.monotonic()
    done = {(one["table"], one["seed"]) for one in read(path)}
    every = swept(folder)
    worlds = [(name, seed) for seed in range(replays) for name in every if only in name]
    for name, seed in worlds:
        if (name, seed) in done:
            continue
        if time.monotonic() - start_s > limit_s:
            print("stopped; the same command goes on from here", file=sys.stderr)
            return
        line = json.dumps({"table": name} | replay(every[name], seed, planted), allow_nan=False)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def read(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="has porian/ and gemstones/")
    parser.add_argument("--replays", type=int, default=3, help="worlds a table (default: 3)")
    parser.add_argument("--only", default="", help="tables whose name has this in it")
    parser.add_argument("--results", type=Path, default=Path("results/replay.jsonl"))
    parser.add_argument("--planted", action="store_true", help="losses that the law gives")
    parser.add_argument("--limit-s", type=float, default=np.inf, help="stop after so long")
    arguments = parser.parse_args()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    measure(arguments.results, arguments.folder, arguments.replays, arguments.only,
            arguments.limit_s, arguments.planted)  # fmt: skip
    found: dict[str, list[dict]] = {}
    for one in read(arguments.results):
        found.setdefault(one["table"], []).append(one)
    if found:
        print(summary(found))


if __name__ == "__main__":
    main()
