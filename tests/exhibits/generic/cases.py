"""Examples of the figures of any runs, fits and published laws."""

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from isoloss.config.study import Figure
from isoloss.exhibits.base import Tables
from tests.exhibits.generic import tables as S

LAW = {"E": 1.2, "A": 9.0, "B": 60.0, "alpha": 0.30, "beta": 0.35}
WIDTHS = (13, 97, 1153, 16897)


def spec(**given):
    """A figure's section of a study, checked as the pipeline checks it."""
    texts = {"name": "a_figure", "title": "A title", "caption": "A caption."}
    return TypeAdapter(Figure).validate_python(texts | given)


def losses():
    runs = pd.concat([
        S.sweep("decayed", WIDTHS, 5, lambda n: 3 * n**-1.1 + 1e-5, 0.3),
        S.sweep("constant", WIDTHS, 5, lambda n: 3 * n**-0.9 + 2e-4, 0.6, seed=3),
    ])  # fmt: skip
    fits = pd.concat([
        S.fits("good", "power_law_floor", {"A": 3.0, "E": 1e-5, "alpha": 1.1}, draws=20),
        S.fits("bad", "power_law", {"A": 3.0, "alpha": 0.9},
               verdict="not a power law: the exponent falls along the runs"),
    ])  # fmt: skip
    asked = spec(
        draw="loss_against_x", x="n_params", x_label="parameters N", y_label="squared error",
        series={"decayed": "decayed rate", "constant": {"label": "constant rate"}},
        fits={"decayed": "good", "constant": "bad"}, law_to=1e6,
        slopes=[{"exponent": -4.0, "label": "theory, d = 1"}],
        levels=[{"value": 1e-4, "label": "floor"}],
    )  # fmt: skip
    return asked, Tables(runs=runs, fits=fits)


def by_inputs():
    runs = pd.concat([
        S.sweep("t", (100, 1000, 10000), 3, lambda n, d=d: n ** (-4 / d), 0.2, n_inputs=d, seed=d)
        for d in range(1, 6)
    ])  # fmt: skip
    fits = pd.concat([
        S.fits("law", "power_law", {"A": 1.0, "alpha": 4 / d}, group=f"n_inputs={d}")
        for d in range(1, 6)
    ])  # fmt: skip
    asked = spec(
        draw="loss_against_x", x="n_params", x_label="parameters N", y_label="squared error",
        series={"t": "teacher"}, by="n_inputs", by_label="d = {}", fits={"t": "law"},
    )  # fmt: skip
    return asked, Tables(runs=runs, fits=fits)


def extrapolation():
    runs = S.sweep("sizes", np.geomspace(1e6, 1e9, 6), 2,
                   lambda n: S.surface(n, 1e11, **S.CHINCHILLA), 0.01)  # fmt: skip
    fits = S.fits("surface", "chinchilla", S.CHINCHILLA, draws=20)
    asked = spec(
        draw="extrapolation", x="n_params", x_label="parameters N", y_label="nats per token",
        series={"sizes": "runs"}, fits={"sizes": "surface"}, law_to=1e12, at={"n_tokens": 1e11},
    )  # fmt: skip
    return asked, Tables(runs=runs, fits=fits, truth=("chinchilla", S.CHINCHILLA))


def exponents():
    fits = pd.concat([
        S.fits("law", "power_law", {"A": 1.0, "alpha": 4.2 / d}, group=f"n_inputs={d}",
               verdict={1: "not identified: the loss has a floor",
                        2: "identified only if the law holds: it may bend"}.get(d, "identified"))
        for d in range(1, 7)
    ])  # fmt: skip
    asked = spec(
        draw="exponent_against_theory", fit="law", x_label="predicted exponent, 4 / d",
        y_label="fitted exponent", predicted={f"n_inputs={d}": 4 / d for d in range(1, 7)},
        group_label="d = {}",
    )  # fmt: skip
    return asked, Tables(fits=fits)


def ratios():
    rng = np.random.default_rng(0)
    runs = pd.DataFrame([
        {"sweep": "noisy", "run_id": f"{degree}-{n}", "degree": degree, "n_samples": n,
         "variance_loss": (1 + 0.03 * rng.standard_normal()) * degree / n,
         "theory_loss": degree / n, "variance_loss_se": 0.03 * degree / n, "status": "done"}
        for degree in (5, 9) for n in (32, 64, 128, 256, 512)
    ])  # fmt: skip
    asked = spec(
        draw="ratio_to_theory", x="n_samples", measured="variance_loss", theory="theory_loss",
        standard_error="variance_loss_se", x_label="samples D", y_label="measured / exact",
        series={f"d{d}": {"label": f"degree {d}", "sweep": "noisy", "where": {"degree": [d]}}
                for d in (5, 9)},
    )  # fmt: skip
    return asked, Tables(runs=runs)


def language():
    runs = S.grid()
    fits = S.fits("surface", "chinchilla", LAW)
    return Tables(runs=runs, curves=S.curves(runs), fits=fits, truth=("chinchilla", LAW))


def strategies():
    rows = []
    for compute in (1e18, 1e20, 1e22):
        for sweep, ratio in (("large", 0.5), ("balanced", 20.0), ("small", 800.0)):
            n = (compute / 6 / ratio) ** 0.5
            rows.append({"sweep": sweep, "run_id": f"{sweep}-{compute:g}", "status": "done",
                         "n_params": n, "n_tokens": n * ratio, "compute_6nd_flops": compute,
                         "loss": S.surface(n, n * ratio, **S.CHINCHILLA)})  # fmt: skip
    asked = spec(
        draw="same_compute", x_label="tokens per parameter", y_label="nats per token",
        series={"large": "large model", "balanced": "balanced", "small": "much data"},
    )  # fmt: skip
    return asked, Tables(runs=pd.DataFrame(rows), truth=("chinchilla", S.CHINCHILLA))


def studies():
    runs = pd.concat([S.grid(seed=i, noise=0.05).assign(sweep=s) for i, s in enumerate("abcd")])
    asked = spec(
        draw="frontier", x="compute_flops", x_label="compute (FLOP)",
        panels={s: {"title": s, "y_label": "squared error"} for s in "abcde"},
    )  # fmt: skip
    return asked, Tables(runs=runs)


def models():
    named = [("GPT-2", 1.2e8, None), ("GPT-3", 1.75e11, 3e11), ("Gopher", 2.8e11, 3e11),
             ("Chinchilla", 7e10, 1.4e12), ("Other", 6.5e10, 1.4e12)]  # fmt: skip
    rows = [{"name": n, "family": n, "n_params": p, "n_tokens": d} for n, p, d in named]
    return spec(draw="model_planes", models=rows)


GRID = {"x_label": "tokens D", "y_label": "nats per byte", "by_label": "parameters N"}
CASES = {
    "loss_against_x": losses,
    "loss_against_x by a column": by_inputs,
    "extrapolation": extrapolation,
    "exponent_against_theory": exponents,
    "ratio_to_theory": ratios,
    "loss_grid": lambda: (spec(draw="loss_grid", fit="surface", **GRID), language()),
    "learning_curves": lambda: (spec(draw="learning_curves", **GRID), language()),
    "frontier": studies,
    "same_compute": strategies,
    "kaplan_laws": lambda: (
        spec(draw="kaplan_laws", compute_pf_days=[1e-8, 10.0], n_tokens=[2e7, 2.3e10],
             n_params=[768.0, 1.5e9]), Tables()),
    "predictions": lambda: (
        spec(draw="predictions", model="GPT-3", n_params=1.75e11, n_tokens=3e11,
             compute_flops=3.14e23), Tables()),
    "doubling": lambda: (spec(draw="doubling"), Tables()),
    "allocation": lambda: (spec(draw="allocation", compute_flops=[1e18, 1e24]), Tables()),
    "iso_loss": lambda: (
        spec(draw="iso_loss", n_params=[1e7, 1e12], n_tokens=[1e8, 1e14],
             losses=[2.0, 2.5, 3.5]), Tables()),
    "configurations": lambda: (
        spec(draw="configurations", models=[
            {"name": "small", "n_layer": 12, "d_model": 768, "n_head": 12, "claimed": 1.17e8},
            {"name": "xl", "n_layer": 48, "d_model": 1600, "n_head": 25, "claimed": 1.5e9},
        ]), Tables()),
    "model_planes": lambda: (models(), Tables()),
}  # fmt: skip
