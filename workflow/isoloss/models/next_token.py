"""What language models share: logits, losses, and their sums over held-out text."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# Tokens in one forward pass of an evaluation: on the CPU, their logits stay in the cache.
EVALUATION_TOKENS = {"cpu": 2048, "mps": 16384, "cuda": 32768}


class NextToken(nn.Module):
    """Token ids to logits of the next token.

    Attributes
    ----------
    tokens, output : nn.Parameter, shape (vocab_size, d_model)
        The embedding, and the output layer, which may be the embedding.
    autocast : torch.dtype or None
        The number format of the matrix products; None: the weights' own.
    """

    tokens: nn.Parameter
    output: nn.Parameter
    autocast: torch.dtype | None = None

    @abstractmethod
    def features(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Input of the output layer, (batch, time, d_model); of the `last` positions if given."""

    def forward(self, ids: Tensor, last: int | None = None) -> Tensor:
        """Logits of shape (batch, time, vocab_size) for ids of shape (batch, time)."""
        return functional.linear(self.features(ids, last), self.output)

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

    @torch.no_grad()
    def loss_by_position(self, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The sum over all sequences of the losses at each position, shape (n_targets,)."""
        sums = np.zeros(targets.shape[1])
        for part, wanted in self._parts(ids, targets):
            logits = self(part, last=wanted.shape[1])
            losses = functional.cross_entropy(logits.mT, wanted, reduction="none")
            sums += losses.double().sum(0).cpu().numpy()
        return sums

    def _parts(self, ids: np.ndarray, targets: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.tokens.device
        size = max(1, EVALUATION_TOKENS[device.type] // ids.shape[1])
        for first in range(0, len(ids), size):
            part = slice(first, first + size)
            yield on_device(ids[part], device).long(), on_device(targets[part], device).long()


def next_token_loss(model: NextToken, ids: Tensor, targets: Tensor) -> Tensor:
    """`model.loss`, compiled if the model is."""
    return model.loss(ids, targets)


class _LinearCrossEntropy(torch.autograd.Function):
    """cross_entropy(x @ weight.T, targets), with gradients computed in the forward pass.

    d loss / d logits = (softmax(logits) - onehot(target)) / n. The forward pass needs the
    probabilities anyway, and turns them into this gradient in place. So the logits, by far the
    largest array of a small model, are written once and not stored for the backward pass.

    A target of more than 103 nats has the probability 0 in float32, and the mean loss is inf.
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


def norm(x: Tensor, gain: Tensor) -> Tensor:
    """A layer norm without bias."""
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
