"""Do forecasts hold? On tables whose largest runs are known.

    python benchmarks/forecast.py FOLDER [--runs NAME=RUNS.parquet ...] --results FILE

Of each published table in FOLDER (see published_tables.py), and of the sweep `grid` of studies that
were run here, each of the five runs with the most compute is predicted in turn, from the runs
of at most a tenth of its compute. It is predicted by each law, and by the average of all. Counted
is how often its loss lies within the 90 % interval, whose width is compared with that of version
0.1.0. Forecasts of one table are not independent. What the results file has is not computed again.

With --middle, runs of middle size are predicted in place of the largest. Choices are made on them.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from forecast_before import interval_before
from published_tables import WANTED, others, swept

from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings
from isoloss.forecast.average import average
from isoloss.forecast.drift import forecast
from isoloss.forecast.trials import extent

AVERAGE, FORMER = "best", "chinchilla"
FACTOR, HELD_OUT = 10.0, 5
FIRST, FEWEST, APART = 0.3, 8, 2.0  # of `middle`: quantile of the smallest; runs; ratio of compute
# Constants were compared on these first, but with the other tables in sight: no row is a test.
FIRST_SEEN = ("chinchilla epoch", "overtrained", "porian rw/")


def of_study(name: str, path: Path) -> dict[str, pd.DataFrame]:
    """The grid of a study, for each seed, by all parameters and without embeddings.

    Published runs have no sweeps: those of the fit `surface` are the grid and its repeats.
    """
    runs = pd.read_parquet(path)
    if "sweep" in runs:
        runs = runs[(runs["status"] == "done") & (runs["sweep"] == "grid")]
    else:
        fits = pd.read_parquet(path.with_name("fits.parquet"))
        ids = fits.loc[fits["fit"] == "surface", "runs"].dropna().iloc[0].split()
        runs = runs[runs["run_id"].isin(ids)]
    return {
        f"{name} seed {seed}, {column}": part[[column, *WANTED[1:]]]
        .set_axis(WANTED, axis=1)
        .astype(float)
        for seed, part in runs.groupby("seed")
        for column in ("n_params", "n_params_non_embedding")
    }


def largest(size: pd.Series) -> list[int]:
    """Rows of the runs with the most compute; `size` has ln C of each run."""
    return list(size.sort_values().index[-HELD_OUT:])


def middle(size: pd.Series) -> list[int]:
    """Rows of as many runs of at most half the compute of these: choices are made on them."""
    size = size.sort_values()
    few = size[size <= size.iloc[-HELD_OUT] - np.log(APART)]
    rows = [row for row in few.index if np.sum(size <= size[row] - np.log(FACTOR)) >= FEWEST]
    places = np.linspace(FIRST * len(rows), len(rows) - 1, HELD_OUT).astype(int)
    return [rows[place] for place in np.unique(places)] if rows else []


def forecasts(table: pd.DataFrame, chosen=largest) -> list[dict]:
    """What was said of each of the chosen runs, by each law and by the average."""
    size = extent({name: np.log(table[name]) for name in WANTED[:2]})
    said = []
    for row in chosen(size):
        small = table[size <= size[row] - np.log(FACTOR) + 1e-9]
        try:
            averaged = average(small, FitSettings(draws=400))
        except UserError:
            continue
        held = table.loc[row]
        log_x = {name: np.log([held[name]]) for name in WANTED[:2]}
        by_average = averaged.forecast(log_x)
        if not np.isfinite([by_average.lo, by_average.hi]).all():
            print(f"row {row}: these runs do not tell its loss", file=sys.stderr)
            continue
        by_law = {m.name: forecast(m.result, log_x) for m in averaged.members}
        before = {
            m.name: interval_before(m.result, log_x) for m in averaged.members if m.name == FORMER
        }
        shape = float((log_x["n_tokens"] - log_x["n_params"])[0])
        weights = dict(zip(averaged.laws, averaged.weights_at(shape).tolist(), strict=True))
        for law, one in (by_law | {AVERAGE: by_average}).items():
            width = float((one.hi[0] - one.lo[0]) / held["loss"])
            one_said = {
                "row": int(row),
                "law": law,
                "n_fitted": len(small),
                "error": float(one.loss[0] / held["loss"] - 1),
                "holds": bool(one.lo[0] <= held["loss"] <= one.hi[0]),
                "width": width if np.isfinite(width) else None,  # a law may not be told alone
                "weight": weights.get(law),
                "n_trials": averaged.n_trials,
            }
            for lo, hi in before.values():
                one_said["before"] = float((hi[0] - lo[0]) / held["loss"])
                one_said["held_before"] = bool(lo[0] <= held["loss"] <= hi[0])
            said.append(one_said)
    return said


def summary(rows: list[dict]) -> str:
    """The table of docs/performance-fit.md."""
    table = pd.DataFrame(rows)
    family = table["table"].str.split().str[0]
    tuned = table["table"].str.startswith(FIRST_SEEN)
    laws = sorted(set(table["law"]) - {AVERAGE})
    head = ["tables", "forecasts", *laws, "best law", "average", "holds", "width",
            "0.1.0 holds", "width of it"]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "| --- |" + " --- |" * (len(head) - 1)]
    groups = [(name, family == name) for name in family.unique()]
    groups += [
        ("Epoch, overtrained, RefinedWeb", tuned),
        ("others", ~tuned),
        ("all", family == family),
    ]
    for name, which in groups:
        part = table[which]
        errors = part.assign(error=part["error"].abs()).groupby(["table", "law"])["error"].median()
        errors = errors.unstack()
        best = errors[[law for law in laws if law in errors]].min(axis=1)
        ours = part[part["law"] == AVERAGE]
        ratio = np.exp(np.log(errors[AVERAGE] / best).mean())
        narrow = (ours["width"] / ours["before"]).median()
        middle = [_percent(errors[law].median()) if law in errors else "-" for law in laws]
        cells = [f"{name} ({len(errors)})", str(len(ours)), *middle,
                 _percent(best.median()),
                 f"{_percent(errors[AVERAGE].median())}, {ratio:.2f} x",
                 f"{100 * ours['holds'].mean():.0f} %",
                 f"{100 * ours['width'].median():.0f} %, {narrow:.2f} x",
                 f"{100 * ours['held_before'].mean():.0f} %",
                 f"{100 * ours['before'].median():.0f} %"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(share):
    return f"{100 * share:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", nargs="*", default=[], metavar="NAME=FILE")
    parser.add_argument("--middle", action="store_true", help="runs of middle size instead")
    parser.add_argument("--results", type=Path, default=Path("results/forecast.jsonl"))
    arguments = parser.parse_args()
    tables = others(arguments.folder) | swept(arguments.folder)
    for pair in arguments.runs:
        name, _, path = pair.partition("=")
        tables |= of_study(name, Path(path))
    results = arguments.results
    done = [json.loads(line) for line in results.open()] if results.exists() else []
    known = {one["table"] for one in done}
    for name, table in tables.items():
        if name in known:
            continue
        chosen = middle if arguments.middle else largest
        new = [{"table": name} | one for one in forecasts(table, chosen)]
        done += new
        with results.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one, allow_nan=False) + "\n" for one in new)
        print(f"{name}: {len(new)} forecasts", file=sys.stderr)
    print(summary(done))


if __name__ == "__main__":
    main()
