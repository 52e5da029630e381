"""Runs that share a trunk are one cluster in a study's fits; others are independent."""

import numpy as np
import pandas as pd
import pytest

from isoloss.config.study import Fit
from isoloss.fit.study import fit_study
from isoloss.laws import LAWS
from isoloss.runs.lineage import lineage_of

TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}


def runs(**columns):
    """Six sizes of five lengths; the runs of a size share a trunk and most of their noise."""
    rng = np.random.default_rng(3)
    size = np.repeat(np.arange(6), 5)
    n, d = np.geomspace(1e4, 3e6, 6)[size], np.tile(np.geomspace(1e6, 1e8, 5), 6)
    noise = 0.007 * rng.standard_normal(6)[size] + 0.002 * rng.standard_normal(30)
    loss = LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d) * np.exp(noise)
    named = {"run_id": [f"r{i}" for i in range(30)], "lineage": [f"trunk-{i}" for i in size]}
    table = {"sweep": "grid", "status": "done", "n_params": n, "n_tokens": d, "loss": loss}
    return pd.DataFrame(table | named | columns)


def width_of_alpha(table):
    fit = {"name": "surface", "law": "chinchilla",
           "variables": {name: name for name in ("n_params", "n_tokens", "loss")}}  # fmt: skip
    found = fit_study("text", [Fit.model_validate(fit)], table)
    row = found.set_index("parameter").loc["alpha"]
    return row["hi"] - row["lo"], row["method"], row["warnings"]


def test_runs_of_a_trunk_are_one_cluster_and_it_is_said():
    width, method, said = width_of_alpha(runs())
    alone, _, said_alone = width_of_alpha(runs(lineage=None))
    assert method == "wild"
    assert "share" not in said_alone
    assert "30 runs share 6 trunks: runs of one trunk are one cluster" in said
    assert width > 1.5 * alone


@pytest.mark.parametrize(
    ("lineage", "cluster"),
    [
        (["a", "a", "b", None], "lineage"),
        ([None, None, None, None], "none"),
        (["a", "b", "c", None], "none"),
        (["a", "a", "a", "a"], "none"),
    ],
)
def test_a_run_without_a_companion_is_a_cluster_of_its_own(lineage, cluster):
    table = pd.DataFrame({"run_id": list("wxyz"), "lineage": lineage})
    assert lineage_of(table).cluster == cluster


def test_runs_that_all_share_one_trunk_are_fitted_as_they_are_and_it_is_said():
    table = pd.DataFrame({"run_id": list("xyz"), "lineage": ["a", "a", "a"]})
    assert "all 3 runs share one trunk" in lineage_of(table).notes[0]


def test_of_rows_of_a_users_table_nothing_is_known():
    table = pd.DataFrame({"run_id": ["x", "y"], "task": "table", "lineage": None})
    assert lineage_of(table).cluster is None
