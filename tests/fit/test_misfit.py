"""A law that misses a pattern says so, a law that is right seldom does."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.laws import LAWS

N, D = (a.ravel() for a in np.meshgrid(np.geomspace(2e3, 2e5, 7), np.geomspace(2.5e5, 2.7e6, 5)))
JOINT = LAWS["kaplan_nd"](
    {"Nc": 2e9, "Dc": 5e9, "alpha_N": 0.1, "alpha_D": 0.2}, n_params=N, n_tokens=D
)
ADDITIVE = LAWS["chinchilla"](
    {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}, n_params=N, n_tokens=D
)


def table(loss, rng, sd=0.003, repeats=1):
    n, d, loss = (np.repeat(column, repeats) for column in (N, D, loss))
    return {"N": n, "D": d, "loss": loss * np.exp(sd * rng.standard_normal(len(n)))}


def warned(result):
    return any(text.startswith("lack of fit") for text in result.warnings)


def test_kaplans_joint_law_fitted_with_the_additive_law_warns(rng):
    result = fit_law(table(JOINT, rng), "chinchilla", draws=20)
    assert warned(result)
    assert result.misfit.against == "bends"
    assert result.misfit.p_value < 1e-6
    assert set(result.misfit.by) == {"n_params", "n_tokens", "compute"}
    assert not warned(fit_law(table(JOINT, rng), "kaplan_nd", draws=20))


def test_the_right_law_warns_in_few_tables():
    """At p < .01, 40 tables warn in at most 3 cases (p > .999; measured: 1 to 2 % of tables)."""
    found = [
        fit_law(table(ADDITIVE, np.random.default_rng([seed, 4])), "chinchilla", draws=2)
        for seed in range(40)
    ]
    assert sum(warned(result) for result in found) <= 3


def test_repeated_runs_are_the_yardstick_where_there_are_enough(rng):
    wrong = fit_law(table(JOINT, rng, repeats=3), "chinchilla", draws=20)
    assert warned(wrong)
    assert wrong.misfit.against == "repeats"
    assert wrong.misfit.noise == pytest.approx(0.003, rel=0.3)
    assert not warned(fit_law(table(ADDITIVE, rng, repeats=3), "chinchilla", draws=20))


def test_single_outliers_are_no_pattern(rng):
    rows = table(ADDITIVE, rng)
    rows["loss"][[3, 20]] *= 1.1
    assert not warned(fit_law(rows, "chinchilla", draws=20))


def clustered(loss, rng, shared=0.8):
    """The table of seven sizes; rows of a size share most of their noise."""
    run = np.repeat(np.arange(7), 5)
    common = 0.003 * np.sqrt(shared) * rng.standard_normal(7)[run]
    return table(loss * np.exp(common), rng, 0.003 * np.sqrt(1 - shared)) | {"run": run}


def test_a_wrong_law_of_clustered_rows_warns(rng):
    result = fit_law(clustered(JOINT, rng), "chinchilla", cluster="run", draws=20)
    assert warned(result)
    assert result.misfit.against == "runs"


def test_what_rows_of_a_run_have_in_common_is_no_lack_of_fit():
    """At p < .01, 30 tables warn in at most 2 cases; as independent rows most of them warn."""
    found = [
        fit_law(clustered(ADDITIVE, np.random.default_rng([seed, 5])), "chinchilla",
                cluster="run", draws=2)
        for seed in range(30)
    ]  # fmt: skip
    assert sum(warned(result) for result in found) <= 2
