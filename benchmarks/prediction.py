"""How often does a prediction's interval hold the loss that is measured afterwards?

    python benchmarks/prediction.py FOLDER [--seeds 5] [--cores 2] [--out FILE]

Trains the grid of the text study at a reduced size in FOLDER, by the workflow, with several seeds.
For each seed each of the largest runs is held out in turn, and its loss is predicted from the runs
of at most a tenth of its compute, exactly as `prediction` of a study does. Repetitions of one seed
share small runs, and are not independent; the hit rate of each seed's largest run is given apart.
"""

import argparse
import json
import subprocess
import sys
from numbers import Real
from pathlib import Path

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from isoloss.config.load import parse
from isoloss.config.study import Fit
from isoloss.files import write_json
from isoloss.forecast.prediction import predict

ROOT = Path(__file__).parents[1]
SIZES = [(8, 1), (12, 1), (16, 1), (24, 1), (36, 1)]
BUDGETS = [32_000, 64_000, 128_000, 256_000, 512_000]
TRAINING = {"warmup_steps": 50, "evals_per_octave": None, "n_evals": 1}
HELD_OUT = 5  # of the largest runs of each seed, one at a time
AT_MOST = 0.1
N_PARAMS = "n_params_non_embedding"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the runs are trained, or were before")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    text = yaml.safe_load((ROOT / "config" / "studies" / "text.yaml").read_text())
    fits = [parse(Fit, fit, "prediction") for fit in text["prediction"]["fits"]]
    train(arguments.folder, text, arguments.seeds, arguments.cores)
    runs = pd.read_parquet(arguments.folder / "results" / "studies" / "text" / "runs.parquet")
    tried = [
        {"seed": int(seed), "largest": place == 0} | outcome
        for seed, of_seed in runs.groupby("seed")
        for place, outcome in enumerate(repetitions(of_seed, fits))
    ]
    table = pd.DataFrame([law | {k: r[k] for k in ("seed", "largest")} for r in tried
                          for law in r["laws"]])  # fmt: skip
    numbers = {"n_repetitions": len(tried), "laws": summary(table)}
    print(json.dumps(numbers, indent=1))
    if arguments.out:
        write_json(arguments.out, numbers)


def train(folder: Path, text: dict, seeds: int, cores: int) -> None:
    """Train the reduced grid, or what is missing of it."""
    sweep = text["sweeps"]["grid"]
    grid = {
        "model": [{"d_model": d, "n_head": heads} for d, heads in SIZES],
        "data.n_tokens": BUDGETS,
    }
    kept = ("title", "question", "theory", "settings", "corpora")
    study = {key: text[key] for key in kept if key in text}
    study["settings"]["training"] |= TRAINING
    study["sweeps"] = {"grid": sweep | {"grid": grid, "seeds": seeds}}
    (folder / "config" / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "studies" / "text.yaml").write_text(yaml.safe_dump(study))
    config = {"studies": ["text"], "budget": {"flops": 1e14, "runs": 1000}}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory",
               folder, "--cores", str(cores), "results/studies/text/runs.parquet"]  # fmt: skip
    subprocess.run(list(map(str, command)), check=True)


def repetitions(runs: pd.DataFrame, fits: list[Fit]) -> list[dict]:
    """One for each run that is held out, the largest first: what each law said of it."""
    runs = runs.sort_values("compute_flops", ascending=False)
    found = []
    for _, held in runs.head(HELD_OUT).iterrows():
        small = runs[runs["compute_flops"] <= AT_MOST * held["compute_flops"]]
        columns = {name: held[name] for name in runs if isinstance(held[name], Real)}
        laws = [
            {
                "law": said["fit"],
                "identified": said["verdict"] == "identified",
                "inside": said["lo"] <= held["loss"] <= said["hi"],
                "inside_without_drift": said["law_lo"] <= held["loss"] <= said["law_hi"],
                "error": said["loss"] / held["loss"] - 1,
                "width": (said["hi"] - said["lo"]) / held["loss"],
                "width_without_drift": (said["law_hi"] - said["law_lo"]) / held["loss"],
            }
            for said in predict(fits, small, columns)
            if "loss" in said
        ]
        found.append({"laws": laws})
    return found


def summary(table: pd.DataFrame) -> dict:
    """By law: the share of losses inside the interval, the errors, the widths."""
    return {
        law: {
            "n": len(rows),
            "inside": float(rows["inside"].mean()),
            "inside_without_drift": float(rows["inside_without_drift"].mean()),
            "inside_of_largest_runs": float(rows.loc[rows["largest"], "inside"].mean()),
            "n_largest_runs": int(rows["largest"].sum()),
            "identified": float(rows["identified"].mean()),
            "median_error": float(rows["error"].median()),
            "median_absolute_error": float(rows["error"].abs().median()),
            "median_width": float(rows["width"].median()),
            "median_width_without_drift": float(rows["width_without_drift"].median()),
        }
        for law, rows in table.groupby("law", sort=False)
    }


if __name__ == "__main__":
    main()
