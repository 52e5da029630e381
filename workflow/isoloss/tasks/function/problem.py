"""Regression of a known function: y = f(x) + noise_sd * epsilon, with x uniform on its domain."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.models.mlp import Mlp
from isoloss.tasks.function.settings import FunctionRun, FunctionTask
from isoloss.tasks.function.task import TASK
from isoloss.tasks.problem import Problem
from isoloss.tasks.streams import torch_stream

HELDOUT_SEED = 0  # the held-out set is the same for every seed and every run
TEACHER_GAIN = 2.0  # scale of a teacher's weights
N_STANDARDISE = 2**16  # points on which a teacher's mean and variance are measured

Function = Callable[[Tensor], Tensor]  # (n, n_inputs) -> (n, 1)


def build(run: FunctionRun, seed: int, corpus: Any, device: torch.device) -> Problem:
    """The problem of one run.

    Training samples, initial weights and the order of batches come from three streams of `seed`.
    Samples are drawn anew for each `n_samples`, so that runs of one seed are independent. `corpus`
    is not used, because this task makes its own data.
    """
    task, model, n = run.task, run.model, run.data.n_samples
    cost = TASK.cost(run)
    f, half_width = target(task)
    x, y = samples(f, half_width, task, n, torch_stream(seed, "data", n))
    rng = torch_stream(seed, "init")
    network = Mlp(task.n_inputs, model.width, model.n_hidden, model.activation, rng).to(device)
    return Problem(
        model=network,
        width=model.width,
        steps=cost.steps,
        batch=batches(x.to(device), y.to(device), cost.samples_per_step, seed),
        loss=training_loss,
        evaluate=heldout(f, half_width, task, run.data.n_heldout, device),
        samples_per_step=cost.samples_per_step,
        tokens_per_step=cost.tokens_per_step,
        flops_per_step=float(cost.flops_per_step),
        counts={
            "n_params": cost.n_params,
            "n_params_non_embedding": cost.n_params_non_embedding,
            "n_samples": n,
        },
    )


def training_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error."""
    return functional.mse_loss(model(x), y)


def target(task: FunctionTask) -> tuple[Function, float]:
    """The noiseless function f, and h: inputs of f are uniform on [-h, h] in each dimension."""
    if task.target == "sine":
        return torch.sin, math.pi
    return teacher(task.n_inputs, task.teacher_width, task.teacher_seed), 1.0


def teacher(n_inputs: int, width: int, seed: int) -> Function:
    """A random network n_inputs - width - width - 1 of tanh units, with mean 0 and variance 1.

    Weights are normal with variance GAIN^2 / inputs of their layer, biases normal with variance 1.
    """
    rng = torch_stream(seed, "teacher", n_inputs, width)
    sizes = [n_inputs, width, width, 1]
    layers = [
        (
            torch.randn(fan_out, fan_in, generator=rng) * TEACHER_GAIN / math.sqrt(fan_in),
            torch.randn(fan_out, generator=rng),
        )
        for fan_in, fan_out in pairwise(sizes)
    ]

    def raw(x: Tensor) -> Tensor:
        *hidden, last = layers
        for weight, bias in hidden:
            x = torch.tanh(functional.linear(x, weight, bias))
        return functional.linear(x, *last)

    y = raw(uniform(N_STANDARDISE, n_inputs, 1.0, rng)).double()
    mean, sd = y.mean().item(), y.std().item()
    return lambda x: (raw(x) - mean) / sd


def samples(
    f: Function, half_width: float, task: FunctionTask, n: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`n` training samples: x of shape (n, n_inputs) and noisy y of shape (n, 1)."""
    x = uniform(n, task.n_inputs, half_width, rng)
    y = f(x)
    if task.noise_sd:
        y = y + task.noise_sd * torch.randn(n, 1, generator=rng)
    return x, y


def batches(
    x: Tensor, y: Tensor, batch_size: int, seed: int
) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Step -> batch: all samples, or epochs of shuffled batches (an incomplete one is left out)."""
    if batch_size == len(x):
        return lambda step: (x, y)
    per_epoch = len(x) // batch_size
    shuffled: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, position = divmod(step - 1, per_epoch)
        if epoch not in shuffled:
            order = torch.randperm(len(x), generator=torch_stream(seed, "batches", epoch)).to(
                x.device
            )
            shuffled.clear()
            shuffled[epoch] = list(
                zip(x[order].split(batch_size), y[order].split(batch_size), strict=True)
            )
        return shuffled[epoch][position]

    return batch


def heldout(
    f: Function, half_width: float, task: FunctionTask, n: int, device: torch.device
) -> Callable[[nn.Module], dict[str, float]]:
    """The evaluation on `n` fixed points: "excess_loss" on f, "loss" on its noisy values.

    With one input, the points are the midpoints of `n` equal cells; with more, they are uniform
    random points. The noise is scaled to a mean square of exactly noise_sd^2, so that the floor of
    "loss" is exactly that number. Beyond it, the two losses differ only by the chance correlation
    of error and noise.
    """
    rng = torch_stream(HELDOUT_SEED, "heldout")
    x = grid(n, half_width) if task.n_inputs == 1 else uniform(n, task.n_inputs, half_width, rng)
    y = f(x).double()
    noise = torch.randn(n, 1, generator=rng, dtype=torch.float64)
    noisy = y + task.noise_sd * noise / noise.square().mean().sqrt()
    x, y, noisy = x.to(device), y.to(device), noisy.to(device)

    def evaluate(model: nn.Module) -> dict[str, float]:
        with torch.inference_mode():
            prediction = model(x).double()
            return {
                "loss": functional.mse_loss(prediction, noisy).item(),
                "excess_loss": functional.mse_loss(prediction, y).item(),
            }

    return evaluate


def grid(n: int, half_width: float) -> Tensor:
    """The midpoints of `n` equal cells of [-half_width, half_width], shape (n, 1)."""
    return (((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1) * half_width).float()[
        :, None
    ]


def uniform(n: int, n_inputs: int, half_width: float, rng: torch.Generator) -> Tensor:
    """`n` points of the cube [-half_width, half_width]^n_inputs, shape (n, n_inputs)."""
    return (2 * torch.rand(n, n_inputs, generator=rng) - 1) * half_width
