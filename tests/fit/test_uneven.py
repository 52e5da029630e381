"""Noise that changes with size or data: each row is then resampled by its own residual."""

import numpy as np
import pytest
from scipy import stats

from isoloss.fit import fit_law
from isoloss.fit.noise import Noise
from isoloss.fit.uneven import changes_with
from isoloss.laws import LAWS

N, D = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(4e8, 3e10, 5)))
TRUTH = {"A": 480.0, "B": 2085.0, "E": 1.8, "alpha": 0.35, "beta": 0.37}
LOSS = LAWS["chinchilla"](TRUTH, n_params=N, n_tokens=D)


def fitted(sd, seed, **settings):
    noise = sd * np.random.default_rng([seed, 3]).standard_normal(len(N))
    table = {"N": N, "D": D, "loss": LOSS * np.exp(noise)}
    return fit_law(table, "chinchilla", **settings)


def test_the_test_is_that_of_breusch_pagan_and_koenker(rng):
    """n R**2 of the squares on the variables, by a regression of our own."""
    problem = fitted(0.003, 0, draws=0).problem
    unit = rng.standard_normal(len(N)) * (N / 1e8) ** 0.2
    columns = np.column_stack([np.ones(len(N)), np.log(N), np.log(D)])
    fit = columns @ np.linalg.lstsq(columns, unit**2, rcond=None)[0]
    share = np.var(fit) / np.var(unit**2)
    noise = Noise(np.zeros(len(N)), 1.0, 0.0, 0.1, 25.0, unit)
    assert changes_with(problem, noise) == pytest.approx(stats.chi2.sf(len(N) * share, 2))


def test_larger_models_that_are_noisier_are_noticed_and_said():
    fit = fitted(0.001 * (N / 1e7) ** 0.5, 1, draws=40)
    assert fit.method == "wild"
    (note,) = [text for text in fit.notes if text.startswith("the noise may change with the")]
    assert note.endswith("so each row has noise of its own size")


def test_few_rows_keep_the_noise_model():
    some = slice(0, 12)
    noise = 0.01 * np.random.default_rng(5).standard_normal(12) * (N[some] / 1e7)
    table = {"N": N[some], "D": D[some], "loss": LOSS[some] * np.exp(noise)}
    assert fit_law(table, "chinchilla", draws=20).method == "residual"


def test_rounding_of_exact_losses_is_no_noise_that_changes():
    """By their rounding, p of this table was .01."""
    rng = np.random.default_rng(8)
    n, d = np.exp(rng.uniform(10, 16, 20)), np.exp(rng.uniform(14, 20, 20))
    losses = LAWS["chinchilla"](TRUTH, n_params=n, n_tokens=d)
    found = fit_law({"N": n, "D": d, "loss": losses}, "chinchilla", draws=2)
    assert found.method == "residual"


def test_rows_that_are_runs_are_not_said_to_be_rows_of_few_runs():
    d = np.geomspace(1e9, 1e8, 4)
    n = np.geomspace(1e6, 1e8, 4)
    losses = LAWS["chinchilla"](TRUTH, n_params=n, n_tokens=d)
    table = {"N": n, "D": d, "loss": losses * np.exp([0.0005, -0.0005, 0.0005, -0.01])}
    held = {name: TRUTH[name] for name in ("A", "B", "alpha", "beta")}
    found = fit_law(table, "chinchilla", fixed=held, draws=20)
    assert found.method == "wild"
    assert not any(text.startswith("intervals rest on") for text in found.warnings)
