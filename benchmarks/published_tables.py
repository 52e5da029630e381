"""Published tables of (N, D, loss), as benchmarks read them from a folder."""

from pathlib import Path

import pandas as pd

WANTED = ["n_params", "n_tokens", "loss"]
PORIAN = ["summary_file", "dataset", "hparams", "warmup", "decay", "param_count", "val"]
GEMSTONES = {"params_active_precise": "n_params", "tokens": "n_tokens", "final_loss": "loss"}
OUTLIERS = 5  # of Epoch's table, the highest losses, which Besiroglu et al. (2024) leave out


def swept(folder: Path) -> dict[str, pd.DataFrame]:
    """The 15 configurations of Porian et al. (2024) and the two ends of the Gemstones' runs."""
    runs = pd.read_csv(folder / "porian" / "isoflop_points.csv")
    runs = runs.rename(columns={"N": "n_params", "D": "n_tokens"})
    found = {
        "porian " + "/".join(key).removeprefix("summary_df").strip("/_"): part
        for key, part in runs.groupby(PORIAN, sort=False)
    }
    for end in ("hot", "cool_end"):
        path = folder / "gemstones" / f"wandb_df_for_fitting_{end}.jsonl"
        found[f"gemstones {end}"] = pd.read_json(path, lines=True).rename(columns=GEMSTONES)
    return _clean(found)


def others(folder: Path) -> dict[str, pd.DataFrame]:
    """Epoch's Chinchilla, datablations of one epoch, overtrained models, the OLMo ladder."""
    epoch = pd.read_csv(folder / "epoch-chinchilla" / "svg_extracted_data.csv")
    epoch = epoch.rename(columns={"Model Size": "n_params"})
    epoch["n_tokens"] = epoch["Training FLOP"] / (6 * epoch["n_params"])
    epoch = epoch.sort_values("loss", kind="stable").iloc[:-OUTLIERS]
    short = {"N": "n_params", "D": "n_tokens"}
    ablations = pd.read_csv(folder / "datablations" / "datablations_runs.csv").rename(columns=short)
    once = ablations["n_tokens"] <= 1.001 * ablations["U"]
    found = {"chinchilla epoch": epoch, "datablations once": ablations[once]}
    models = pd.read_csv(folder / "mlfoundations-scaling" / "overtraining_104_models.csv")
    models = models.rename(columns=short | {"loss_c4_val": "loss"})
    for corpus, part in models[models["n_tokens"] > 0].groupby("train_dataset"):
        found[f"overtrained {corpus}"] = part
    ladder = pd.read_csv(folder / "olmo-ladder" / "ladder_c4_final.csv")
    columns = {"N": "n_params", "D_tokens": "n_tokens", "c4_loss_ma5": "loss"}
    return _clean(found | {"olmo ladder": ladder.rename(columns=columns)})


def _clean(tables):
    return {
        name: part[WANTED].astype(float).dropna().reset_index(drop=True)
        for name, part in tables.items()
    }
