"""Shapes, schedules, cosines and optimisers, on planted losses."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.cosine_length import CosineLength
from isoloss.exhibits.chinchilla.optimiser import Optimiser
from isoloss.exhibits.kaplan.schedules import Schedules
from isoloss.exhibits.kaplan.shape import Shape
from isoloss.exhibits.make import drawing
from isoloss.exhibits.training.replicates import Scatter, alike, increase, paired
from isoloss.results import Q
from tests.exhibits.made import rows_of
from tests.exhibits.recipes import planted as P
from tests.exhibits.recipes.cases import spec, tables
from tests.rows import one, some

SHAPE = Shape(do="shape", name="aspect", sweeps=["aspect"])
SCHEDULES = Schedules(do="schedules", sweeps=list(P.SCHEDULES))
LENGTH = CosineLength(do="cosine_length", sweeps=["length"])
OPTIMISER = Optimiser(do="optimiser", sweeps=["optimiser"])


def in_percent(log):
    return 100 * np.expm1(log)


def test_nine_in_ten_intervals_hold_the_planted_difference(rng):
    hits = 0
    for _ in range(300):
        groups = [0.01 * rng.standard_normal(3) for _ in range(4)]
        made = increase(Q.LOSS_INCREASE, groups[0] + 0.02, groups[1], Scatter.of(groups))
        hits += made.lo <= in_percent(0.02) <= made.hi
    assert 0.85 <= hits / 300 <= 0.95


def test_the_luck_that_two_runs_share_does_not_widen_their_difference(rng):
    luck = rng.standard_normal(4)
    one_run, other = luck + 0.001 * rng.standard_normal(4), luck + 0.02
    difference = other - one_run
    made = paired(Q.LOSS_INCREASE, difference, Scatter.of([difference]))
    assert made.lo < in_percent(0.02) < made.hi < made.lo + 0.5


def test_neighbours_are_alike_however_they_are_ordered():
    found = alike(np.array([4.4, 1.0, 4.5, 1.01, 40.0]), 1.05)
    assert found == pytest.approx([4.45, 1.005, 4.45, 1.005, 40.0])


def test_each_shape_lies_above_the_best_by_what_was_planted():
    runs, _ = P.shapes(noise=0.0)
    points = some(rows_of(SHAPE, runs), "loss increase", kind="point")
    aspects = np.sort([width / n_layer for n_layer, width in P.SHAPES])
    log = P.BEND * np.log(aspects / P.BEST_ASPECT) ** 2
    np.testing.assert_allclose(points["x"], aspects)
    np.testing.assert_allclose(points["value"], in_percent(log - log.min()), atol=1e-9)


def test_the_largest_increase_is_that_of_the_widest_range_within_the_factor():
    runs, _ = P.shapes(noise=0.0)
    found = one(rows_of(SHAPE.model_copy(update={"factor": 5.0}), runs), "largest loss increase")
    assert found["warnings"].startswith("over a factor of 4.55 in d_model / n_layer")  # 2.6 to 12
    assert found["x"] == pytest.approx(29 / 11)


def test_a_shape_counts_at_its_best_rate_and_the_edge_is_said():
    runs, _ = P.shapes(noise=0.0)
    found = one(rows_of(SHAPE, runs), "largest loss increase")
    assert "best rate is the last one tried" in found["warnings"]
    better = (runs["peak_lr"] == 0.02) & (runs["n_layer"] < 16)  # a factor of 36, within 40
    assert set(found["runs"].split()) == set(runs["run_id"][better])


def test_shapes_of_one_seed_have_no_interval_and_are_not_compared_with_the_paper():
    runs, _ = P.shapes(seeds=1)
    rows = rows_of(SHAPE, runs)
    assert some(rows, "loss increase")["lo"].isna().all()
    study = tables("kaplan_shape")
    notes = drawing(spec("kaplan_shape"), type(study)(runs=runs, analyses=rows)).notes
    assert any("Without seeds this cannot be compared" in note for note in notes)


def test_shapes_of_different_sizes_are_not_compared():
    runs, _ = P.shapes(noise=0.0)
    runs["n_params_non_embedding"] = runs["n_params_non_embedding"] * (1 + runs["n_layer"])
    with pytest.raises(UserError, match="no size has two shapes"):
        rows_of(SHAPE, runs)


def test_the_worst_schedule_of_each_kind_is_found_at_each_sum():
    rows = rows_of(SCHEDULES, *P.schedules(noise=0.0))
    complete = some(rows, "largest loss increase")
    np.testing.assert_allclose(complete["x"], [1.1, 4.4, 17.6])
    np.testing.assert_allclose(complete["value"], 0.0, atol=1e-9)  # cosine and linear are equal
    others = some(rows, "loss increase", kind="parameter")
    np.testing.assert_allclose(others["value"], in_percent(P.WITHOUT_DECAY + P.WITHOUT_WARMUP))
    assert set(others["warnings"]) == {"of 2 schedules, the worst is constant"}


def test_schedules_without_a_warmup_or_a_decay_are_hollow():
    rows = rows_of(SCHEDULES, *P.schedules())
    losses = some(rows, "loss", kind="point")
    said = losses["warnings"].fillna("").str.len() > 0
    incomplete = losses["group"].isin(["sweep=constant", "sweep=linear_no_warmup"])
    assert list(said) == list(incomplete)


def test_one_complete_schedule_cannot_be_compared():
    asked = SCHEDULES.model_copy(update={"sweeps": ["constant", "cosine"]})
    with pytest.raises(UserError, match="two schedules with a warm-up"):
        rows_of(asked, *P.schedules())


def test_a_longer_cosine_costs_what_was_planted_whatever_the_seeds_luck():
    rows = rows_of(LENGTH, *P.lengths(noise=0.0))
    points = some(rows, "loss increase", kind="point").sort_values("x")
    np.testing.assert_allclose(points["x"], P.LENGTHS[1:])
    np.testing.assert_allclose(points["value"], in_percent(P.PRICE * (points["x"] - 1)))


def test_rates_are_drawn_until_the_shortest_run_ends():
    rates = some(rows_of(LENGTH, *P.lengths()), "learning rate")
    assert rates["x"].max() == 1.0
    last = rates[rates["x"] == 1.0].sort_values("value")
    assert list(last["group"]) == [f"steps={round(1000 * length)}" for length in P.LENGTHS]


def test_a_longer_run_without_an_evaluation_there_is_left_out():
    runs, curves = P.lengths(noise=0.0)
    curves = curves[~((curves["step"] == 1000) & curves["run_id"].str.startswith("cos2.0"))]
    found = some(rows_of(LENGTH, runs, curves), "loss increase")
    assert set(found["x"]) == {1.25, 5.0}


def test_adamw_leads_from_the_first_evaluation_after_the_planted_crossing():
    rows = rows_of(OPTIMISER, *P.optimisers(noise=0.0))
    end = one(rows, "loss increase", kind="parameter")
    assert end["value"] == pytest.approx(in_percent(P.SLOPE * (P.TURN - 1)))
    assert one(rows, "share of the run after which it leads")["value"] == 0.7


def test_a_difference_within_the_scatter_is_no_lead():
    rows = rows_of(OPTIMISER, *P.optimisers(noise=0.01, slope=0.0))
    turned = one(rows, "share of the run after which it leads")
    assert turned["verdict"].startswith("not identified")
    study = tables("chinchilla_optimiser")
    notes = drawing(spec("chinchilla_optimiser"), type(study)(analyses=rows)).notes
    assert any("It cannot be told which is better." in note for note in notes)


def test_runs_without_a_partner_of_their_seed_say_so():
    runs, curves = P.optimisers()
    alone = pd.concat([runs[(runs["seed"] == 0) & (runs["weight_decay"] > 0)],
                       runs[(runs["seed"] == 1) & (runs["weight_decay"] == 0)]])  # fmt: skip
    with pytest.raises(UserError, match="one setting and one seed"):
        rows_of(OPTIMISER, alone, curves)
