"""A law is tested within a wider one, of which it is a special case."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.fit.nested import within
from isoloss.laws import LAWS

BUDGETS = np.repeat(np.geomspace(1e18, 1e20, 4), 5)
SIZES = np.sqrt(BUDGETS / 120) * np.tile(np.geomspace(0.3, 3.3, 5), 4)
AT = {"n_params": SIZES, "n_tokens": BUDGETS / 6 / SIZES}
HOFFMANN = {"A": 480.0, "B": 2085.0, "E": 1.8, "alpha": 0.35, "beta": 0.37}
# The same limits of size and of data; only how the two join is another.
JOINED = {"A": 480.0**1.25, "B": 2085.0**1.25, "E": 1.8, "alpha": 0.4375, "beta": 0.4625, "k": 0.8}
KAPLAN = {"Nc": 6e13, "Dc": 2e13, "alpha_N": 0.08, "alpha_D": 0.1}


def p_values(planted, params, fitted, n_tables=12, sd=0.002):
    loss = LAWS[planted](params, **AT)
    found = []
    for seed in range(n_tables):
        noise = sd * np.random.default_rng([seed, 4]).standard_normal(len(loss))
        result = fit_law(AT | {"loss": loss * np.exp(noise)}, fitted, draws=0)
        found.append(within(result.problem, result.theta, None).p_value)
    return np.array(found)


@pytest.mark.parametrize(("law", "params"), [("chinchilla", HOFFMANN), ("kaplan_nd", KAPLAN)])
def test_a_law_that_holds_is_seldom_doubted(law, params):
    """One table in ten has a p-value below .1."""
    found = p_values(law, params, law)
    assert np.sum(found < 0.1) <= 4
    assert 0.2 < np.median(found) < 0.8


def test_another_way_of_joining_size_and_data_is_seen():
    """The test of lack of fit, at the same level, sees it in half of such tables."""
    found = p_values("skaling", JOINED, "chinchilla", n_tables=8)
    assert np.sum(found < 0.1) >= 7
    assert np.all(p_values("chinchilla", HOFFMANN, "kaplan_nd", n_tables=2) < 1e-4)


def test_rows_of_one_run_are_tested_as_runs():
    """Four rows of one run say hardly more than one: as independent rows they would say twice."""
    runs, law = np.repeat(np.arange(20), 4), LAWS["chinchilla"]
    at = {name: np.repeat(x, 4) for name, x in AT.items()}
    doubted = np.zeros(2)
    for seed in range(16):
        rng = np.random.default_rng([seed, 8])
        noise = 0.004 * rng.standard_normal(20)[runs] + 0.0004 * rng.standard_normal(80)
        table = at | {"loss": law(HOFFMANN, **at) * np.exp(noise)}
        result = fit_law(table, law, draws=0)
        doubted += [within(result.problem, result.theta, c).doubtful for c in (runs, None)]
    assert doubted[0] <= 4
    assert doubted[0] < doubted[1]


def test_a_law_that_is_no_case_of_another_and_exact_losses_are_not_tested():
    loss = LAWS["chinchilla"](HOFFMANN, **AT)
    exact = fit_law(AT | {"loss": loss}, "chinchilla", draws=0)
    assert within(exact.problem, exact.theta, None) is None
    noisy = fit_law(AT | {"loss": np.round(loss, 3)}, "skaling", draws=0)
    assert within(noisy.problem, noisy.theta, None) is None
