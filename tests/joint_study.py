"""A study whose losses follow Kaplan's joint law, with two fitted laws, as tables and texts."""

import numpy as np
import pandas as pd

from isoloss.files import write_parquet
from isoloss.laws import LAWS
from isoloss.report.build import build
from isoloss.report.interactive.page import charts
from isoloss.report.study import Paths
from isoloss.results.fits import FitGroup, FitKind, FitRow, diagnostics, table_of_fits
from isoloss.results.verdict import IDENTIFIED, Verdict, not_identified

SIZES, DATA = (10_000, 40_000, 160_000), (1_000_000, 4_000_000, 16_000_000, 64_000_000)
TRUTH = {"Nc": 2e6, "Dc": 5e6, "alpha_N": 0.14, "alpha_D": 0.24}
OTHER = {"A": 30.0, "B": 40.0, "E": 0.5, "alpha": 0.4, "beta": 0.3}
UNIT = "nats per byte"
VERDICTS = (IDENTIFIED, not_identified("E may be anything"))
VARIABLES = {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"}
TEXTS = {
    "source": "training", "title": "A grid", "question": "How?", "theory": "So.", "notes": [],
    "errata": [], "figures": ["other", "grid"], "fits": ["joint", "surface", "size"],
    "loss_unit": UNIT,
    "variables": {"joint": VARIABLES, "surface": VARIABLES, "size": {"x": "n_params"}},
}  # fmt: skip
PUBLISHED = {
    "source": "published", "title": "Published", "question": "What?", "theory": "Nothing.",
    "notes": [], "errata": [], "figures": ["allocation"], "fits": [],
    "models": [
        {"name": "GPT-2 XL", "n_params": 1.558e9, "n_tokens": None},
        {"name": "GPT-3", "n_params": 1.75e11, "n_tokens": 3e11},
    ],
}  # fmt: skip


def runs(law="kaplan_nd", params=None):
    """The grid's runs; the losses miss the law by 1 %, up and down in turns."""
    n_params, n_tokens = (x.ravel() for x in np.meshgrid(SIZES, DATA, indexing="ij"))
    loss = LAWS[law](params or TRUTH, n_params=n_params, n_tokens=n_tokens)
    return pd.DataFrame({
        "sweep": "grid", "task": "language", "seed": 0,
        "run_id": [f"run-{i:02d}" for i in range(len(loss))],
        "n_params": n_params, "n_params_non_embedding": n_params // 2, "n_tokens": n_tokens,
        "compute_flops": 7.0 * n_params * n_tokens, "status": "done", "train_cpu_s": 1.0,
        "code": "same", "reason": None,
        "loss": loss * np.exp(0.01 * (-1.0) ** np.arange(len(loss))),
    })  # fmt: skip


def fits(table, verdicts=VERDICTS, spread=(0.01, 0.4)):
    """The table of fits: each law at its values here, and draws that spread in ln around them."""
    rows = []
    for (name, law, values), verdict, width in zip(
        (("joint", "kaplan_nd", TRUTH), ("surface", "chinchilla", OTHER)), verdicts, spread,
        strict=True,
    ):  # fmt: skip
        away = width * np.linspace(-1, 1, 41)
        draws = {
            parameter: value * np.exp(away if place % 2 else -away)
            for place, (parameter, value) in enumerate(values.items())
        }
        kept = diagnostics({}, {key: x.tolist() for key, x in draws.items()}, {})
        numbers = [(FitKind.PARAMETER, parameter, value) for parameter, value in values.items()]
        for place, (kind, parameter, value) in enumerate([*numbers, (FitKind.DERIVED, "a", 0.5)]):
            rows.append(FitRow(
                study="grid", fit=name, group=FitGroup(), law=law, objective="huber",
                n_runs=len(table), runs=" ".join(table["run_id"]), verdict=Verdict.read(verdict),
                of_fit=Verdict.read(verdict), warnings="", kind=kind, parameter=parameter,
                value=value, lo=value, hi=value, level=0.9, method="wild bootstrap",
                diagnostics=kept if place == 0 else None,
            ))  # fmt: skip
    return table_of_fits(rows)


def project(root, table=None, fitted=None):
    """Write the study's tables under a folder, and return the paths of its report."""
    table = runs() if table is None else table
    folder = root / "results" / "studies" / "grid"
    write_parquet(folder / "runs.parquet", table)
    write_parquet(folder / "fits.parquet", fits(table) if fitted is None else fitted)
    figures = root / "figures" / "grid"
    figures.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"y": [1.0]}).to_csv(figures / "other.csv", index=False)
    pd.DataFrame({"y": table["loss"]}).to_csv(figures / "grid.csv", index=False)
    return Paths(root / "results" / "report.html", root / "results", root / "figures")


def page(studies, paths):
    """The report of studies with their charts, as HTML."""
    live = charts(studies, paths)
    return build(studies, paths=paths, planned={}, code={"language": "same"}, live=live)
