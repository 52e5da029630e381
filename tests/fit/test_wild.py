"""Rows of one run belong together: how many runs there are counts, not how many rows."""

import numpy as np

from isoloss.fit import fit_law
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 480.0, "B": 2000.0, "E": 1.8, "alpha": 0.35, "beta": 0.366}
A = TRUE["beta"] / (TRUE["alpha"] + TRUE["beta"])


def curves(n_runs, seed, shared=0.7):
    """Five rows of each run; `shared` of the variance of a row is that of its run."""
    rng = np.random.default_rng([seed, n_runs])
    run = np.repeat(np.arange(n_runs), 5)
    n = np.geomspace(2e7, 2e9, n_runs)[run]
    d = n * np.tile(np.geomspace(5, 80, 5), n_runs)
    common, own = rng.standard_normal(n_runs)[run], rng.standard_normal(len(run))
    noise = 0.003 * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
    loss = LAW(TRUE, n_params=n, n_tokens=d) * np.exp(noise)
    return {"n_params": n, "n_tokens": d, "loss": loss, "run": run}


def held(n_runs, tables):
    """How often the 90 % interval of a holds the truth."""
    count = 0
    for seed in range(tables):
        a = fit_law(curves(n_runs, seed), draws=100, cluster="run").derived["a"]
        count += a.lo < A < a.hi
    return count


def test_intervals_of_six_runs_hold_the_truth_about_as_often_as_they_say():
    """Of 60 at 90 %, between 46 and 60 (p > .001). Residuals as they are left held 40."""
    assert 46 <= held(6, 60) <= 60


def test_a_handful_of_runs_is_said_to_be_few():
    said = "intervals rest on 6 runs: they hold the truth less often than they say"
    assert any(
        text.startswith(said) for text in fit_law(curves(6, 0), draws=20, cluster="run").warnings
    )
    assert not any("rest on" in t for t in fit_law(curves(20, 0), draws=20, cluster="run").warnings)


def test_six_runs_are_turned_over_and_forty_are_drawn():
    assert fit_law(curves(6, 0), draws=20, cluster="run").method == "wild"
    assert fit_law(curves(40, 0), draws=20, cluster="run").method == "cluster"
