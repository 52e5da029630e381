"""Rows of one run are recognised, or asked about; independent runs are left alone."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 60.0, "B": 400.0, "E": 1.3, "alpha": 0.33, "beta": 0.35}


def grid(n_sizes, n_lengths, seed, shared=0.0):
    """Sizes times lengths; rows of a size share a part of the variance of their noise."""
    rng = np.random.default_rng([seed, 9])
    size = np.repeat(np.arange(n_sizes), n_lengths)
    n = np.geomspace(1e4, 1e7, n_sizes)[size]
    d = np.tile(np.geomspace(1e6, 3e8, n_lengths), n_sizes)
    common, own = rng.standard_normal(n_sizes)[size], rng.standard_normal(len(size))
    noise = 0.004 * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
    return {"n_params": n, "n_tokens": d, "loss": LAW(TRUE, n_params=n, n_tokens=d) * np.exp(noise)}


def taken_as(table, **settings):
    """What a fit assumes of the rows of a size: "runs", "asked" or "independent"."""
    result = fit_law(table, "chinchilla", draws=1, **settings)
    if result.n_clusters < result.n_rows:
        return "runs"
    asked = any("are independent runs (correlation" in note for note in result.notes)
    return "asked" if asked else "independent"


def test_runs_of_a_shared_trunk_are_clustered_or_asked_about():
    """Of 25 tables at .97, at most 3 are silent (p > .99); most are clustered."""
    found = [taken_as(grid(6, 5, seed, shared=0.7)) for seed in range(25)]
    assert found.count("independent") <= 3
    assert found.count("runs") >= 15


def test_independent_runs_of_a_grid_are_not_clustered():
    """Of 25 tables at .03, at most 3 are clustered (p > .99)."""
    assert [taken_as(grid(6, 5, seed)) for seed in range(25)].count("runs") <= 3


def test_a_column_of_runs_is_believed_without_a_test():
    table = grid(6, 5, 1) | {"run_id": np.repeat([f"r{i}" for i in range(6)], 5)}
    result = fit_law(table, "chinchilla", draws=1)
    assert result.n_clusters == 6
    said = "30 rows are checkpoints of 6 runs (column 'run_id'); if they are independent runs"
    assert any(note.startswith(said) for note in result.notes)


@pytest.mark.parametrize("shared", [0.0, 0.99])
def test_a_user_who_says_that_rows_are_independent_is_believed(shared):
    table = grid(6, 5, 2, shared) | {"run_id": np.repeat(np.arange(6), 5)}
    assert taken_as(table, cluster="none") == "independent"


def test_runs_that_differ_in_their_seed_are_not_one_run():
    table = grid(6, 5, 3, shared=0.99) | {"seed": np.arange(30)}
    assert taken_as(table) == "independent"


def test_a_size_with_one_length_twice_has_different_runs():
    one = grid(6, 5, 4, shared=0.99)
    table = {name: np.concatenate([column, column]) for name, column in one.items()}
    table["loss"][30:] *= 1.0001
    assert taken_as(table) == "independent"
