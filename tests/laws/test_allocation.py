"""The compute optimum of every law of N and D."""

import dataclasses

import numpy as np
import pytest
from tests.laws.planted_laws import PLANTED

from isoloss.laws import LAWS, Sum, Term, coefficient, exponent, floor
from isoloss.laws.base import no_optimum

ALLOCATING = [name for name, law in LAWS.items() if law.allocates]
BUDGETS = np.array([1e19, 1e21, 5.76e23])


def searched(law):
    """The same law without its closed form."""
    return type("Searched", (type(law),), {"frontier": lambda self, params: None})(
        **{field.name: getattr(law, field.name) for field in dataclasses.fields(law)}
    )


def at(name):
    return LAWS[name], PLANTED[name]


def endless(law):
    return dict.fromkeys(law.unlimited, np.inf)


def test_every_law_of_n_and_d_and_no_other_allocates():
    both = {name for name, law in LAWS.items() if {"n_params", "n_tokens"} <= set(law.variables)}
    assert set(ALLOCATING) == both
    assert {"chinchilla", "kaplan_nd", "data_constrained"} <= both


@pytest.mark.parametrize("name", ALLOCATING)
def test_an_optimum_is_the_least_loss_along_its_budget(name):
    law, params = at(name)
    best = law.optimum(params, BUDGETS, 5.0)
    assert 5 * best["n_params"] * best["n_tokens"] == pytest.approx(BUDGETS)
    assert best["tokens_per_param"] == pytest.approx(best["n_tokens"] / best["n_params"])
    for i, compute in enumerate(BUDGETS):
        n = np.geomspace(0.5, 2, 2001) * best["n_params"][i]
        losses = law(params, n_params=n, n_tokens=compute / 5 / n, **endless(law))
        assert n[losses.argmin()] == pytest.approx(best["n_params"][i], rel=1e-3)
        assert best["loss"][i] == pytest.approx(losses.min(), rel=1e-9)


@pytest.mark.parametrize("name", ALLOCATING)
def test_a_closed_form_and_the_search_agree(name):
    law, params = at(name)
    closed, found = law.optimum(params, BUDGETS), searched(law).optimum(params, BUDGETS)
    assert found["n_params"] == pytest.approx(closed["n_params"], rel=1e-5)
    assert found["loss"] == pytest.approx(closed["loss"], rel=1e-12)
    slope = searched(law).exponents(params, BUDGETS)
    assert slope["a"] == pytest.approx(law.derived(params)["a"] * np.ones(3), abs=1e-4)
    assert slope["a"] + slope["b"] == pytest.approx(np.ones(3))


@pytest.mark.parametrize("name", ALLOCATING)
def test_draws_and_budgets_broadcast(name):
    law, params = at(name)
    draws = {p: np.array([[value], [1.01 * value]]) for p, value in params.items()}
    many = law.optimum(draws, BUDGETS)
    assert many["n_params"].shape == (2, 3)
    for i in range(2):
        one = law.optimum({p: values[i, 0] for p, values in draws.items()}, BUDGETS[1])
        assert many["n_params"][i, 1] == pytest.approx(one["n_params"], rel=1e-12)
        assert many["loss"][i, 1] == pytest.approx(one["loss"], rel=1e-12)


def test_kaplans_exponents_follow_from_his_own():
    """Kaplan et al. (2020), Table 2: alpha_N .076, alpha_D .103; N* ~ C**(alpha_D / (sum))."""
    law, params = at("kaplan_nd")
    assert law.derived(params)["a"] == pytest.approx(0.103 / (0.076 + 0.103))


def test_few_unique_tokens_make_the_best_model_smaller_until_nothing_helps():
    law, params = at("data_constrained")
    free = law.optimum(params, 1e21)
    assert law.optimum(params, 1e21, n_unique_tokens=1e12) == pytest.approx(free)
    few = law.optimum(params, 1e21, n_unique_tokens=1e10)
    assert few["n_params"] < free["n_params"]
    assert few["loss"] > free["loss"]
    n = np.geomspace(0.5, 2, 2001) * few["n_params"]
    losses = law(params, n_params=n, n_tokens=1e21 / 6 / n, n_unique_tokens=1e10)
    assert few["loss"] == pytest.approx(losses.min(), rel=1e-9)
    worn_out = law.optimum(params, 1e26, n_unique_tokens=1e8)
    assert np.isnan(worn_out["n_params"])
    assert "no optimum at 1e+26 FLOP" in no_optimum(law, 1e26)


def test_a_law_that_gains_from_size_alone_has_no_optimum():
    law = searched(LAWS["chinchilla"])
    params = PLANTED["chinchilla"]
    best = law.optimum({**params, "alpha": np.array([params["alpha"], 0.0])}, 1e21)
    assert np.isfinite(best["n_params"][0])
    assert np.isnan(best["n_params"][1])
    assert np.isnan(best["loss"][1])


def test_a_law_of_ones_own_allocates_and_says_why_not_with_a_third_variable():
    terms = [Term("A", "n_params", "alpha"), Term("B", "n_tokens", "beta")]
    own = Sum(
        name="own",
        formula="",
        source="",
        variables=("n_params", "n_tokens"),
        parameters=(
            coefficient("A", "loss", ""),
            coefficient("B", "loss", ""),
            floor(),
            exponent("alpha", ""),
            exponent("beta", ""),
        ),
        terms=tuple(terms),
        floor="E",
    )
    params = PLANTED["chinchilla"]
    expected = LAWS["chinchilla"].optimum(params, BUDGETS)["n_params"]
    assert own.optimum(params, BUDGETS)["n_params"] == pytest.approx(expected)
    more = Sum(**{**own.__dict__, "variables": ("n_params", "n_tokens", "batch")})
    assert not more.allocates
    assert no_optimum(more) == "own also depends on batch: its optimum is not one of C"
