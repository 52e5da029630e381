"""IsoFLOP valleys: minima that are there, and a word where they are not."""

import numpy as np
import porian_minima
import pytest

from isoloss.errors import UserError
from isoloss.fit.isoflop import allocation, line, valley
from isoloss.laws import LAWS

KEYS = ["summary_file", "dataset", "hparams", "warmup", "decay", "param_count", "val"]
SIZES = np.geomspace(1e6, 4e6, 7)


def parabola(at, bend=0.1):
    return 3.0 + bend * np.log(SIZES / at) ** 2


def test_a_minimum_between_the_runs_is_found():
    found = valley(1e18, SIZES[::-1], parabola(1.9e6)[::-1])
    assert found.status == "interior"
    assert found.n_opt == pytest.approx(1.9e6, rel=1e-9)
    assert found.loss_opt == pytest.approx(3.0, rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "status"),
    [(parabola(9e6), "edge"), (parabola(2e6, -0.1), "no minimum"), (parabola(1e5), "edge")],
)
def test_a_valley_without_a_minimum_between_its_runs_is_said_to_have_none(loss, status):
    found = valley(1e18, SIZES, loss)
    assert (found.status, found.n_opt, found.loss_opt) == (status, None, None)


def test_three_runs_are_too_few():
    assert valley(1e18, SIZES[:3], parabola(1.2e6)[:3]).status == "too few runs"


def test_too_few_minima_are_refused_with_what_was_found():
    compute = np.repeat([1e18, 2e18, 4e18], len(SIZES))
    loss = np.concatenate([parabola(2e6), parabola(2e6), parabola(9e6)])
    with pytest.raises(UserError) as caught:
        allocation(compute, np.tile(SIZES, 3), loss)
    assert caught.value.problems == (
        "three budgets with a minimum between their runs are needed; of 3 budgets: 2 interior, "
        "1 edge",
    )


def test_the_exponent_of_a_planted_surface_comes_back(rng):
    params = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}
    one = LAWS["chinchilla"]
    compute = np.repeat(np.geomspace(6e18, 3e21, 9), 9)
    n = one.optimum(params, compute)["n_params"] * np.tile(np.geomspace(0.5, 2, 9), 9)
    loss = one(params, n_params=n, n_tokens=compute / 6 / n)
    found = allocation(compute, n, loss * np.exp(2e-4 * rng.standard_normal(len(n))), draws=300)
    assert found.a.lo < one.derived(params)["a"] < found.a.hi
    assert found.a.value == pytest.approx(one.derived(params)["a"], abs=0.01)


def test_lines_through_porians_optima_have_the_published_exponents(shared):
    """Porian et al. (2024), arXiv:2406.19146: all 15 configurations, weighted by sd of ln N*."""
    pairs, published = shared("porian/optimal_pairs.csv"), shared("porian/published_fits.csv")
    assert len(published) == 15
    for row in published.to_dict("records"):
        own = pairs[(pairs[KEYS] == [row[key] for key in KEYS]).all(axis=1)]
        own = own.dropna(subset=["N_opt", "log_N_std"])
        a, _ = line(own["flops"], own["N_opt"], own["log_N_std"])
        assert a == pytest.approx(row["a_weighted"], abs=1e-4)
        assert row["a_ci_lo"] < a < row["a_ci_hi"]


@pytest.mark.parametrize("place", range(15))
def test_porians_runs_give_each_published_exponent_within_its_interval(shared, place):
    """By interpolation as there, all 15 configurations; intervals end where the published do.

    The noise is .002 (.01 for OpenWebText2) at any loss. The paper has it grow to .05 (.1), but the
    released code compares ln L with the losses between which it grows, so that there it never does
    (formll/resolving-scaling-law-discrepancies, analysis.py, get_noise_for_loss).
    """
    runs, published = shared("porian/isoflop_points.csv"), shared("porian/published_fits.csv")
    row = published.iloc[place]
    own = runs[(runs[KEYS] == row[KEYS]).all(axis=1)].dropna(subset=["loss"])
    sd = 0.01 if row["dataset"] == "owt2" else 0.002
    found = porian_minima.allocation(
        own["flops"], own["N"], own["loss"], porian_minima.SeedNoise(sd, sd), level=0.95, draws=500
    )
    assert row["a_ci_lo"] < found.a.value < row["a_ci_hi"]
    assert found.a.value == pytest.approx(row["a_weighted"], abs=0.004)
    length = row["a_ci_hi"] - row["a_ci_lo"]
    assert (found.a.lo, found.a.hi) == pytest.approx(
        (row["a_ci_lo"], row["a_ci_hi"]), abs=0.12 * length
    )


def test_noise_that_grows_with_the_loss_widens_porians_intervals(shared):
    """As the paper describes it: sd .002 at a loss of 3 and below, .05 at 7 and above."""
    runs = shared("porian/isoflop_points.csv")
    own = runs[(runs[KEYS[:5]] == ["summary_df", "rw", "tuned", "short", "const"]).all(axis=1)]
    table = own["flops"], own["N"], own["loss"]
    grows, even = (
        porian_minima.allocation(*table, noise, draws=500).a
        for noise in (porian_minima.SeedNoise(), porian_minima.SeedNoise(0.002, 0.002))
    )
    assert grows.hi - grows.lo > 1.5 * (even.hi - even.lo)
    assert grows.value == pytest.approx(even.value, abs=0.004)


def test_interpolated_minima_of_a_planted_valley_are_found_and_edges_are_said(rng):
    compute = np.repeat([1e18, 2e18, 4e18, 8e18], len(SIZES))
    at = np.repeat([1.5e6, 1.9e6, 2.4e6, 9e6], len(SIZES))
    loss = 3.0 + 0.1 * np.log(np.tile(SIZES, 4) / at) ** 2
    noise = porian_minima.SeedNoise(1e-4, 1e-4)
    found = porian_minima.allocation(compute, np.tile(SIZES, 4), loss, noise, draws=200)
    assert [v.status for v in found.valleys] == ["interior"] * 3 + ["edge"]
    assert [v.n_opt for v in found.valleys[:3]] == pytest.approx([1.5e6, 1.9e6, 2.4e6], rel=0.02)


def test_porians_runs_themselves_give_exponents_that_agree_with_the_published(shared):
    """Minima by parabolas here, by interpolation there: the 95 % intervals overlap."""
    runs, published = shared("porian/isoflop_points.csv"), shared("porian/published_fits.csv")
    ladder = []
    for row in published.to_dict("records"):
        own = runs[(runs[KEYS] == [row[key] for key in KEYS]).all(axis=1)].dropna(subset=["loss"])
        found = allocation(own["flops"], own["N"], own["loss"], level=0.95, draws=300).a
        assert found.lo < row["a_ci_hi"] and row["a_ci_lo"] < found.hi, row
        ladder.append(found.value)
    assert ladder[:5] == sorted(ladder[:5], reverse=True)
    assert ladder[:5] == pytest.approx([0.835, 0.706, 0.602, 0.571, 0.497], abs=0.02)
