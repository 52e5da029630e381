"""An extension, as a user writes one: two tasks and a law that the package does not have."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

import isoloss.laws
import isoloss.tasks
from isoloss.config.runs import Run, Stepped
from isoloss.config.section import PositiveInt, Section
from isoloss.laws import Law, Parameter, coefficient, exponent
from isoloss.tables.schema import REAL, Column
from isoloss.tasks.base import Solved, Trained, planning, small_cost


class SpectrumTask(Section):
    """A linear target with independent features, of which the i-th has the variance 1 / i**2."""

    kind: Literal["spectrum"]
    n_features: PositiveInt = 500


class Subset(Section):
    """A linear model of the first features."""

    n_features: PositiveInt


class Samples(Section):
    """How many samples there are."""

    n_samples: PositiveInt


class SpectrumRun(Run):
    """A linear regression."""

    task: SpectrumTask
    model: Subset
    data: Samples


class Spectrum(Solved):
    """Least squares on some of a target's features: the loss is the variance of the others."""

    name = "spectrum"
    Run = SpectrumRun

    def cost(self, run, vocab_size=None):
        n, p = run.data.n_samples, run.model.n_features
        return small_cost(n_params=p, steps=1, samples_per_step=n, flops_per_step=2 * n * p * p,
                          flops_per_evaluation=0)  # fmt: skip

    @planning
    def readable_name(self, run):
        return f"spectrum-p{run.model.n_features}"

    def settings_columns(self, run):
        return {"n_inputs": run.task.n_features, "n_samples": run.data.n_samples}

    def solve(self, run, seed):
        n, p = run.task.n_features, run.model.n_features
        x = np.diag(1 / np.arange(1, n + 1))
        y = x.sum(axis=1)
        coefficients, *_ = np.linalg.lstsq(x[:, :p], y, rcond=None)
        loss = float(np.sum((x[:, :p] @ coefficients - y) ** 2))
        return {"n_params": p, "n_params_non_embedding": p, "loss": loss}


class SlopeTask(Section):
    """y = 3 x, give or take a half, at x = 1."""

    kind: Literal["slope"]


class Line(Section):
    """A line through the origin."""


class SlopeRun(Run):
    """One number, trained in steps."""

    task: SlopeTask
    model: Line = Line()
    data: Samples
    training: Stepped


class Slope(Trained):
    """The slope of a line, by gradient descent: the best loss is the variance of the noise."""

    name = "slope"
    Run = SlopeRun
    measures = (Column("slope", REAL, "", "of the line"),)

    def cost(self, run, vocab_size=None):
        n = run.data.n_samples
        return small_cost(n_params=1, steps=run.training.steps, samples_per_step=n,
                          flops_per_step=6 * n, flops_per_evaluation=2 * n)  # fmt: skip

    @planning
    def readable_name(self, run):
        return f"slope-n{run.data.n_samples}"

    def build(self, run, seed, corpus, device):
        import torch

        from isoloss.tasks.problem import Problem

        n, cost = run.data.n_samples, self.cost(run)
        x, y = torch.ones(n, 1), 3 + 0.5 * (-1.0) ** torch.arange(n)[:, None]
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(model.weight)

        def loss(network, x, y):
            return torch.nn.functional.mse_loss(network(x), y)

        def evaluate(network):
            with torch.no_grad():
                return {"loss": loss(network, x, y).item(), "slope": network.weight.item()}

        return Problem(
            model=model, width=1, steps=cost.steps, batch=lambda step: (x, y), loss=loss,
            evaluate=evaluate,
            samples_per_step=n, tokens_per_step=None, flops_per_step=float(cost.flops_per_step),
            counts={"n_params": 1, "n_params_non_embedding": 1, "n_samples": n},
        )  # fmt: skip


@dataclass(frozen=True)
class Tail(Law):
    """A / (x + 1/2)**alpha: nearly the sum of 1 / i**2 over i > x, with A = alpha = 1."""

    name: str = "tail"
    formula: str = "L(x) = A / (x + 1/2)**alpha"
    source: str = "Euler and Maclaurin"
    variables: tuple[str, ...] = ("x",)
    parameters: tuple[Parameter, ...] = (
        coefficient("A", "loss", "loss at x = 1/2"),
        exponent("alpha", "how fast loss falls with x"),
    )
    linear: tuple[str, ...] = ("A",)

    def log_loss(self, theta, log_x):
        return theta[:, 0, None] - theta[:, 1, None] * np.log(np.exp(log_x["x"]) + 0.5)

    def shapes(self, log_x, log_loss):
        return np.array([[0.0, alpha] for alpha in np.geomspace(0.02, 4, 24)])

    def basis(self, theta, log_x):
        return np.exp(-theta[:, 1, None, None] * np.log(np.exp(log_x["x"]) + 0.5))


isoloss.tasks.register(Spectrum())
isoloss.tasks.register(Slope())
isoloss.laws.register(Tail())
