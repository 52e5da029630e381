"""Transformers of the kernel and of PyTorch with the same weights."""

from dataclasses import dataclass

import numpy as np
import torch

from isoloss.config import runs
from isoloss.models import transformer as pytorch
from isoloss.models.shapes import TransformerShape
from isoloss.native.transformer import Transformer
from isoloss.tasks.streams import Stream


@dataclass(frozen=True)
class Shape:
    """A model and its batch; 0 targets: one at each position."""

    n_layer: int
    d_model: int
    n_head: int
    context: int
    vocab_size: int
    batch: int
    tied: bool = True
    n_targets: int = 0
    d_ff: int | None = None

    def __str__(self):
        return "-".join(f"{value}" for value in vars(self).values())


SHAPES = [
    # The default studies' own.
    *(Shape(2, d, 1, 64, 256, 4) for d in (8, 12, 16, 24, 36)),
    *(Shape(2, d, 2, 64, 256, 4) for d in (56, 92)),
    Shape(2, 16, 1, 24, 11, 8, n_targets=12),
    Shape(2, 10, 1, 40, 33, 8, n_targets=20, tied=False),
    # Odd widths, heads, contexts, vocabularies and batches.
    Shape(1, 10, 1, 8, 13, 1, tied=False),
    Shape(3, 10, 2, 12, 97, 3, n_targets=6),
    Shape(4, 12, 4, 20, 97, 3, n_targets=10, tied=False),
    Shape(2, 36, 4, 33, 13, 8, d_ff=41),
    Shape(4, 28, 2, 9, 13, 3, n_targets=4),
    Shape(1, 6, 1, 16, 2, 1, n_targets=1, d_ff=7),
    Shape(1, 92, 4, 256, 97, 1, d_ff=50, tied=False),
    Shape(2, 64, 4, 256, 97, 3),
    Shape(2, 20, 2, 128, 4096, 2),
    Shape(1, 48, 4, 64, 4096, 1, n_targets=32, tied=False),
    Shape(2, 128, 4, 64, 256, 8),
]


def both(shape: Shape) -> tuple[pytorch.Transformer, Transformer]:
    """Away from the initial weights, of which many are 0."""
    of_torch = runs.Transformer(
        n_layer=shape.n_layer,
        d_model=shape.d_model,
        n_head=shape.n_head,
        d_ff=shape.d_ff,
        tie_embeddings=shape.tied,
    )
    rng = torch.Generator().manual_seed(1)
    of = TransformerShape(model=of_torch, vocab_size=shape.vocab_size, context=shape.context)
    defined = pytorch.Transformer(of, of.initial(Stream(1)))
    with torch.no_grad():
        for name, parameter in defined.named_parameters():
            sd = (1.0 if name in ("tokens", "positions") else 0.3) / shape.d_model**0.5
            parameter.add_(sd * torch.randn(parameter.shape, generator=rng))
    ours = kernel(shape)
    for (name, parameter), own in zip(
        defined.named_parameters(), ours.tensors(ours.parameters).items(), strict=True
    ):
        assert (name, parameter.shape) == (own[0], own[1].shape)
        own[1][...] = parameter.detach().numpy()
    return defined, ours


def kernel(shape: Shape) -> Transformer:
    return Transformer(
        vocab_size=shape.vocab_size,
        context=shape.context,
        n_layer=shape.n_layer,
        d_model=shape.d_model,
        n_head=shape.n_head,
        d_ff=shape.d_ff or 4 * shape.d_model,
        tie_embeddings=shape.tied,
        batch_size=shape.batch,
    )


def batch(shape: Shape, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random ids and targets."""
    rng = np.random.default_rng(seed)
    n_targets = shape.n_targets or shape.context
    return (
        rng.integers(shape.vocab_size, size=(shape.batch, shape.context)),
        rng.integers(shape.vocab_size, size=(shape.batch, n_targets)),
    )


def flat(tensors) -> np.ndarray:
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])
