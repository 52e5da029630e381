"""Columns of the runs that follow from settings, and that the run's own row lacks."""

import pytest

from isoloss.runs.collected import of_settings

TRAINING = {"peak_lr": 0.01, "schedule": "linear", "batch_size": 4, "weight_decay": 0.1}
MODEL = {"kind": "transformer", "n_layer": 2, "d_model": 24, "n_head": 3, "d_ff": None}
ROW = {"width": 24, "steps": 100}


def columns(model=MODEL, row=ROW, **training):
    return of_settings({"model": model, "training": TRAINING | training}, row)


def test_the_shape_is_that_of_the_model():
    assert columns()["n_head"] == 3
    assert columns()["d_ff"] == 96
    assert columns(MODEL | {"d_ff": 50})["d_ff"] == 50
    assert "d_ff" not in columns({"kind": "mlp", "width": 24})


def test_the_sum_of_the_rates_is_that_of_the_schedule():
    """A line from the peak to 1 % of it: the mean of its ends, 100 times."""
    assert columns()["lr_sum"] == pytest.approx(100 * 0.01 * (1 + 0.01) / 2)
    assert columns(schedule="constant")["lr_sum"] == pytest.approx(1.0)
    halved = columns(schedule="constant", lr_base_width=12, lr_width_exponent=-1.0)
    assert halved["lr_sum"] == pytest.approx(0.5)


def test_the_warmup_is_a_number_of_steps_however_it_was_set():
    assert columns()["warmup_steps"] == 0
    assert columns(warmup_fraction=0.1)["warmup_steps"] == 10
    assert columns(warmup_steps=7)["warmup_steps"] == 7
    assert columns()["weight_decay"] == 0.1


def test_a_run_that_is_solved_has_no_training():
    assert of_settings({"model": {}}, {}) == {}
