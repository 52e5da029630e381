"""A GPT-style decoder: pre-norm blocks, learned positions, GELU, no biases.

Its shape is that of Radford et al. (2019) without biases. The code is written for small models on
one CPU thread. It has few operations, adds to the residual stream inside matrix products, and
computes the loss's gradient in one pass over the probabilities.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoloss import counting
from isoloss.config import runs

LOGIT_SD = 0.25  # of the untrained model: small enough that its loss is ln(vocab_size)


class Transformer(nn.Module):
    """Token ids to logits of the next token.

    Parameters
    ----------
    shape : runs.Transformer
        Layers, widths, heads and dropout. As in GPT-2 (Radford et al. 2018, Sec. 4.1), dropout acts
        on the sum of the embeddings, on the attention's weights, and on all that a block adds to
        the residual stream. It acts in training mode, with PyTorch's global random numbers.
    vocab_size : int
        Different token ids.
    context : int
        The longest sequence.
    generator : torch.Generator
        The source of the initial weights, on the CPU.

    Notes
    -----
    Position embeddings start at zero, and so do the two matrices of a block that write to the
    residual stream. So the stream starts with the tokens alone, and every block passes its input
    on. All other matrices start normal. If all matrices start at random, small models spend much of
    a short run on unlearning them: at width 16, the loss is 2.44 nats per byte after 2.5e5 bytes
    instead of 2.25.
    """

    def __init__(
        self, shape: runs.Transformer, vocab_size: int, context: int, generator: torch.Generator
    ):
        super().__init__()
        d = shape.d_model
        self.dropout = shape.dropout
        self.autocast: torch.dtype | None = None  # of the matrix products; None: the weights' own
        sd = LOGIT_SD / math.sqrt(d)
        self.tokens = _normal(vocab_size, d, sd, generator)
        self.positions = _zeros(context, d)
        self.blocks = nn.ModuleList(Block(shape, generator) for _ in range(shape.n_layer))
        self.gain = nn.Parameter(torch.ones(d))
        if shape.tie_embeddings:
            self.output = self.tokens
        else:
            self.output = _normal(vocab_size, d, sd, generator)

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


class Block(nn.Module):
    """Causal self-attention, then a feed-forward layer, each added to the residual stream."""

    def __init__(self, shape: runs.Transformer, generator: torch.Generator):
        super().__init__()
        d, d_ff = shape.d_model, counting.d_ff(shape)
        sd = 1 / math.sqrt(d)  # keeps the variance of a normalised input
        self.n_head = shape.n_head
        self.dropout = shape.dropout
        self.attention_gain = nn.Parameter(torch.ones(d))
        self.query_key_value = _normal(3 * d, d, sd, generator)
        self.attention_out = _zeros(d, d)
        self.feed_gain = nn.Parameter(torch.ones(d))
        self.feed_in = _normal(d_ff, d, sd, generator)
        self.feed_out = _zeros(d, d_ff)

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


def _normal(fan_out: int, fan_in: int, sd: float, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.empty(fan_out, fan_in).normal_(0.0, sd, generator=generator))


def _zeros(fan_out: int, fan_in: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(fan_out, fan_in))
