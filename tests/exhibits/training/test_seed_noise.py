"""The scatter of losses over seeds."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.exhibits.training.seed_noise import SeedNoise, SeedScatter
from tests.exhibits.made import rows_of

SPEC = SeedNoise(name="noise", do="seed_noise", sweeps=["seeds", "cosine"])


def runs_of(losses, sweep="seeds", width=16, **columns):
    return pd.DataFrame([
        {"sweep": sweep, "run_id": f"{sweep}-{width}-{i}", "status": "done", "seed": i,
         "width": width, "n_layer": 2, "n_tokens": 1000, "n_params_non_embedding": 10 * width,
         "schedule": "wsd", "loss": loss} | columns
        for i, loss in enumerate(losses)
    ])  # fmt: skip


def made(*frames):
    rows = rows_of(SPEC, pd.concat(frames, ignore_index=True)).to_dict("records")
    return rows[:-1], rows[-1]


def test_the_standard_deviation_is_that_of_a_normal_sample_with_its_chi_squared_interval():
    """Three values 1, 2, 3: s = 1; 2 / chi-squared quantiles .95 and .05 of two degrees."""
    (row,), _ = made(runs_of([1.0, 2.0, 3.0]))
    assert row["value"] == pytest.approx(1.0)
    assert row["lo"] == pytest.approx(np.sqrt(2 / 5.991), rel=1e-3)
    assert row["hi"] == pytest.approx(np.sqrt(2 / 0.1026), rel=1e-3)


def test_nine_in_ten_intervals_hold_the_true_scatter():
    rng = np.random.default_rng(1)
    hits = [
        row["lo"] < 0.02 < row["hi"]
        for _ in range(200)
        for row in made(runs_of(2 + 0.02 * rng.standard_normal(3)))[0]
    ]
    assert np.mean(hits) == pytest.approx(0.9, abs=0.04)


def test_all_settings_together_give_the_relative_scatter():
    """Two settings whose losses differ tenfold and whose ln scatter alike."""
    low, high = runs_of([1.0, 1.1]), runs_of([10.0, 11.0], width=32)
    rows, together = made(low, high)
    assert together["value"] == pytest.approx(np.log(1.1) / np.sqrt(2))
    assert together["n_runs"] == 4
    assert rows[1]["value"] == pytest.approx(10 * rows[0]["value"])


def test_runs_that_differ_in_more_than_the_seed_are_not_taken_together():
    cooled = runs_of([1.0, 1.1])
    cosine = runs_of([2.0, 2.2], "cosine", schedule="cosine")
    rows, _ = made(cooled, cosine)
    assert [row["group"].rpartition("=")[2] for row in rows] == ["cosine", "wsd"]
    assert [row["value"] for row in rows] == pytest.approx([0.2 / 2**0.5, 0.1 / 2**0.5])


def test_one_seed_shows_no_scatter():
    with pytest.raises(UserError, match="no size of these sweeps was run with two seeds"):
        made(runs_of([1.0]))


def test_a_size_that_is_not_known_hides_no_scatter():
    runs = runs_of([3.0, 3.1])
    runs["n_params_non_embedding"] = pd.array([pd.NA] * len(runs), dtype="Int64")
    rows = rows_of(SPEC, runs)
    assert rows["x"].isna().all()
    assert rows["value"].iloc[0] == pytest.approx(np.std([3.0, 3.1], ddof=1))
    result = drawing(SeedScatter(draw="seed_scatter"), Tables(analyses=rows))
    assert "Not drawn, as N without embeddings is not known: 1." in result.notes
    assert "sd" not in set(result.table["what"])
