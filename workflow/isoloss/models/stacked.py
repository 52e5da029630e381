"""Models of one shape side by side: one product does the work of all of them.

Each parameter has the models along its first axis, R of them. Every operation keeps them apart, so
no number of one model depends on another. Alone, they are `isoloss.models.transformer` and
`isoloss.models.mlp`, which define what is computed here. There is no dropout.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from isoloss.counting import mlp_shapes
from isoloss.models.mlp import ACTIVATIONS
from isoloss.models.shapes import MlpShape, TransformerShape

Weights = Mapping[str, Tensor]  # by the names of a shape, each (R, *shape of the parameter)


class Stacked(ABC):
    """Models of one shape; their weights are arguments."""

    @abstractmethod
    def losses(self, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss of each model, shape (R,), of a batch of its own."""


class StackedTransformer(Stacked):
    """Transformers without dropout.

    Parameters
    ----------
    shape : TransformerShape
    autocast : torch.dtype, optional
        The number format of the matrix products; None: the weights' own.
    """

    def __init__(self, shape: TransformerShape, autocast: torch.dtype | None = None):
        self.shape, self.autocast = shape, autocast

    def losses(self, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats per target token.

        Parameters
        ----------
        inputs : Tensor, shape (R, batch, time), int64
        targets : Tensor, shape (R, batch, n_targets), int64
            The token after each of the last `n_targets` positions.
        """
        return self.at_targets(weights, inputs, targets).mean((1, 2))

    def at_targets(self, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy at each target, the shape of `targets`."""
        with self._mixed(inputs.device):
            logits = self.logits(weights, inputs, targets.shape[-1])
        return cross_entropy(logits if self.autocast is None else logits.float(), targets)

    def logits(self, weights: Weights, inputs: Tensor, last: int) -> Tensor:
        """Logits of shape (R, batch, last, vocab_size) of the last positions."""
        n_models, batch, time = inputs.shape
        d = self.shape.model.d_model
        own = torch.arange(n_models, device=inputs.device)[:, None, None] * self.shape.vocab_size
        x = functional.embedding(inputs + own, weights["tokens"].reshape(-1, d))
        x = (x + weights["positions"][:, None, :time]).flatten(1, 2)
        for _ in range(self.shape.model.n_applied // self.shape.model.n_layer):
            for i in range(self.shape.model.n_layer):
                x = self._block(x, weights, f"blocks.{i}.", batch)
        x = x.view(n_models, batch, time, d)[:, :, time - last :]
        features = norm(x.flatten(1, 2), weights["gain"])
        output = weights["tokens" if self.shape.model.tie_embeddings else "output"]
        return torch.bmm(features, output.mT).view(n_models, batch, last, -1)

    def _block(self, x: Tensor, weights: Weights, name: str, batch: int) -> Tensor:
        y = norm(x, weights[name + "attention_gain"])
        y = self._attend(torch.bmm(y, weights[name + "query_key_value"].mT), batch)
        x = self._add(x, y, weights[name + "attention_out"])
        y = torch.bmm(norm(x, weights[name + "feed_gain"]), weights[name + "feed_in"].mT)
        return self._add(x, functional.gelu(y), weights[name + "feed_out"])

    def _attend(self, qkv: Tensor, batch: int) -> Tensor:
        """Causal attention; heads of all models are heads of one larger batch."""
        n_models, rows, _ = qkv.shape
        n_head = self.shape.model.n_head
        heads = qkv.view(n_models * batch, rows // batch, 3, n_head, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(*heads.unbind(), is_causal=True)
        return y.transpose(1, 2).reshape(n_models, rows, -1)

    def _add(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The residual stream x plus y @ weight.T."""
        if torch.is_autocast_enabled(x.device.type):
            return x + torch.bmm(y, weight.mT)  # baddbmm would round the stream too
        return torch.baddbmm(x, y, weight.mT)

    def _mixed(self, device: torch.device):
        if self.autocast is None:
            return contextlib.nullcontext()
        # A cache of rounded weights would be part of a CUDA graph, and never be renewed.
        return torch.autocast(device.type, self.autocast, cache_enabled=False)


class StackedMlp(Stacked):
    """Fully connected networks with one output."""

    def __init__(self, shape: MlpShape):
        self.n_layers = len(mlp_shapes(shape.n_inputs, shape.width, shape.n_hidden))
        self.activation = ACTIVATIONS[shape.activation]

    def losses(self, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error; `inputs` of shape (R, batch, n_inputs), `targets` (R, batch, 1)."""
        return (self.outputs(weights, inputs) - targets).square().mean((1, 2))

    def outputs(self, weights: Weights, x: Tensor) -> Tensor:
        """Map x of shape (R, batch, n_inputs) to (R, batch, 1)."""
        for layer in range(self.n_layers):
            name = f"layers.{layer}."
            if layer:
                x = self.activation(x)
            x = torch.baddbmm(weights[name + "bias"][:, None], x, weights[name + "weight"].mT)
        return x


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (R, batch, n, vocab_size) at targets (R, batch, n)."""
    losses = functional.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
    return losses.view(targets.shape)


def norm(x: Tensor, gain: Tensor) -> Tensor:
    """A layer norm without bias of x, (R, rows, d), with gains (R, d)."""
    return functional.layer_norm(x, gain.shape[1:]) * gain[:, None]
