"""Cooldowns of a trunk against independent runs."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from isoloss.errors import UserError
from isoloss.exhibits.training.cooldown import CooldownCheck
from tests.exhibits.made import rows_of
from tests.rows import one

SPEC = CooldownCheck(
    name="check", do="cooldown_check", sweeps=["grid"], cooled=["seeds"], independent=["cosine"]
)


def runs_of(sweep, losses, width=16, n_tokens=1000, **columns):
    return pd.DataFrame([
        {"sweep": sweep, "run_id": f"{sweep}-{width}-{n_tokens}-{i}", "status": "done", "seed": i,
         "width": width, "n_layer": 2, "n_tokens": n_tokens, "n_params_non_embedding": 10 * width,
         "peak_lr": 0.01, "loss": loss, "compute_flops": 1.0 * n_tokens, "trunk_flops": None}
        | columns
        for i, loss in enumerate(losses)
    ])  # fmt: skip


def made(*frames):
    runs = pd.concat([f.astype({"trunk_flops": "Float64"}) for f in frames], ignore_index=True)
    return rows_of(SPEC, runs)


COOLED, ALONE = [2.01, 2.03, 2.02], [2.00, 2.04, 1.99, 2.02]


def value(rows, quantity):
    return one(rows, quantity)


def test_the_difference_and_its_interval_are_welchs():
    found = value(made(runs_of("seeds", COOLED), runs_of("cosine", ALONE)), "cooled - independent")
    expected = ttest_ind(COOLED, ALONE, equal_var=False).confidence_interval(0.9)
    assert found["value"] == pytest.approx(np.mean(COOLED) - np.mean(ALONE))
    assert (found["lo"], found["hi"]) == pytest.approx((expected.low, expected.high))


def test_all_sizes_together_have_a_narrower_interval_about_the_mean():
    rows = made(
        runs_of("seeds", COOLED), runs_of("cosine", ALONE),
        runs_of("seeds", COOLED, width=32), runs_of("cosine", ALONE, width=32),
    )  # fmt: skip
    one = rows[rows["quantity"] == "cooled - independent"].iloc[0]
    both = value(rows, "cooled / independent - 1")
    assert both["n_runs"] == 14
    assert both["value"] == pytest.approx(one["value"] / 2.015, rel=0.02)
    assert both["hi"] - both["lo"] < 0.8 * (one["hi"] - one["lo"]) / 2.015


def test_each_trunk_is_paid_for_once():
    """Lengths 100, 200, 400 whose last fifth cools: 320 of trunk, 20 + 40 + 80 of cooldowns."""
    grid = pd.concat([
        runs_of("grid", [2.0], n_tokens=n, trunk_flops=0.8 * n) for n in (100, 200, 400)
    ])  # fmt: skip
    rows = made(grid, runs_of("seeds", COOLED), runs_of("cosine", ALONE))
    assert value(rows, "trained FLOPs")["value"] == pytest.approx(460)
    assert value(rows, "trained FLOPs / independent FLOPs")["value"] == pytest.approx(460 / 700)


def test_trunks_of_other_seeds_and_widths_are_others():
    grid = pd.concat([
        runs_of("grid", [2.0, 2.0], n_tokens=n, width=w, trunk_flops=0.5 * n)
        for n in (100, 200) for w in (16, 32)
    ])  # fmt: skip
    rows = made(grid, runs_of("seeds", COOLED), runs_of("cosine", ALONE))
    assert value(rows, "trained FLOPs")["value"] == pytest.approx(4 * (50 + 100 + 100))


def test_runs_without_a_trunk_saved_nothing_that_could_be_counted():
    rows = made(runs_of("grid", [2.0]), runs_of("seeds", COOLED), runs_of("cosine", ALONE))
    found = value(rows, "trained FLOPs / independent FLOPs")
    assert pd.isna(found["value"])
    assert found["verdict"].startswith("not measured: ")


def test_single_seeds_cannot_be_compared():
    with pytest.raises(UserError, match="two seeds both of cooled and of independent runs"):
        made(runs_of("seeds", COOLED), runs_of("cosine", [2.0]))
