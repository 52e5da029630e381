"""A GPT-style decoder: pre-norm blocks, learned positions, GELU, no biases.

Its shape is that of Radford et al. (2019) without biases. The code is written for small models on
one CPU thread. It has few operations, adds to the residual stream inside matrix products, and
computes the loss's gradient in one pass over the probabilities.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss.config import runs
from isoloss.models.next_token import NextToken, norm, parameter
from isoloss.models.shapes import TransformerShape


class Transformer(NextToken):
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
        self.n_loop = shape.model.n_applied // shape.model.n_layer
        self.tokens = parameter(weights["tokens"])
        self.positions = parameter(weights["positions"])
        blocks = range(shape.model.n_layer)
        self.blocks = nn.ModuleList(Block(shape.model, weights, f"blocks.{i}.") for i in blocks)
        self.gain = parameter(weights["gain"])
        tied = shape.model.tie_embeddings
        self.output = self.tokens if tied else parameter(weights["output"])

    def features(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Input of the output layer, (batch, time, d_model); of the `last` positions if given."""
        batch, time = ids.shape
        x = functional.embedding(ids, self.tokens) + self.positions[:time]
        if self.training and self.dropout:
            x = functional.dropout(x, self.dropout)
        x = x.flatten(0, 1)  # positions in rows: every matrix product is a plain one
        for _ in range(self.n_loop):
            for block in self.blocks:
                x = block(x, batch)
        x = x.view(batch, time, -1)
        if last not in (None, time):
            x = x[:, -last:]
        return norm(x, self.gain)


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
        x = self._add(x, self._attend(norm(x, self.attention_gain), batch), self.attention_out)
        hidden = functional.gelu(functional.linear(norm(x, self.feed_gain), self.feed_in))
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
