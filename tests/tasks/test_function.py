"""Regression of known functions: their data, their held-out sets, their floors."""

import math

import numpy as np
import pytest
from tests.train.engines import KERNELS, trainer_of

from isoloss.tasks.function import data as function
from isoloss.tasks.function.settings import FunctionRun
from isoloss.tasks.streams import Stream


def run(n_samples=512, batch_size=None, width=8, n_heldout=1024, steps=10, **task):
    task = {"kind": "function", "target": "sine", **task}
    settings = {
        "task": task,
        "model": {"width": width},
        "data": {"n_samples": n_samples, "n_heldout": n_heldout},
        "training": {
            "peak_lr": 1e-2,
            "schedule": "constant",
            "steps": steps,
            "batch_size": batch_size,
        },
    }
    return FunctionRun.model_validate(settings)


def build(seed=0, n_samples=512, **settings):
    return function.arrays(run(n_samples, **settings), seed, None)


class Predictor:
    """A model that is a given function."""

    def __init__(self, f):
        self.predict = f


def heldout_inputs(problem):
    seen = []
    problem.evaluate(Predictor(lambda x: seen.append(x) or x[:, :1]))
    return seen[0]


def test_training_samples_of_the_sine_are_uniform_and_exact():
    x, y = build(n_samples=100_000).batch(1)
    assert x.shape == y.shape == (100_000, 1)
    assert x.dtype == y.dtype == np.float32
    assert y == pytest.approx(np.sin(x.astype(np.float64)), abs=6e-8)
    assert np.abs(x).max() <= math.pi
    assert x.mean() == pytest.approx(0, abs=4 * math.pi / math.sqrt(3 * 100_000))
    assert np.square(x).mean() == pytest.approx(math.pi**2 / 3, rel=0.02)


def test_training_noise_has_the_asked_standard_deviation():
    x, y = build(n_samples=100_000, noise_sd=0.1).batch(1)
    noise = y - np.sin(x)
    assert noise.std() == pytest.approx(0.1, rel=0.01)
    assert abs((noise * x).mean()) < 0.004


def test_the_sine_is_held_out_on_the_midpoints_of_a_dense_grid():
    x = heldout_inputs(build(n_heldout=4))
    assert x[:, 0] == pytest.approx(np.array([-0.75, -0.25, 0.25, 0.75]) * math.pi)


@pytest.mark.parametrize("task", [{}, {"target": "teacher", "n_inputs": 3}], ids=["1", "3"])
def test_the_heldout_set_is_the_same_for_every_seed_width_and_data_size(task):
    one, two = build(0, 512, width=8, **task), build(1, 64, width=16, **task)
    assert np.array_equal(heldout_inputs(one), heldout_inputs(two))
    model = Predictor(lambda x: x[:, :1])
    assert one.evaluate(model) == two.evaluate(model)


@pytest.mark.parametrize("noise_sd", [0.0, 0.1, 0.5])
def test_the_loss_of_the_truth_is_the_noise_variance_and_its_excess_is_none(noise_sd):
    found = build(noise_sd=noise_sd).evaluate(Predictor(np.sin))
    assert found["excess_loss"] == pytest.approx(0, abs=1e-14)
    assert found["loss"] == pytest.approx(noise_sd**2, rel=1e-6, abs=1e-14)


def test_the_excess_of_a_constant_is_the_mean_square_of_the_sine():
    found = build(n_heldout=4096, noise_sd=0.1).evaluate(Predictor(np.zeros_like))
    assert found["excess_loss"] == pytest.approx(0.5, rel=1e-6)
    assert found["loss"] == pytest.approx(0.51, rel=0.02)


def test_a_teacher_has_mean_0_and_variance_1_and_is_fixed_by_its_seed():
    f = function.teacher(4, 32, seed=3)
    x = function.uniform(100_000, 4, 1.0, Stream(9))
    y = f(x)
    assert y.shape == (100_000, 1)
    assert y.mean() == pytest.approx(0, abs=0.02)
    assert y.std() == pytest.approx(1, abs=0.02)
    assert np.array_equal(y, function.teacher(4, 32, seed=3)(x))
    assert not np.allclose(y, function.teacher(4, 32, seed=4)(x))


def test_seeds_change_the_data_the_initial_weights_and_the_order_of_the_batches():
    one, two = build(0), build(1)
    assert not np.isin(one.batch(1)[0], two.batch(1)[0]).any()
    first, second = (problem.weights["layers.0.weight"] for problem in (one, two))
    assert not np.array_equal(first, second)
    x = np.arange(512.0)[:, None]
    orders = [function.batches(x, x, 32, seed)(1)[0] for seed in (0, 1)]
    assert not np.array_equal(*orders)


def test_each_epoch_shows_every_sample_once_in_a_new_order():
    problem = build(n_samples=64, batch_size=16)
    epochs = [np.concatenate([problem.batch(s)[0] for s in range(b, b + 4)]) for b in (1, 5)]
    whole = build(n_samples=64).batch(1)[0]
    for epoch in epochs:
        assert np.array_equal(np.sort(epoch, axis=0), np.sort(whole, axis=0))
    assert not np.array_equal(*epochs)


def test_a_batch_depends_on_its_step_alone():
    straight, jumping = build(batch_size=100), build(batch_size=100)
    wanted = [straight.batch(step) for step in range(1, 12)]
    for step in (11, 3, 7, 3):
        x, y = jumping.batch(step)
        assert x.shape == (100, 1)
        assert np.array_equal(x, wanted[step - 1][0])
        assert np.array_equal(y, wanted[step - 1][1])


def test_counts_say_what_the_network_and_its_data_are():
    problem = build(n_samples=512, batch_size=32, width=8, steps=7)
    assert problem.counts == {"n_params": 97, "n_params_non_embedding": 97, "n_samples": 512}
    assert (problem.width, problem.steps, problem.samples_per_step) == (8, 7, 32)
    assert problem.flops_per_step == 32 * 2 * (3 * (8 + 64 + 8) - 8)


def test_the_function_of_a_teacher_is_that_of_its_layers():
    """Against NumPy's own products and tanh, up to the shift and the scale."""
    f, stream = function.teacher(3, 5, seed=1), Stream(1, "teacher", 3, 5)
    x = values = Stream(7).uniform(2000, 3) * 2 - 1
    for fan_in, fan_out in ((3, 5), (5, 5), (5, 1)):
        weight = stream.normal(fan_in, fan_out) * 2 / math.sqrt(fan_in)
        values = values @ weight + stream.normal(fan_out)
        values = np.tanh(values) if fan_out > 1 else values
    slope, intercept = np.polyfit(values[:, 0], f(x)[:, 0], 1)
    assert f(x) == pytest.approx(slope * values + intercept, abs=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_learns_the_sine(kernel):
    trainer = trainer_of(run(steps=300, width=16), kernel=kernel)
    trainer.run()
    assert trainer.rows[-1]["loss"] < 0.01 < trainer.rows[0]["loss"]
