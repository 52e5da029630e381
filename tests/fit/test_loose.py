"""Where a table says nothing, there is no interval: not one without width, and not a wide one."""

import tracemalloc

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.loose import flat_directions
from isoloss.forecast import forecast
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 480.0, "B": 2000.0, "E": 1.8, "alpha": 0.35, "beta": 0.366}


def grid(n_sizes=6, n_lengths=5):
    n, d = np.meshgrid(np.geomspace(2e7, 2e9, n_sizes), np.geomspace(1e8, 1e11, n_lengths))
    return n.ravel(), d.ravel()


def table(n, d, noise=0.003, true=TRUE, seed=0):
    rng = np.random.default_rng(seed)
    loss = LAW(true, n_params=n, n_tokens=d) * np.exp(noise * rng.standard_normal(len(n)))
    return {"n_params": n, "n_tokens": d, "loss": loss}


ALIKE = TRUE | {"alpha": 0.36, "beta": 0.36}


@pytest.fixture(scope="module")
def one_ratio():
    """All runs at 20 tokens per parameter, one exponent: only the sum of two terms is seen."""
    n = np.geomspace(2e7, 2e10, 30)
    return fit_law(table(n, 20 * n, 0.001, ALIKE, seed=1), draws=100)


def test_a_split_that_runs_of_one_ratio_cannot_tell_has_no_interval(one_ratio):
    for name in ("a", "b", "alpha", "beta", "A", "B"):
        found = {**one_ratio.params, **one_ratio.derived}[name]
        assert (found.lo, found.hi, found.se) == (None, None, None), name
    assert "nothing is known of A, B, alpha, beta, a, b, G" in one_ratio.verdict
    at = one_ratio.optimum([1e21]).iloc[0]
    assert at.filter(regex="_(lo|hi)$").isna().all()


def test_terms_of_runs_of_one_ratio_may_change_places_though_their_exponents_differ():
    """The fit tells two exponents, and not which is of N; the exchanged law fits as well."""
    n = np.geomspace(1e4, 1e12, 40)
    true = {"A": 60.0, "B": 9e4, "E": 1.8, "alpha": 0.2, "beta": 0.8}
    found = fit_law(table(n, 20 * n, 1e-5, true), draws=60)
    assert {"A", "B", "alpha", "beta", "a", "b", "G"} <= set(found.loose)
    exponents = sorted(found.params[name].value for name in ("alpha", "beta"))
    np.testing.assert_allclose(exponents, [0.2, 0.8], rtol=0.02)
    said = found.predict({"n_params": np.full(2, 1e8), "n_tokens": [2e9, 2e10]})
    assert said["lo"].notna().tolist() == [True, False]


def test_what_they_can_tell_has_one(one_ratio):
    """Losses at the same ratio, where any split between the two terms says the same."""
    floor = one_ratio.params["E"]
    assert floor.lo < ALIKE["E"] < floor.hi
    n = np.array([1e8, 1e8])
    d = n * [20, 200]
    said = one_ratio.predict({"n_params": n, "n_tokens": d})
    truth = LAW(ALIKE, n_params=n, n_tokens=d)
    assert said["lo"][0] < truth[0] < said["hi"][0]
    assert said[["lo", "hi"]].iloc[1].isna().all()
    run = forecast(one_ratio, {"n_params": np.log(n), "n_tokens": np.log(d)})
    assert run.lo[0] < truth[0] < run.hi[0]
    assert np.isnan([run.lo[1], run.hi[1]]).all()


def test_repetitions_without_repeated_tokens_are_where_the_search_began_and_nothing_more():
    n, d = grid()
    runs = table(n, d) | {"n_unique_tokens": d}
    result = fit_law(runs, "data_constrained", draws=50)
    assert result.params["R_D"].lo is None
    assert "nothing is known of R_D" in result.verdict


def test_a_law_that_the_runs_determine_has_nothing_loose():
    result = fit_law(table(*grid()), draws=50)
    assert result.loose == ()
    assert result.identified


@pytest.mark.parametrize("draws", [0, 1, 200])
def test_the_verdict_does_not_wait_for_draws(draws):
    """Losses of 30 % noise leave the exponents open, however few draws are asked for."""
    identified = fit_law(table(*grid()), draws=draws)
    noisy = fit_law(table(*grid(), noise=0.3), draws=draws)
    assert identified.verdict == "identified"
    assert noisy.verdict.startswith("not identified: ")


def test_too_few_draws_for_a_level_give_no_interval_and_say_how_many_would():
    few = fit_law(table(*grid()), draws=18)
    assert few.params["A"].lo is None
    assert "18 draws give no interval of 0.9: 19 are needed" in few.warnings
    assert fit_law(table(*grid()), draws=19).params["A"].lo is not None
    assert "1999 are needed" in fit_law(table(*grid()), draws=20, level=0.999).warnings[0]


def test_a_floor_above_a_loss_is_refused():
    with pytest.raises(UserError, match=r"fixed E: 9 is not below the lowest loss, 2\."):
        fit_law(table(*grid()), fixed={"E": 9.0}, draws=0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fixed": TRUE}, "every parameter of chinchilla is held: nothing is left to fit"),
        ({"fixed": {"alpha": 20.0}}, "fixed alpha: must lie between 0 and 10, got 20.0"),
        ({"seed": -1}, "seed: must not be negative, got -1"),
    ],
)
def test_what_cannot_be_asked_for_is_named(settings, said):
    with pytest.raises(UserError) as caught:
        fit_law(table(*grid()), **settings)
    assert caught.value.problems == (said,)


def test_a_slice_of_one_budget_tells_the_exponents_of_n_and_d_apart():
    """Along it one term falls and the other rises, so they cannot change places."""
    n = np.geomspace(1e5, 1e10, 24)
    found = fit_law(table(n, 1e17 / 6 / n, 0.0005), draws=100)
    assert found.loose == ()
    for name in ("alpha", "beta"):
        assert found.params[name].lo < TRUE[name] < found.params[name].hi


def test_two_exponents_tied_are_known_where_all_runs_have_one_ratio():
    """Then only the coefficients may change places."""
    n = np.geomspace(2e7, 2e10, 30)
    found = fit_law(table(n, 20 * n, 0.001, ALIKE, seed=1), draws=100, tied=[("alpha", "beta")])
    assert {"alpha", "beta", "a", "b"}.isdisjoint(found.loose)
    assert found.params["alpha"].lo < ALIKE["alpha"] < found.params["alpha"].hi


def test_scales_have_the_unit_of_their_variable():
    x = np.geomspace(1e6, 1e9, 8)
    for law, variable, unit in (
        ("kaplan_n", "n_params", "parameters"),
        ("kaplan_d", "n_tokens", "tokens"),
        ("kaplan_c", "compute_pf_days", "PF-days"),
    ):
        result = fit_law({variable: x, "loss": 10 * x**-0.07}, law, draws=0)
        assert result.derived["Xc"].unit == unit
        found = result.to_dict()
        assert found["optimum"] == {}
        assert set(found["derived"]) == {"Xc"}


def test_the_directions_of_many_rows_take_memory_in_proportion_to_them():
    """One direction for each row would take a matrix of 3.2 GB here."""

    class ManyRows:
        jacobian = staticmethod(lambda z: np.random.default_rng(0).standard_normal((20_000, 3)))

    tracemalloc.start()
    found = flat_directions(ManyRows, np.zeros(3))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (0, 3)
    assert most < 10 * ManyRows.jacobian(None).nbytes


def test_with_fewer_rows_than_parameters_what_is_left_over_is_flat():
    class OneRow:
        jacobian = staticmethod(lambda z: np.array([[1.0, 1.0, 0.0]]))

    found = flat_directions(OneRow, np.zeros(3))
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found @ OneRow.jacobian(None).T, 0.0, atol=1e-12)
