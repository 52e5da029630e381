"""A fully connected network with one output."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.counting import mlp_shapes
from isoloss.models.shapes import MlpShape

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


class Mlp(nn.Module):
    """n_inputs - width - ... - width - 1, with an activation after each hidden layer.

    Parameters
    ----------
    shape : MlpShape
        Its activation is a key of `ACTIVATIONS`.
    weights : mapping
        The initial weights by name, as `shape.initial` gives them.
    """

    def __init__(self, shape: MlpShape, weights: Mapping[str, np.ndarray]):
        super().__init__()
        self.activation = ACTIVATIONS[shape.activation]
        sizes = mlp_shapes(shape.n_inputs, shape.width, shape.n_hidden)
        self.layers = nn.ModuleList(nn.Linear(*size, device="meta") for size in sizes)
        initial = {name: torch.tensor(values) for name, values in weights.items()}
        self.load_state_dict(initial, assign=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map x of shape (batch, n_inputs) to (batch, 1)."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(functional.linear(x, layer.weight, layer.bias))
        return functional.linear(x, last.weight, last.bias)

    @torch.inference_mode()
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Map x of shape (n, n_inputs) to (n, 1), float32."""
        return self(torch.from_numpy(x).to(self.layers[0].weight.device)).cpu().numpy()
