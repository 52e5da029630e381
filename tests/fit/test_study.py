"""The fits of a study: which runs, which groups, what is said of those that cannot be fitted."""

import json

import numpy as np
import pandas as pd
import pytest

from isoloss.config.study import Fit
from isoloss.fit.study import fit_study
from isoloss.laws import LAWS
from isoloss.results.fits import read_fits
from isoloss.tables.schema import FIT_COLUMNS

SIZES = np.array([10, 30, 100, 300, 1000, 3000])


def runs():
    """Losses 2 N^-0.5 and 3 N^-1 of two tasks, exact but for a little noise; one run diverged."""
    rng = np.random.default_rng(0)
    rows = []
    for sweep, n_inputs, factor, alpha in (("a", 1, 2.0, 0.5), ("b", 2, 3.0, 1.0)):
        for seed in range(3):
            losses = factor * SIZES**-alpha * np.exp(0.01 * rng.standard_normal(len(SIZES)))
            rows += [
                {"sweep": sweep, "run_id": f"{sweep}{n}s{seed}", "n_inputs": n_inputs,
                 "n_params": n, "loss": loss, "status": "done"}
                for n, loss in zip(SIZES, losses, strict=True)
            ]  # fmt: skip
    rows.append({"sweep": "a", "run_id": "lost", "n_inputs": 1, "n_params": 50, "loss": None,
                 "status": "diverged"})  # fmt: skip
    return pd.DataFrame(rows)


def fit(**changes):
    given = {
        "name": "size",
        "law": "power_law",
        "variables": {"x": "n_params", "loss": "loss"},
    }
    return Fit.model_validate(given | changes)


def of(table, parameter, group=""):
    (row,) = table[(table["parameter"] == parameter) & (table["group"] == group)].to_dict("records")
    return row


def test_a_fit_for_each_group_finds_its_law_and_is_set_beside_its_theory():
    theory = {"alpha": {"by_group": {"n_inputs=1": 0.5, "n_inputs=2": 1.0}, "source": "planted"}}
    table = fit_study("s", [fit(by="n_inputs", theory=theory)], runs())
    assert list(table.columns) == [column.name for column in FIT_COLUMNS]
    for group, alpha in (("n_inputs=1", 0.5), ("n_inputs=2", 1.0)):
        row = of(table, "alpha", group)
        assert row["value"] == pytest.approx(alpha, abs=0.02)
        assert row["lo"] < row["value"] < row["hi"]
        assert row["theory"] == alpha
        assert row["theory_source"] == "planted"
        assert row["verdict"] == "identified"


def test_only_the_runs_that_are_asked_for_are_fitted():
    table = fit_study("s", [fit(sweeps=["b"], where={"n_params": [10, 100, 1000]})], runs())
    assert set(table["n_runs"]) == {9}
    assert of(table, "alpha")["value"] == pytest.approx(1.0, abs=0.02)


def test_a_diverged_run_is_left_out_and_said():
    table = fit_study("s", [fit(sweeps=["a"])], runs())
    assert set(table["n_runs"]) == {18}
    assert table["warnings"].str.startswith("1 of 19 runs left out: diverged or not measured").all()


def test_what_cannot_be_fitted_has_a_reason_and_no_number():
    table = fit_study("s", [fit(where={"n_params": [10]})], runs())
    assert len(table) == 1
    assert table[["parameter", "value", "lo", "hi"]].isna().all(axis=None)
    assert table["verdict"][0].startswith("not fitted: ")


def test_the_first_row_keeps_draws_that_give_the_interval_again():
    table = fit_study("s", [fit(sweeps=["b"])], runs())
    first, *others = table["diagnostics"]
    assert all(pd.isna(other) for other in others)
    draws = json.loads(first)["draws"]["alpha"]
    row = of(table, "alpha")
    assert np.quantile(draws, [0.05, 0.95]) == pytest.approx([row["lo"], row["hi"]], abs=0.003)


def test_the_largest_of_a_column_is_that_of_the_sweeps_that_are_fitted():
    """Whatever the sizes of a study are, a law can be fitted to its largest budget."""
    table = runs().assign(n_tokens=lambda t: t["n_inputs"] * 10)
    found = fit_study("s", [fit(where={"n_tokens": ["largest"]})], table)
    assert set(found["n_runs"]) == {18}
    assert all(run_id.startswith("b") for run_id in found["runs"].iloc[0].split())
    small = fit_study("s", [fit(where={"n_tokens": ["largest"]}, sweeps=["a"])], table)
    assert set(small["n_runs"]) == {18}
    both = fit_study("s", [fit(where={"n_tokens": ["smallest", 20]})], table)
    assert set(both["n_runs"]) == {36}


def test_why_all_numbers_hold_only_if_the_law_does_stands_with_the_fit():
    """Kaplan's joint law, fitted by Hoffmann's sum."""
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(2e3, 2e5, 7), np.geomspace(2e5, 3e6, 5)))
    constants = {"Nc": 2e9, "Dc": 5e9, "alpha_N": 0.1, "alpha_D": 0.2}
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(n)))
    losses = LAWS["kaplan_nd"](constants, n_params=n, n_tokens=d) * noise
    table = pd.DataFrame({"sweep": "a", "run_id": [f"r{i}" for i in range(len(n))], "n_params": n,
                          "n_tokens": d, "loss": losses, "status": "done"})  # fmt: skip
    variables = {"n_params": "n_params", "n_tokens": "n_tokens", "loss": "loss"}
    asked = [fit(name=law, law=law, variables=variables) for law in ("chinchilla", "skaling")]
    doubts = {one.fit: one.doubt for one in read_fits(fit_study("s", asked, table))}
    assert doubts["chinchilla"].startswith("it misses the runs by ")
    assert doubts["skaling"] == ""
