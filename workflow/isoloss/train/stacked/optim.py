"""AdamW and clipping of several models at once, each with settings of its own.

The arithmetic is that of `isoloss.train.optim`. All parameters of a model are one row of a matrix,
and all settings are columns, so that a CUDA graph can hold the whole step.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from isoloss.config.runs import Optimisation

EPS = 1e-8


class StackedAdamW:
    """AdamW over the rows of a matrix.

    Parameters
    ----------
    parameters : Tensor, shape (R, n_params)
        One row per model; updated in place.
    n_decaying : int
        The first so many columns are those of matrices, which alone decay.
    trainings : sequence of Optimisation
        The settings of each model.

    Attributes
    ----------
    first, second : Tensor, shape (R, n_params)
        Means of the gradients and of their squares.
    steps : Tensor, shape (R, 1), float64
        Steps of each model so far.
    """

    def __init__(self, parameters: Tensor, n_decaying: int, trainings: Sequence[Optimisation]):
        self.parameters, self._matrices = parameters, parameters.detach()[:, :n_decaying]

        def column(values: Sequence[float]) -> Tensor:
            # In float64, because 1 - beta2 has few digits in float32.
            return torch.tensor(values, dtype=torch.float64, device=parameters.device)[:, None]

        self._beta1 = column([training.beta1 for training in trainings])
        self._beta2 = column([training.beta2 for training in trainings])
        self._weight_decay = column([training.weight_decay for training in trainings])
        limits = [training.clip_norm or float("inf") for training in trainings]
        self._clip_norm = column(limits)
        self._clips = min(limits) < float("inf")
        self.steps = column([0.0] * len(trainings))
        self.first, self.second = torch.zeros_like(parameters), torch.zeros_like(parameters)

    @torch.no_grad()
    def step(self, gradients: Tensor, rates: Tensor) -> None:
        """Clip each row of the gradients, and update each row of the parameters.

        Parameters
        ----------
        gradients : Tensor, shape (R, n_params)
        rates : Tensor, shape (R, 1), float64
            The learning rates; a row at rate 0 keeps its parameters.
        """
        dtype = self.parameters.dtype
        if self._clips:
            gradients = gradients * self._clipping(gradients).to(dtype)
        self.steps += 1
        self.first.lerp_(gradients, (1 - self._beta1).to(dtype))
        self.second.lerp_(gradients.square(), (1 - self._beta2).to(dtype))
        sizes = rates / (1 - self._beta1**self.steps)
        roots = (1 - self._beta2**self.steps).sqrt()
        self._matrices.mul_((1 - rates * self._weight_decay).to(dtype))
        divisors = self.second.sqrt().div_(roots.to(dtype)).add_(EPS)
        self.parameters.sub_(torch.div(self.first, divisors, out=divisors).mul_(sizes.to(dtype)))

    def _clipping(self, gradients: Tensor) -> Tensor:
        """The factor of each row, at most 1."""
        norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
        factors = (self._clip_norm / (norms + 1e-6)).clamp(max=1.0)
        return torch.where(self._clip_norm.isinf(), 1.0, factors)
