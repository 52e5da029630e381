"""Do forecasts hold? On tables whose largest runs are known.

    python benchmarks/forecast.py FOLDER [--runs NAME=RUNS.parquet ...] --results FILE

Of each published table in FOLDER (see published_tables.py), and of the sweep `grid` of studies that
were run here, each of the five runs with the most compute is predicted in turn, from the runs
of at most a tenth of its compute. Counted is how often its loss lies within the 90 % interval of a
law that goes on as it is, and within that which counts the law's drift. Forecasts of one table are
not independent. What the results file has is not computed again.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from published_tables import WANTED, others, swept

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.forecast.drift import extent, forecast

LAWS = ("chinchilla", "kaplan_nd")
FACTOR, HELD_OUT = 10.0, 5
ENOUGH = 2  # times as many runs as parameters


def of_study(name: str, path: Path) -> dict[str, pd.DataFrame]:
    """The grid of a study, for each seed, by all parameters and without embeddings."""
    runs = pd.read_parquet(path)
    runs = runs[(runs["status"] == "done") & (runs["sweep"] == "grid")]
    return {
        f"{name} seed {seed}, {column}": part[[column, *WANTED[1:]]]
        .set_axis(WANTED, axis=1)
        .astype(float)
        for seed, part in runs.groupby("seed")
        for column in ("n_params", "n_params_non_embedding")
    }


def forecasts(table: pd.DataFrame, law: str) -> list[dict]:
    """What was said of each of the largest runs, and what it came to."""
    size = extent({name: np.log(table[name]) for name in WANTED[:2]})
    said = []
    for row in size.sort_values().index[-HELD_OUT:]:
        small = table[size <= size[row] - np.log(FACTOR) + 1e-9]
        try:
            result = fit_law(small, law, draws=400)
        except UserError:
            continue
        if len(small) < ENOUGH * result.problem.n_free:
            continue
        held = table.loc[row]
        one = forecast(result, {name: np.log([held[name]]) for name in WANTED[:2]})
        said.append(
            {
                "n_fitted": len(small),
                "identified": result.identified,
                "error": float(one.loss[0] / held["loss"] - 1),
                "law_holds": bool(one.law_lo[0] <= held["loss"] <= one.law_hi[0]),
                "holds": bool(one.lo[0] <= held["loss"] <= one.hi[0]),
                "law_width": float((one.law_hi[0] - one.law_lo[0]) / held["loss"]),
                "width": float((one.hi[0] - one.lo[0]) / held["loss"]),
                "drift": one.drift.per_log_compute,
                "trials": one.drift.n_trials,
            }
        )
    return said


def summary(rows: list[dict]) -> str:
    """The table of docs/performance-fit.md."""
    table = pd.DataFrame(rows)
    table["family"] = table["table"].str.split().str[0]
    head = ("law", "tables", "forecasts", "without drift", "width", "with drift", "width", "error")
    lines = [f"| {' | '.join(head)} |", "| --- |" + " --- |" * (len(head) - 1)]
    for law, of_law in table.groupby("law"):
        for family, part in [*of_law.groupby("family", sort=False), ("all", of_law)]:
            widths = 100 * part[["law_width", "width"]].median()
            holds = 100 * part[["law_holds", "holds"]].mean()
            cells = [law, f"{family} ({part['table'].nunique()})", f"{len(part)}",
                     f"{holds.iloc[0]:.0f} %", f"{widths.iloc[0]:.0f} %",
                     f"{holds.iloc[1]:.0f} %", f"{widths.iloc[1]:.0f} %",
                     f"{100 * part['error'].abs().median():.1f} %"]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", nargs="*", default=[], metavar="NAME=FILE")
    parser.add_argument("--results", type=Path, default=Path("results/forecast.jsonl"))
    arguments = parser.parse_args()
    tables = others(arguments.folder) | swept(arguments.folder)
    for pair in arguments.runs:
        name, _, path = pair.partition("=")
        tables |= of_study(name, Path(path))
    results = arguments.results
    done = [json.loads(line) for line in results.open()] if results.exists() else []
    known = {(one["table"], one["law"]) for one in done}
    for name, table in tables.items():
        for law in LAWS:
            if (name, law) in known:
                continue
            new = [{"table": name, "law": law} | one for one in forecasts(table, law)]
            done += new
            with results.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(one, allow_nan=False) + "\n" for one in new)
            print(f"{name}, {law}: {len(new)} forecasts", file=sys.stderr)
    print(summary(done))


if __name__ == "__main__":
    main()
