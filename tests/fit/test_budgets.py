"""Budgets: runs that were meant to take the same compute are taken together."""

import numpy as np
import pytest

from isoloss.fit.budgets import grouped
from isoloss.fit.isoflop import allocation
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}


def runs(apart, spread, seed=0):
    """C, N, D and loss of six budgets whose runs differ by up to `spread` in compute."""
    budget = np.repeat(1e19 * apart ** np.arange(6), 6)
    n = LAW.optimum(TRUE, budget)["n_params"] * np.tile(2.0 ** np.arange(-2.5, 3), 6)
    compute = budget * np.exp(np.random.default_rng(seed).uniform(-spread, spread, len(n)) / 2)
    return compute, n, compute / 6 / n, LAW(TRUE, n_params=n, n_tokens=compute / 6 / n)


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05, 0.1])
@pytest.mark.parametrize("apart", [1.4, 3.0])
def test_runs_of_nearly_the_same_compute_are_one_budget(apart, spread):
    compute, n, _, loss = runs(apart, spread)
    found = grouped(compute, n, loss, 4)
    assert np.array_equal(np.unique(found.compute, return_inverse=True)[1], np.repeat(range(6), 6))
    assert found.spread <= spread + 0.01
    assert (spread > 0.02) == (not np.array_equal(found.loss, loss))


def test_losses_moved_to_the_budget_give_the_planted_optimum():
    off = []
    for seed in range(6):
        compute, n, d, loss = runs(3.0, 0.1, seed)
        found = grouped(compute, n, loss, 4)
        off.append([
            allocation(found.compute, n, d, values, draws=0).a.value - LAW.derived(TRUE)["a"]
            for values in (found.loss, loss)
        ])  # fmt: skip
    moved, as_they_are = np.sqrt(np.mean(np.square(off), axis=0))
    assert moved < 0.002
    assert moved < 0.4 * as_they_are


def test_budgets_close_together_are_not_made_one():
    compute, n, _, loss = runs(1.1, 0.0)
    assert len(np.unique(grouped(compute, n, loss, 4).compute)) == 6


def test_runs_without_budgets_stay_apart():
    rng = np.random.default_rng(0)
    compute = np.exp(rng.uniform(40, 50, 60))
    n = np.exp(rng.uniform(15, 20, 60))
    found = grouped(compute, n, np.full(60, 3.0), 4)
    counts = np.unique(found.compute, return_counts=True)[1]
    assert counts.max() <= 6
    assert np.all(found.loss == 3.0)
