"""Columns of a run's row that follow from its settings alone."""

import pytest

from isoloss.config.load import parse
from isoloss.tasks import task
from isoloss.tasks.language.settings import LanguageRun
from isoloss.train.outcome import rates

TRAINING = {"peak_lr": 0.01, "schedule": "linear", "batch_size": 4, "weight_decay": 0.1,
            "final_lr_fraction": 0.01}  # fmt: skip
MODEL = {"n_layer": 2, "d_model": 24, "n_head": 3}


def run(model=MODEL, **training):
    settings = {
        "task": {"kind": "language", "corpus": "any", "context": 8},
        "model": model,
        "data": {"n_tokens": 3200},
        "training": TRAINING | training,
    }
    return parse(LanguageRun, settings, "run")


def columns(model=MODEL, **training):
    return task("language").columns(run(model, **training))


def used(done=100, **training):
    return rates(run(**training).training, 100, 24, done=done)


def test_the_shape_is_that_of_the_model():
    assert (columns()["n_head"], columns()["d_ff"], columns()["n_loop"]) == (3, 96, 1)
    assert columns(MODEL | {"d_ff": 50})["d_ff"] == 50
    looped = columns(MODEL | {"kind": "recurrent_transformer", "n_loop": 4})
    assert (looped["model"], looped["n_loop"]) == ("recurrent_transformer", 4)
    lstm = columns({"kind": "lstm", "n_layer": 2, "d_model": 24})
    assert (lstm["model"], lstm["n_head"], lstm["d_ff"]) == ("lstm", None, None)


def test_the_sum_of_the_rates_is_that_of_the_schedule():
    """A line from the peak to 1 % of it, which it reaches one step after the last."""
    assert used()["lr_sum"] == pytest.approx(0.01 * sum(1 - 0.99 * i / 100 for i in range(100)))
    assert used(schedule="constant")["lr_sum"] == pytest.approx(1.0)
    assert used(schedule="constant", done=40)["lr_sum"] == pytest.approx(0.4)
    halved = used(schedule="constant", lr_base_width=12, lr_width_exponent=-1.0)
    assert halved["lr_sum"] == pytest.approx(0.5)


def test_the_warmup_is_a_number_of_steps_however_it_was_set():
    assert used()["warmup_steps"] == 0
    assert used(warmup_fraction=0.1)["warmup_steps"] == 10
    assert used(warmup_steps=7)["warmup_steps"] == 7
    assert columns()["weight_decay"] == 0.1
