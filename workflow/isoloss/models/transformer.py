"""A GPT-style decoder: pre-norm blocks, learned positions, GELU, no biases.

Its shape is that of Radford et al. (2019) without biases. The code is written for small models on
one CPU thread. It has few operations, adds to the residual stream inside matrix products, and
computes the loss's gradient in one pass over the probabilities.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.config import runs
from isoloss.models.shapes import TransformerShape

# Tokens in one forward pass of an evaluation: on the CPU, their logits stay in the cache.
EVALUATION_TOKENS = {"cpu": 2048, "mps": 16384, "cuda": 32768}


class Transformer(nn.Module):
    """Token ids to logits of the next token.

    Parameters
    ----------
    shape : TransformerShape
        Layers, widths, heads and dropout. As in GPT-2 (Radford et al. 2018, Sec. 4.1), dropout acts
        on the sum of the embeddings, on the attention's weights, and on all that a block adds to
        the residual stream. It acts in training mode, with PyTorch's global random numbers.
    weights : mapping
        The initial weights by name, as `shape.initial` gives them.
    """

    def __init__(self, shape: TransformerShape, weights: Mapping[str, np.ndarray]):
        super().__init__()
        self.dropout = shape.model.dropout
        self.autocast: torch.dtype | None = None  # of the matrix products; None: the weights' own
        self.tokens = parameter(weights["tokens"])
        self.positions = parameter(weights["positions"])
        blocks = range(shape.model.n_layer)
        self.blocks = nn.ModuleList(Block(shape.model, weights, f"blocks.{i}.") for i in blocks)
        self.gain = parameter(weights["gain"])
        tied = shape.model.tie_embeddings
        self.output = self.tokens if tied else parameter(weights["output"])

    def forward(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Logits of shape (batch, time, vocab_size) for ids of shape (batch, time)."""
        return functional.linear(self.features(ids, last), self.output)

    def features(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Input of the output layer, (batch, time, d_model); of the `last` positions if given."""
        batch, time = ids.shape
        x = functional.embedding(ids, self.tokens) + self.positions[:time]
        if self.training and self.dropout:
            x = functional.dropout(x, self.dropout)
        x = x.flatten(0, 1)  # positions in rows: every matrix product is a plain one
        for block in self.blocks:
            x = block(x, batch)
        x = x.view(batch, time, -1)
        if last not in (None, time):
            x = x[:, -last:]
        return _norm(x, self.gain)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats per target token, float32.

        Parameters
        ----------
        ids : Tensor, shape (batch, time), int64
            The model's input.
        targets : Tensor, shape (batch, n_targets), int64
            The token after each of the last `n_targets` positions of `ids`.
        """
        if self.autocast is not None:
            with torch.autocast(ids.device.type, self.autocast):
                logits = self(ids, last=targets.shape[1])
            return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        features = self.features(ids, last=targets.shape[1]).flatten(0, 1)
        if torch.is_grad_enabled():
            return _LinearCrossEntropy.apply(features, self.output, targets.flatten())
        return functional.cross_entropy(functional.linear(features, self.output), targets.flatten())

    @torch.no_grad()
    def loss_sum(self, ids: np.ndarray, targets: np.ndarray) -> float:
        """The sum of the losses of all targets in nats; `ids` and `targets` as in `loss`."""
        total = 0.0
        for part, wanted in self._parts(ids, targets):
            total += next_token_loss(self, part, wanted).item() * wanted.numel()
        return total

    @torch.no_grad()
    def loss_and_matches(self, ids: np.ndarray, targets: np.ndarray) -> tuple[float, int]:
        """The sum of the losses, and the number of sequences without an error.

        A sequence is without an error if each target has the largest logit.
        """
        total, matches = 0.0, 0
        for part, wanted in self._parts(ids, targets):
            logits = self(part, last=wanted.shape[1])
            total += functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), reduction="sum"
            ).item()
            matches += (logits.argmax(-1) == wanted).all(-1).sum().item()
        return total, matches

    def _parts(self, ids: np.ndarray, targets: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.tokens.device
        size = max(1, EVALUATION_TOKENS[device.type] // ids.shape[1])
        for first in range(0, len(ids), size):
            part = slice(first, first + size)
            yield on_device(ids[part], device).long(), on_device(targets[part], device).long()


class Block(nn.Module):
    """Causal self-attention, then a feed-forward layer, each added to the residual stream."""

    def __init__(self, shape: runs.Transformer, weights: Mapping[str, np.ndarray], name: str):
        super().__init__()
        self.n_head = shape.n_head
        self.dropout = shape.dropout
        self.attention_gain = parameter(weights[name + "attention_gain"])
        self.query_key_value = parameter(weights[name + "query_key_value"])
        self.attention_out = parameter(weights[name + "attention_out"])
        self.feed_gain = parameter(weights[name + "feed_gain"])
        self.feed_in = parameter(weights[name + "feed_in"])
        self.feed_out = parameter(weights[name + "feed_out"])

    def forward(self, x: Tensor, batch: int) -> Tensor:
        """Map x of shape (batch * time, d_model) to the same shape."""
        x = self._add(x, self._attend(_norm(x, self.attention_gain), batch), self.attention_out)
        hidden = functional.gelu(functional.linear(_norm(x, self.feed_gain), self.feed_in))
        return self._add(x, hidden, self.feed_out)

    def _add(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The residual stream x plus y @ weight.T, with dropout."""
        if self.training and self.dropout:
            return x + functional.dropout(functional.linear(y, weight), self.dropout)
        if torch.is_autocast_enabled(x.device.type):
            return x + functional.linear(y, weight)  # addmm would round the stream too
        return torch.addmm(x, y, weight.t())

    def _attend(self, x: Tensor, batch: int) -> Tensor:
        rows, d = x.shape
        heads = (batch, rows // batch, 3, self.n_head, d // self.n_head)
        qkv = functional.linear(x, self.query_key_value).view(heads).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(
            *qkv.unbind(), is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        return y.transpose(1, 2).reshape(rows, d)


def next_token_loss(model: Transformer, ids: Tensor, targets: Tensor) -> Tensor:
    """`model.loss`, compiled if the model is."""
    return model.loss(ids, targets)


class _LinearCrossEntropy(torch.autograd.Function):
    """cross_entropy(x @ weight.T, targets), with gradients computed in the forward pass.

    d loss / d logits = (softmax(logits) - onehot(target)) / n. The forward pass needs the
    probabilities anyway, and turns them into this gradient in place. So the logits, by far the
    largest array of a small model, are written once and not stored for the backward pass.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        probabilities = torch.mm(x, weight.t())
        torch.softmax(probabilities, -1, out=probabilities)
        at_target = targets[:, None]
        loss = probabilities.gather(1, at_target).log().mean().neg()
        gradient = probabilities.scatter_add_(
            1, at_target, probabilities.new_full(at_target.shape, -1.0)
        ).div_(len(targets))
        ctx.save_for_backward(torch.mm(gradient, weight), torch.mm(gradient.t(), x))
        return loss

    @staticmethod
    def backward(ctx, upstream: Tensor):
        gradient_x, gradient_weight = ctx.saved_tensors
        return gradient_x * upstream, gradient_weight * upstream, None


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    return functional.layer_norm(x, gain.shape, gain)


def on_device(values: np.ndarray, device: torch.device) -> Tensor:
    """An array as a tensor on a device; a GPU takes it while it computes."""
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def parameter(values: np.ndarray) -> nn.Parameter:
    """A copy of an array, to be trained."""
    return nn.Parameter(torch.tensor(values))
