"""A fully connected network with one output."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.counting import mlp_shapes

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


class Mlp(nn.Module):
    """n_inputs - width - ... - width - 1, with an activation after each hidden layer.

    Every weight and bias starts uniform in ± 1 / sqrt(inputs of its layer). That is the range of
    torch.nn.Linear, but the values are drawn from the run's own generator.

    Parameters
    ----------
    n_inputs, width, n_hidden : int
        Inputs, units of a hidden layer, hidden layers.
    activation : str
        A key of `ACTIVATIONS`.
    generator : torch.Generator
        The source of the initial values, on the CPU.
    """

    def __init__(
        self, n_inputs: int, width: int, n_hidden: int, activation: str, generator: torch.Generator
    ):
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.layers = nn.ModuleList(
            nn.Linear(fan_in, fan_out) for fan_in, fan_out in mlp_shapes(n_inputs, width, n_hidden)
        )
        with torch.no_grad():
            for layer in self.layers:
                bound = 1 / math.sqrt(layer.in_features)
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map x of shape (batch, n_inputs) to (batch, 1)."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(functional.linear(x, layer.weight, layer.bias))
        return functional.linear(x, last.weight, last.bias)
