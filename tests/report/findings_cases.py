"""Results of studies, as tests of findings need them: runs of a known law, and rows of fits."""

import numpy as np
import pandas as pd

from isoloss.config.study import Fit
from isoloss.fit.study import fit_study
from isoloss.laws import law
from isoloss.report.findings.base import Results
from isoloss.results.fits import FitGroup, FitKind, FitRow, read_fits, table_of_fits
from isoloss.results.verdict import IDENTIFIED, Verdict
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed

TRUTH = {"E": 1.8, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.28}
A_TRUE = TRUTH["beta"] / (TRUTH["alpha"] + TRUTH["beta"])
ND = {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"}
INNER = ND | {"n_params": "n_params_non_embedding"}
TEXTS = {"source": "training", "title": "A study", "loss_unit": "nats per byte", "figures": []}


def grid(params=TRUTH, name="chinchilla", noise=0.003, sizes=8, seed=0):
    """Runs of a known law on a grid of N and D, with relative noise."""
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e5, 1e9, sizes),
                                           np.geomspace(1e6, 1e10, 6)))  # fmt: skip
    loss = law(name)(params, n_params=n, n_tokens=d)
    loss = loss * np.exp(noise * np.random.default_rng(seed).standard_normal(len(n)))
    return pd.DataFrame({
        "sweep": "grid", "run_id": [f"run-{i:02d}" for i in range(len(n))], "task": "language",
        "status": "done", "n_params": n, "n_params_non_embedding": 0.9 * n, "n_tokens": d,
        "compute_flops": 6 * n * d, "loss": loss, "seed": 0, "lineage": None,
    })  # fmt: skip


def fitted(runs, *names):
    """A law of N and D each, fitted as the pipeline does: the table of fits."""
    fits = [Fit(name=name, law=name, variables=ND) for name in names]
    return fit_study("grid", fits, runs)


def rows(fit, law_name, values, runs, verdict=IDENTIFIED, group="", level=0.9, **columns):
    """The table of one fit: number -> value, or (value, lo, hi, theory, verdict)."""
    made, verdict = [], Verdict.read(verdict)
    for name, given in values.items():
        value, lo, hi, theory, own = (*np.atleast_1d(np.array(given, object)), *[None] * 4)[:5]
        made.append(FitRow(
            study="s", fit=fit, group=FitGroup.read(group), law=law_name, objective="huber",
            n_runs=len(runs), runs=" ".join(runs["run_id"]), verdict=Verdict.read(own or verdict),
            of_fit=verdict, warnings="", kind=FitKind.PARAMETER, parameter=name, value=value,
            lo=lo, hi=hi, theory=theory, theory_source="a theorem" if theory is not None else None,
            level=level, diagnostics="{}", **columns,
        ))  # fmt: skip
    return table_of_fits(made)


def unfitted(fit, law_name, runs, why):
    """The table of a fit that was not possible."""
    verdict = Verdict.read(f"not fitted: {why}")
    return table_of_fits([FitRow(
        study="s", fit=fit, group=FitGroup(), law=law_name, objective="huber", n_runs=0,
        runs=" ".join(runs["run_id"]), verdict=verdict, of_fit=verdict, warnings="",
    )])  # fmt: skip


def analysed(*made):
    """A table of analyses: a row for each mapping, with empty columns for what it lacks."""
    common = {"study": "s", "kind": "parameter", "verdict": "identified", "level": 0.9}
    return typed([common | one for one in made], ANALYSIS_COLUMNS)


def study(runs=None, fits=(), variables=None, name="s", **changes):
    """The results of a study with these tables."""
    table = pd.concat(fits, ignore_index=True) if fits else None
    variables = variables or {}
    texts = TEXTS | {"variables": variables} | changes.pop("texts", {})
    placed = [fit.of_columns(variables.get(fit.fit, {})) for fit in read_fits(table)]
    return Results(name=name, texts=texts, runs=runs, fits=placed, **changes)
