"""Score plans of `isoloss next` over pools of runs, as ScaleBench does.

    python benchmarks/scalebench.py FOLDER --seeds 10

ScaleBench (Li et al. 2026, arXiv:2604.22753) gives pools of runs with their costs, and a region of
large runs whose losses are to be predicted. FOLDER has its tables, TASK.train.parquet (the pool)
and TASK.test.parquet (the region). A buyer starts with nothing. At 1, 5 and 10 % of the cost of the
whole pool, the average of a task's laws is fitted to what it has bought, with weights by trials on
that (`isoloss.forecast.average`). The score is its R2 on the region, not below -1. One buyer starts
with the cheapest runs, then asks `next_runs` which; it knows where the region is, and no loss
there. The other buys at random. The objective is the default of isoloss.

Where no runs cost the same, all seeds plan the same runs. `--without` leaves out a share of the
pool by chance, and so shows how much of a score is luck.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scalebench_laws import TASKS, Task

from isoloss.decide.candidates import Candidates
from isoloss.decide.mixture import mixture
from isoloss.decide.next_runs import NO_HELP, next_runs
from isoloss.decide.pilot import first_runs
from isoloss.decide.question import Question
from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings
from isoloss.forecast.average import average
from isoloss.forecast.trials import shape_of

SHARES = (0.01, 0.05, 0.1)
FIRST = 2.5  # cheapest runs for each parameter, before the first fit, as published
APART = 0.3  # of the first share, for first runs that are far apart
STEP = 0.25  # of what was spent: the first runs of a plan up to that are bought, then it is renewed
LEAST = 0.02  # of a share of the budget: a rest that is not spent
DRAWS = 150


@dataclass(frozen=True)
class Pool:
    """A task's pool and region, with the columns that its law knows."""

    task: Task
    runs: pd.DataFrame
    region: pd.DataFrame
    cost: np.ndarray

    def candidates(self, rows):
        runs = self.runs.iloc[rows]
        values = {name: runs[name].to_numpy() for name in self.task.variables}
        return Candidates(values, self.cost[rows])

    def fitted(self, rows, draws):
        table = self.runs.iloc[rows][[*self.task.variables, "loss"]]
        columns = {name: name for name in table}
        settings = FitSettings(draws=draws, seed=0, columns=columns)
        return average(table, settings, self.task.laws)

    def score(self, rows) -> float:
        try:
            averaged = self.fitted(rows, 0)
        except UserError:
            return -1.0
        logs = [
            np.log(member.result.predict(self.region, interval=False)["loss"].to_numpy())
            for member in averaged.members
        ]
        weights = averaged.weights_at(self.shape)
        return r_squared(self.region["loss"].to_numpy(), np.exp(weights @ np.array(logs)))

    @property
    def shape(self) -> float | None:
        """The mean ln(D/N) of the region."""
        shapes = shape_of({name: np.log(self.region[name]) for name in self.task.variables})
        return None if shapes is None else float(np.mean(shapes))


def r_squared(truth, found) -> float:
    if not np.isfinite(found).all():
        return -1.0
    return max(-1.0, float(1 - np.sum((truth - found) ** 2) / np.sum((truth - truth.mean()) ** 2)))


def read(folder: Path, task: Task) -> Pool:
    runs, region = (
        task.columns(pd.read_parquet(folder / f"{task.name}.{part}.parquet"))
        for part in ("train", "test")
    )
    return Pool(task, runs, region, task.cost(runs).to_numpy())


def thinned(pool: Pool, share: float, seed: int) -> Pool:
    """The pool without a share of its runs, drawn by chance."""
    rng = np.random.default_rng([seed, 1])
    rows = np.sort(rng.permutation(len(pool.cost))[round(share * len(pool.cost)) :])
    return replace(pool, runs=pool.runs.iloc[rows].reset_index(drop=True), cost=pool.cost[rows])


def within(pool: Pool, share: float) -> Pool:
    """The pool without its costliest share, which is the region: to choose a rule by."""
    large = pool.cost >= np.quantile(pool.cost, 1 - share)
    rest, region = (pool.runs[rows].reset_index(drop=True) for rows in (~large, large))
    return replace(pool, runs=rest, region=region, cost=pool.cost[~large])


def planned(pool: Pool, seed: int, believe: bool) -> list[float]:
    """R2 at each share of the budget.

    With `believe`, a plan that says that no more runs would help ends the share. Without, plans are
    asked for until the share is spent, but for a small rest.
    """
    task, total = pool.task, pool.cost.sum()
    region = {name: np.log(pool.region[name].to_numpy()) for name in task.variables}
    question = Question("region", region=region)
    have = before_a_law(pool, SHARES[0] * total, seed)
    scores = []
    for share in SHARES:
        while (left := share * total - pool.cost[have].sum()) > LEAST * share * total:
            rest = np.setdiff1d(np.arange(len(pool.cost)), have)
            more, enough = asked(pool, have, rest, question, left)
            spent = np.cumsum(pool.cost[rest[more]])
            first = more[: 1 + int(np.sum(spent < STEP * pool.cost[have].sum()))]
            have += [int(row) for row in rest[first]]
            if (believe and enough) or not len(more):
                break
        scores.append(pool.score(have))
    return scores


def before_a_law(pool, budget, seed):
    """The runs before the first fit: the cheapest, of equal ones any, as the published buyers.

    Where a variable has one value in all of these, no law can be fitted. Then they are far apart.
    """
    wanted = int(FIRST * max(len(one.parameters) for one in pool.task.laws))
    order = np.random.default_rng(seed).permutation(len(pool.cost))
    order = order[np.argsort(pool.cost[order], kind="stable")][:wanted]
    rows = [int(row) for row in order[np.cumsum(pool.cost[order]) <= budget]]
    if (pool.runs.iloc[rows][list(pool.task.variables)].nunique() > 1).all():
        return rows
    among = pool.candidates(np.arange(len(pool.cost)))
    return first_runs(among, wanted, APART * budget, seed)


def asked(pool, have, rest, question, left):
    """The runs of a plan, as places in `rest`, and whether it says that no more would help."""
    among = pool.candidates(rest)
    if among.cost.min() > left:
        return [], True
    try:
        laws = mixture(pool.fitted(have, DRAWS), question)
        plan = next_runs(
            laws.fits[0], question, left, candidates=among, compare=False,
            others=laws.fits[1:], weights=laws.weights,
        )  # fmt: skip
        return plan.runs["candidate"].to_numpy(), plan.stopped == NO_HELP
    except UserError:  # no usable fit yet: more runs far apart
        return first_runs(among, 4, left, len(have))[:1], False


def at_random(pool: Pool, seed: int, believe: bool) -> list[float]:
    order = np.random.default_rng(seed).permutation(len(pool.cost))
    spent = np.cumsum(pool.cost[order])
    return [
        pool.score(order[: max(1, np.sum(spent <= share * pool.cost.sum()))]) for share in SHARES
    ]


WAYS = {"isoloss next": planned, "random": at_random}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--believe", action="store_true", help="stop where a plan says so")
    parser.add_argument(
        "--without", type=float, default=0.0, help="share of the pool that each seed leaves out"
    )
    parser.add_argument(
        "--within", type=float, default=0.0, help="costliest share of the pool, as the region"
    )
    parser.add_argument("--only", default="", help="tasks whose name has this in it")
    arguments = parser.parse_args()
    print("| task | way | " + " | ".join(f"{100 * share:g} %" for share in SHARES) + " |")
    print("| --- |" + " --- |" * (1 + len(SHARES)))
    for task in TASKS:
        if arguments.only not in task.name:
            continue
        pool = read(arguments.folder, task)
        pool = within(pool, arguments.within) if arguments.within else pool
        for way, buy in WAYS.items():
            start_s = time.process_time()
            scores = np.array([
                buy(thinned(pool, arguments.without, seed), seed, arguments.believe)
                for seed in range(arguments.first, arguments.first + arguments.seeds)
            ])  # fmt: skip
            cells = " | ".join(
                f"{mean:.2f} ± {sd:.2f}"
                for mean, sd in zip(scores.mean(axis=0), scores.std(axis=0), strict=True)
            )
            print(f"| {task.name} | {way} | {cells} |", flush=True)
            print(f"{task.name} {way}: {time.process_time() - start_s:.0f} s", file=sys.stderr)
        print(f"| {task.name} | all runs | | | {pool.score(np.arange(len(pool.cost))):.2f} |")


if __name__ == "__main__":
    main()
