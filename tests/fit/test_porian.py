"""Porian et al. (2024), arXiv:2406.19146: published isoFLOP minima and exponents come back."""

import numpy as np
import porian_minima
import pytest

from isoloss.fit.isoflop import allocation
from isoloss.fit.near_lowest import line

KEYS = ["summary_file", "dataset", "hparams", "warmup", "decay", "param_count", "val"]
SIZES = np.geomspace(1e6, 4e6, 7)


def test_lines_through_porians_optima_have_the_published_exponents(shared):
    """All 15 configurations, weighted by sd of ln N*."""
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
    """Minima by valleys of one shape here, by interpolation there: the 95 % intervals overlap."""
    runs, published = shared("porian/isoflop_points.csv"), shared("porian/published_fits.csv")
    ladder, inside, overlap = [], 0, 0
    for row in published.to_dict("records"):
        own = runs[(runs[KEYS] == [row[key] for key in KEYS]).all(axis=1)].dropna(subset=["loss"])
        c, n = (own[name].to_numpy(float) for name in ("flops", "N"))
        found = allocation(c, n, c / n / 6, own["loss"], level=0.95, draws=100).a
        overlap += found.lo < row["a_ci_hi"] and row["a_ci_lo"] < found.hi
        inside += row["a_ci_lo"] < found.value < row["a_ci_hi"]
        ladder.append(found.value)
    assert (inside, overlap) >= (12, 14)  # .689 where .711 is published, without embeddings
    assert ladder[:5] == sorted(ladder[:5], reverse=True)
    assert ladder[:5] == pytest.approx([0.835, 0.706, 0.602, 0.571, 0.497], abs=0.03)
