"""A grid's runs as a design, its learning curves, and the noise of its losses."""

import numpy as np
import pandas as pd
import pytest

from isoloss.exhibits.chinchilla.design import COUNTS, Design, design_of
from isoloss.exhibits.chinchilla.noise import draw_noise
from isoloss.runs.lineage import Lineage
from tests.exhibits import planted as truth


def test_seeds_of_one_size_have_luck_of_their_own_in_the_noise():
    """8 sizes, 5 lengths, 3 seeds: 2 % of luck for a size and seed, 0.5 % for a run."""
    rng = np.random.default_rng(0)
    size, length, seed = (axis.ravel() for axis in np.indices((8, 5, 3)))
    trunk = size * 3 + seed
    luck = 0.02 * rng.standard_normal(24)[trunk] + 0.005 * rng.standard_normal(120)
    log_n = np.log(1e4) + np.arange(8.0)
    design = Design(
        size=size, log_d=12.0 + length, log_loss=2 - 0.1 * size - 0.1 * length + luck,
        run_ids=tuple(map(str, range(120))), log_n=dict.fromkeys(COUNTS, log_n),
        log_k=dict.fromkeys(COUNTS, log_n), curves=(None,) * 8,
        lineage=Lineage("lineage", codes=np.array([f"line {i}" for i in trunk])),
    )  # fmt: skip
    draws = draw_noise(design, 400)
    assert draws.sd == pytest.approx(0.0206, rel=0.3)
    assert draws.shared == pytest.approx(0.94, abs=0.04)
    noise = draws.runs[1:]
    same = [np.corrcoef(noise[:, 0], noise[:, i])[0, 1] for i in (1, 2, 3)]
    assert abs(same[0]) < 0.2 and abs(same[1]) < 0.2 and same[2] > 0.8  # the third has seed 0


def test_a_plateau_that_the_losses_leave_is_no_noise():
    """12 sizes and 14 lengths, 2 seeds: a drop of .4 in ln L, and .5 % of noise."""
    rng = np.random.default_rng(0)
    size, length, _ = (axis.ravel() for axis in np.indices((12, 14, 2)))
    log_n, log_d = np.log(4e3) + 0.6 * np.arange(12.0), np.log(2.5e5) + 0.35 * length
    learnt = 0.4 / (1 + np.exp(-2 * (log_d + 0.5 * log_n[size] - 19)))
    design = Design(
        size=size, log_d=log_d, log_loss=1 - 0.03 * log_n[size] - learnt
        + 0.005 * rng.standard_normal(len(size)),
        run_ids=tuple(map(str, range(len(size)))), log_n=dict.fromkeys(COUNTS, log_n),
        log_k=dict.fromkeys(COUNTS, log_n), curves=(None,) * 12,
    )  # fmt: skip
    assert draw_noise(design, 10).sd == pytest.approx(0.005, rel=0.3)


def test_curves_of_a_sweep_of_their_own_take_the_place_of_the_grids():
    runs, curves = truth.grid_tables(0)
    grid = design_of(runs, curves, ["grid"], "a test", 100)
    own = runs.drop_duplicates("n_params", keep="last").assign(sweep="long")
    own["run_id"] = [f"{run_id}-long" for run_id in own["run_id"]]
    own = own[own["n_params"] > own["n_params"].min()]
    longer = curves.assign(run_id=[f"{run_id}-long" for run_id in curves["run_id"]])
    both = pd.concat([runs, own]), pd.concat([curves, longer])
    design = design_of(*both, ["grid"], "a test", 100, of_curves=["long"])
    assert design.curves[0] is None, "the smallest size has none in that sweep"
    assert all(curve.run_id.endswith("-long") for curve in design.curves[1:])
    assert design.run_ids == grid.run_ids
    for ours, theirs in zip(design.curves[1:], grid.curves[1:], strict=True):
        np.testing.assert_array_equal(ours.log_loss, theirs.log_loss)
        assert ours.run == theirs.run, "its noise is that of the size's longest run"
