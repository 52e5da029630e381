"""Regression of a known function: y = f(x) + noise_sd * epsilon, with x uniform on its domain.

Inputs and targets are computed in float64, in a written order and with `isoloss.elementary`. So
they have the same bits on every machine, and are rounded to float32 once.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from isoloss import elementary
from isoloss.models.shapes import MlpShape
from isoloss.tasks.function.settings import FunctionRun, FunctionTask
from isoloss.tasks.function.task import TASK
from isoloss.tasks.problem import ArrayProblem, Judged
from isoloss.tasks.streams import Stream

HELDOUT_SEED = 0  # the held-out set is the same for every seed and every run
TEACHER_GAIN = 2.0  # scale of a teacher's weights
N_STANDARDISE = 2**14  # points on which a teacher's mean and variance are measured
PIECE = 1024  # points that a teacher computes at a time: they stay in the cache

Function = Callable[[np.ndarray], np.ndarray]  # (n, n_inputs) -> (n, 1), float64


def arrays(run: FunctionRun, seed: int, corpus: Any) -> ArrayProblem:
    """The problem of one run.

    Training samples, initial weights and the order of batches come from three streams of `seed`.
    Samples are drawn anew for each `n_samples`, so that runs of one seed are independent. `corpus`
    is not used, because this task makes its own data.
    """
    task, model, n = run.task, run.model, run.data.n_samples
    cost = TASK.cost(run)
    f, half_width = target(task)
    x, y = samples(f, half_width, task, n, Stream(seed, "data", n))
    shape = MlpShape(
        n_inputs=task.n_inputs,
        width=model.width,
        n_hidden=model.n_hidden,
        activation=model.activation,
    )
    return ArrayProblem(
        shape=shape,
        weights=shape.initial(Stream(seed, "init")),
        width=model.width,
        steps=cost.steps,
        batch=batches(x, y, cost.samples_per_step, seed),
        evaluate=heldout(f, half_width, task, run.data.n_heldout),
        samples_per_step=cost.samples_per_step,
        tokens_per_step=cost.tokens_per_step,
        flops_per_step=float(cost.flops_per_step),
        counts={
            "n_params": cost.n_params,
            "n_params_non_embedding": cost.n_params_non_embedding,
            "n_samples": n,
        },
    )


def target(task: FunctionTask) -> tuple[Function, float]:
    """The noiseless function f, and h: inputs of f are uniform on [-h, h] in each dimension."""
    if task.target == "sine":
        return elementary.sin, math.pi
    return teacher(task.n_inputs, task.teacher_width, task.teacher_seed), 1.0


def teacher(n_inputs: int, width: int, seed: int) -> Function:
    """A random network n_inputs - width - width - 1 of tanh units, with mean 0 and variance 1.

    Weights are normal with variance GAIN^2 / inputs of their layer, biases normal with variance 1.
    """
    stream = Stream(seed, "teacher", n_inputs, width)
    layers = []
    for fan_in, fan_out in pairwise([n_inputs, width, width, 1]):
        scale = TEACHER_GAIN / math.sqrt(fan_in)
        layers.append((stream.normal(fan_in, fan_out) * scale, stream.normal(fan_out)))
    y = _network(layers, uniform(N_STANDARDISE, n_inputs, 1.0, stream))
    mean, sd = y.mean(), y.std(ddof=1)
    return lambda x: (_network(layers, x) - mean) / sd


def _network(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray) -> np.ndarray:
    y = np.empty((len(x), 1))
    *hidden, last = layers
    for first in range(0, len(x), PIECE):
        values = x[first : first + PIECE].astype(np.float64)
        for layer in hidden:
            values = elementary.tanh(_affine(values, *layer))
        y[first : first + PIECE] = _affine(values, *last)
    return y


def _affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x @ weight + bias; the sum over inputs begins with the bias and is in their order."""
    y = np.broadcast_to(bias, (len(x), len(bias))).copy()
    for column, row in zip(x.T, weight, strict=True):
        y += column[:, None] * row
    return y


def samples(
    f: Function, half_width: float, task: FunctionTask, n: int, stream: Stream
) -> tuple[np.ndarray, np.ndarray]:
    """`n` training samples: x of shape (n, n_inputs) and noisy y of shape (n, 1), float32."""
    x = uniform(n, task.n_inputs, half_width, stream)
    y = f(x.astype(np.float64))
    if task.noise_sd:
        y = y + task.noise_sd * stream.normal(n, 1)
    return x, y.astype(np.float32)


def batches(
    x: np.ndarray, y: np.ndarray, batch_size: int, seed: int
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Step -> batch: all samples, or epochs of shuffled batches (an incomplete one is left out)."""
    if batch_size == len(x):
        return lambda step: (x, y)
    per_epoch = len(x) // batch_size
    shuffled: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def batch(step: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, position = divmod(step - 1, per_epoch)
        if epoch not in shuffled:
            order = Stream(seed, "batches", epoch).permutation(len(x))
            shuffled.clear()
            shuffled[epoch] = x[order], y[order]
        part = slice(position * batch_size, (position + 1) * batch_size)
        return tuple(values[part] for values in shuffled[epoch])

    return batch


def heldout(
    f: Function, half_width: float, task: FunctionTask, n: int
) -> Callable[[Judged], dict[str, float]]:
    """The evaluation on `n` fixed points: "excess_loss" on f, "loss" on its noisy values.

    With one input, the points are the midpoints of `n` equal cells; with more, they are uniform
    random points. The noise is scaled to a mean square of exactly noise_sd^2, so that the floor of
    "loss" is exactly that number. Beyond it, the two losses differ only by the chance correlation
    of error and noise.
    """
    stream = Stream(HELDOUT_SEED, "heldout")
    one = task.n_inputs == 1
    x = grid(n, half_width) if one else uniform(n, task.n_inputs, half_width, stream)
    y = f(x.astype(np.float64))
    noise = stream.normal(n, 1)
    noisy = y + task.noise_sd * noise / np.sqrt(np.square(noise).mean())

    def evaluate(model: Judged) -> dict[str, float]:
        prediction = model.predict(x).astype(np.float64)
        losses = {"loss": noisy, "excess_loss": y}
        return {name: float(np.square(prediction - y).mean()) for name, y in losses.items()}

    return evaluate


def grid(n: int, half_width: float) -> np.ndarray:
    """The midpoints of `n` equal cells of [-half_width, half_width], shape (n, 1), float32."""
    return (((np.arange(n) + 0.5) / n * 2 - 1) * half_width).astype(np.float32)[:, None]


def uniform(n: int, n_inputs: int, half_width: float, stream: Stream) -> np.ndarray:
    """`n` points of the cube [-half_width, half_width]^n_inputs, shape (n, n_inputs), float32."""
    return ((2 * stream.uniform(n, n_inputs) - 1) * half_width).astype(np.float32)
