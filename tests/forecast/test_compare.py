"""Two planted recipes: what the second saves is known, and shared noise cancels."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings
from isoloss.forecast import paths, trials
from isoloss.forecast.compare import at_compute, at_loss, budget_beyond
from isoloss.forecast.recipes import _method, recipes
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
A = {"A": 400.0, "B": 410.0, "E": 1.69, "alpha": 0.34, "beta": 0.28}
SAVES = 0.8  # C_B / C_A at every loss
# L*(C) = E + r C**-g: both terms times s move the curve by s**(1 / g) in C.
SCALE = SAVES ** (A["alpha"] * A["beta"] / (A["alpha"] + A["beta"]))
B = A | {"A": SCALE * A["A"], "B": SCALE * A["B"]}
ONE = FitSettings(law="chinchilla", draws=60, cluster="none", where="a.csv")
OTHER = FitSettings(law="chinchilla", draws=60, cluster="none", where="b.csv")
COMMON = 0.003 * np.random.default_rng(1).standard_normal(25)


def table(params, noise, common=COMMON, seed=0):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e6, 6e7, 5), np.geomspace(1e8, 2e10, 5)))
    own = noise * np.random.default_rng(seed).standard_normal(n.size)
    loss = LAW(params, n_params=n, n_tokens=d) * np.exp(common + own)
    return pd.DataFrame({"n_params": n, "n_tokens": d, "loss": loss})


@pytest.fixture(scope="module", autouse=True)
def few_trials():
    """Trials measure drift; two of them are enough to see that it counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "TRIALS", 2)
        yield


@pytest.fixture(scope="module")
def exact():
    return recipes(table(A, 0, 0), table(B, 0, 0), ONE, OTHER)


def test_exact_recipes_have_the_planted_ratio(exact):
    both = exact
    for found in (at_compute(both, 1e19), at_compute(both, 1e22), at_loss(both, 2.4)):
        assert found.estimates["compute_ratio"].value == pytest.approx(SAVES, rel=2e-3)
        assert found.estimates["speed_up"].value == pytest.approx(1 / SAVES, rel=2e-3)
    difference = LAW.optimum(B, 1e19)["loss"] - LAW.optimum(A, 1e19)["loss"]
    found = at_compute(both, 1e19).estimates["loss_difference"].value
    assert found == pytest.approx(float(difference), rel=5e-3)


@pytest.fixture(scope="module")
def noisy():
    """Recipes whose runs share most of their noise; the rows of the second are shuffled."""
    other = table(B, 0.0003, seed=2).sample(frac=1, random_state=0)
    return table(A, 0.0003), other


@pytest.fixture(scope="module")
def paired(noisy):
    return recipes(*noisy, ONE, OTHER)


def test_paired_draws_are_far_narrower_and_hold_the_truth(noisy, paired):
    apart = recipes(noisy[0], noisy[1].iloc[1:], ONE, OTHER)
    assert (paired.said, apart.said) == (
        "paired: 25 of 25 points",
        "not paired: 24 of 25 points are common to both",
    )
    compute = 1e18  # among the runs: no drift
    first, second = (at_compute(one, compute).estimates["compute_ratio"] for one in (paired, apart))
    assert first.lo < SAVES < first.hi < 1
    assert second.lo < SAVES < second.hi
    assert np.log(first.hi / first.lo) < 0.4 * np.log(second.hi / second.lo)


def test_ten_times_beyond_the_runs_drift_is_in_the_interval(paired):
    beyond = budget_beyond(paired)
    assert beyond == pytest.approx(10 * 6 * 6e7 * 2e10)
    near, far = (at_compute(paired, c).estimates["compute_ratio"] for c in (1e18, beyond))
    assert far.lo < SAVES < far.hi
    assert far.hi / far.lo > near.hi / near.lo


def test_equal_recipes_cannot_be_told_apart():
    both = recipes(table(A, 0.001), table(A, 0.001, seed=3), ONE, OTHER)
    found = at_compute(both, 1e19)
    assert not found.tells
    assert "cannot tell whether B needs less than A" in found.sentence
    reverse = recipes(table(B, 0.0003), table(A, 0.0003, seed=3), ONE, OTHER)
    found = at_compute(reverse, 1e18, names=("muon", "adamw"))
    assert found.tells
    assert "adamw needs 1.2" in found.sentence
    assert "slower" in found.sentence


def test_the_same_draws_give_the_same_answer(noisy, paired):
    again = recipes(*noisy, ONE, OTHER)
    assert at_loss(again, 2.9).row() == at_loss(paired, 2.9).row()


def test_recipes_with_nothing_in_common_are_refused(exact):
    far = table(A, 0.001)
    far["loss"] = far["loss"] / 10
    with pytest.raises(UserError, match=r"the runs have no loss in common: A from .*, B from"):
        at_compute(recipes(table(A, 0.001), far, ONE, OTHER), 1e19)
    high = A | {"E": 2.4}
    with pytest.raises(UserError, match=r"B does not reach the loss that A has at 1e\+22 FLOP"):
        at_compute(recipes(table(A, 0, 0), table(high, 0, 0), ONE, OTHER), 1e22)
    with pytest.raises(UserError, match="is below the cheapest run of A"):
        at_compute(exact, 1e10)
    bad = table(A, 0).drop(columns="n_tokens")
    with pytest.raises(UserError) as caught:
        recipes(bad, bad, ONE, OTHER)
    assert {problem[:5] for problem in caught.value.problems} == {"a.csv", "b.csv"}


def test_a_fixed_ratio_is_compared_too(exact):
    found = at_loss(exact, 2.6, lambda averaged: paths.of_ratio(20, 6.0))

    def compute(params):
        c = np.geomspace(1e18, 1e23, 20_001)
        n = np.sqrt(c / 120)
        return c[np.argmax(LAW(params, n_params=n, n_tokens=20 * n) <= 2.6)]

    expected = compute(B) / compute(A)
    assert found.estimates["compute_ratio"].value == pytest.approx(expected, rel=5e-3)


def test_both_tables_are_resampled_by_the_method_that_assumes_less():
    """The noise of one recipe may grow with size; its note is then true of the pair."""
    few = SimpleNamespace(n_clusters=25, n_rows=25)
    for methods, one in (
        (("residual", "residual"), "residual"),
        (("residual", "wild"), "wild"),
        (("wild", "cluster"), "cluster"),
    ):
        assert _method("auto", methods, few) == one
        assert _method("residual", methods, few) == "residual"
