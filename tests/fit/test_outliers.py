"""A run that is far off the law of the others is named, with what the fit says without it."""

import numpy as np
import pandas as pd
import pytest

from isoloss.fit import fit_law
from isoloss.laws import LAWS

N, D = (x.ravel() for x in np.meshgrid(np.geomspace(2e7, 1e9, 4), np.geomspace(4e8, 1e10, 4)))
LAWS_OF_N_AND_D = {
    "chinchilla": {"A": 400.0, "B": 410.0, "E": 1.7, "alpha": 0.34, "beta": 0.28},
    "kaplan_nd": {"Nc": 2e11, "Dc": 5e12, "alpha_N": 0.08, "alpha_D": 0.1},
}


def table(law, seed=0, sd=0.002, **off):
    loss = LAWS[law](LAWS_OF_N_AND_D[law], n_params=N, n_tokens=D)
    loss = loss * np.exp(sd * np.random.default_rng([seed, 5]).standard_normal(len(loss)))
    for row, factor in off.items():
        loss[int(row.removeprefix("row")) - 1] *= factor
    return pd.DataFrame({"n_params": N, "n_tokens": D, "loss": loss})


@pytest.mark.parametrize("law", LAWS_OF_N_AND_D)
def test_one_run_that_is_five_percent_off_is_named_by_either_law(law):
    result = fit_law(table(law, row6=1.05), law, draws=20)
    (found,) = result.outliers
    assert found.row == 6
    assert found.off == pytest.approx(0.05, abs=0.01)
    without = fit_law(table(law, row6=1.05).drop(index=5), law, draws=0)
    for name, value in without.values.items():
        assert found.without[name] == pytest.approx(value, rel=1e-3)
    assert any(text.startswith("row 6 is an outlier: its loss is ") for text in result.warnings)


def test_an_outlier_does_not_hide_another():
    found = fit_law(table("chinchilla", row6=1.05, row11=0.94), "chinchilla", draws=20).outliers
    assert [one.row for one in found] == [11, 6]


def test_rows_are_counted_as_in_the_users_file():
    """A frame whose first rows were left out keeps its own numbers."""
    result = fit_law(table("chinchilla", row6=1.05).drop(index=[0, 1]), "chinchilla", draws=20)
    assert [one.row for one in result.outliers] == [6]


def test_few_clean_tables_name_a_row():
    """At p < .01 for all rows together, 20 tables name one in at most 2 cases (p > .998)."""
    found = [
        fit_law(table("chinchilla", seed=seed), "chinchilla", draws=2).outliers
        for seed in range(20)
    ]
    assert sum(map(bool, found)) <= 2


def test_rows_of_one_run_and_exact_tables_have_no_outliers():
    rows = table("chinchilla", row6=1.05).assign(run=np.repeat(np.arange(8), 2))
    assert fit_law(rows, "chinchilla", cluster="run", draws=20).outliers == ()
    assert fit_law(table("chinchilla", sd=0.0), "chinchilla", draws=20).outliers == ()
