"""Approach 2: planted valleys come back from grids of any spacing; what is not there is said."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.fit.isoflop import allocation, window
from isoloss.fit.valleys import profile
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}
LOPSIDED = {"A": 482.01, "B": 285.43, "E": 1.8172, "alpha": 0.4478, "beta": 0.2658}
FAR = 3e22


def grid(params, spacing, n_sizes, centre=1.0, noise=0.0, budgets=6, seed=0):
    """C, N, D and loss of isoFLOP grids about `centre` times the optimum."""
    compute = np.repeat(np.geomspace(6e18, 3e21, budgets), n_sizes)
    places = spacing ** (np.arange(n_sizes) - (n_sizes - 1) / 2)
    n = LAW.optimum(params, compute)["n_params"] * centre * np.tile(places, budgets)
    d = compute / 6 / n
    shaken = np.exp(noise * np.random.default_rng(seed).standard_normal(len(n)))
    return compute, n, d, LAW(params, n_params=n, n_tokens=d) * shaken


def true_n(params, compute=FAR):
    return float(LAW.optimum(params, compute)["n_params"])


def test_the_profile_is_that_of_hoffmanns_law_about_its_minimum():
    alpha, beta = 0.34, 0.28
    u = np.linspace(-2.5, 2.5, 11)[None]
    exact = 2 * (beta * np.exp(-alpha * u) + alpha * np.exp(beta * u)) / (alpha + beta) - 2
    found = profile(u, np.array([beta - alpha]), np.array([alpha * beta]))
    assert found[0] == pytest.approx(exact / (alpha * beta), rel=1e-9, abs=1e-12)
    step = 1e-5
    for place, k in ((2, 0), (3, 1)):  # derivatives by the two numbers of the shape
        moved = [np.array([beta - alpha, alpha * beta]) for _ in range(2)]
        moved[0][k] -= step
        moved[1][k] += step
        low, high = (profile(u, *one[:, None])[0] for one in moved)
        assert found[place] == pytest.approx((high - low) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("params", [TRUE, LOPSIDED])
@pytest.mark.parametrize(
    ("spacing", "n_sizes", "centre"),
    [(1.26, 7, 1.0), (1.6, 7, 3.0), (1.6, 7, 1 / 3), (2.0, 5, 1.0), (2.5, 7, 1.0), (4.0, 5, 1.5)],
)
def test_without_noise_any_grid_gives_the_planted_optimum(params, spacing, n_sizes, centre):
    found = allocation(*grid(params, spacing, n_sizes, centre), draws=20)
    assert found.a.value == pytest.approx(LAW.derived(params)["a"], abs=1e-4)
    assert found.b.value == pytest.approx(1 - LAW.derived(params)["a"], abs=1e-4)
    assert found.n.at(FAR, 0.9, "").value == pytest.approx(true_n(params), rel=2e-3)
    assert found.d.at(FAR, 0.9, "").value == pytest.approx(FAR / 6 / true_n(params), rel=2e-3)
    assert found.skew.value == pytest.approx(params["beta"] - params["alpha"], abs=0.01)
    assert all(budget.used for budget in found.budgets)


def test_what_parabolas_through_the_same_runs_say_stands_beside():
    """Lopsided valleys, sizes four times apart: parabolas are off by a fifth and more."""
    found = allocation(*grid(LOPSIDED, 4.0, 5), draws=0)
    level, slope = found.n.parabolas
    off = np.exp(level + slope * np.log(FAR)) / true_n(LOPSIDED)
    assert abs(np.log(off)) > 0.15
    assert found.budgets[0].parabola == pytest.approx(
        off * found.budgets[0].n_opt.value, rel=0.05
    )  # fmt: skip


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Ten tables of each of three designs; fewer than 23 of 30 happens once in a hundred."""
    inside = {"a": 0, "n": 0}
    for spacing, n_sizes, centre, noise in ((1.6, 7, 3.0, 2e-3), (4.0, 5, 1.5, 1e-2),
                                            (2.0, 6, 1.0, 1e-2)):  # fmt: skip
        for seed in range(10):
            table = grid(LOPSIDED, spacing, n_sizes, centre, noise, seed=seed)
            found = allocation(*table, draws=60, seed=seed)
            at = found.n.at(FAR, 0.9, "")
            inside["a"] += found.a.lo < LAW.derived(LOPSIDED)["a"] < found.a.hi
            inside["n"] += at.lo < true_n(LOPSIDED) < at.hi
    assert min(inside.values()) >= 23, inside


def test_the_reach_grows_until_it_holds_five_sizes():
    near, far = np.log(2.0) * np.arange(-3, 4), np.log(4.0) * np.arange(-3, 4)
    assert window(near, 1 + near**2).sum() == 5
    assert window(far, 1 + far**2).sum() == 5
    assert window(far, 1 + (far - far[1]) ** 2).sum() == 5  # farther to the one side
    dense = np.log(1.2) * np.arange(-6, 7)
    assert window(dense, 1 + dense**2).sum() == 7  # within a factor of two


def test_budgets_without_a_minimum_are_named_and_the_line_goes_through_the_others():
    compute, n, d, loss = grid(TRUE, 2.0, 6, budgets=6)
    first, second = compute == np.unique(compute)[0], compute == np.unique(compute)[1]
    few = first & (n > np.sort(n[first])[2])
    hill = np.where(second, 2 * loss[second].max() - loss, loss)
    third = np.unique(compute)[2]
    edge = (compute == third) & (n < 1.3 * true_n(TRUE, third))
    keep = ~(few | edge)
    found = allocation(compute[keep], n[keep], d[keep], hill[keep], draws=20)
    assert [budget.verdict.status for budget in found.budgets] == [
        "too few runs", "no minimum", "too few runs", *["identified"] * 3
    ]  # fmt: skip
    assert found.a.value == pytest.approx(LAW.derived(TRUE)["a"], abs=2e-3)


def test_too_few_minima_are_refused_with_what_each_budget_lacks_and_what_would_help():
    compute, n, d, loss = grid(TRUE, 1.5, 5, centre=5.0, budgets=4)
    three = (compute == compute.max()) & (n > np.sort(n[compute == compute.max()])[2])
    with pytest.raises(UserError) as caught:
        allocation(compute[~three], n[~three], d[~three], loss[~three])
    first, *each, last = caught.value.problems[0].split("\n    ")
    assert (
        first == "3 budgets with a minimum between their runs are needed; of 4 budgets 0 have one"
    )
    assert each[0].startswith("6e+18 FLOP: edge: the minimum lies below the sizes fitted (")
    assert each[0].endswith(", at most 1.5 times apart)")
    assert each[-1] == "3e+21 FLOP: too few runs: 3 of 4 sizes"
    assert last == (
        "what would help: runs of at least 4 sizes at one budget, smaller sizes at these budgets, "
        "or --approach 3, which needs no common budgets"
    )


def test_minima_off_their_line_by_more_than_noise_widen_the_intervals():
    compute, n, d, loss = grid(TRUE, 1.6, 6, noise=5e-4)
    off = np.repeat(np.exp([0.25, -0.25, 0.25, -0.25, 0.25, -0.25]), 6)
    plain = allocation(compute, n, d, loss, draws=200)
    shaken = allocation(compute, n * off, d / off, loss, draws=200)
    assert plain.scatter == 0
    assert shaken.scatter == pytest.approx(0.28, abs=0.1)
    assert shaken.a.hi - shaken.a.lo > 3 * (plain.a.hi - plain.a.lo)


def test_the_verdict_is_made_from_the_draws_of_the_interval():
    sure = allocation(*grid(TRUE, 2.0, 6, noise=1e-3), draws=200)
    assert sure.verdict == "identified" and sure.n.verdict(FAR) == "identified"
    vague = allocation(*grid(TRUE, 1.3, 5, noise=2e-2, budgets=4), draws=200)
    assert not vague.verdict.identified
    assert vague.a.hi - vague.a.lo > 0.7 * abs(vague.a.value)
    assert vague.verdict.reason.startswith("may be anything from ")
    assert 0 < vague.a.value < 1
