"""Independent streams of random numbers for the parts of a run.

A run's data, initial weights and batch order each have a stream. So a change in how one of them is
drawn leaves the others as they were.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived_seed(*purpose: float | str) -> int:
    """A seed of 64 bits from a seed and its purpose, e.g. derived_seed(0, "data", 4096)."""
    digest = hashlib.blake2b(repr(purpose).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def torch_stream(*purpose: float | str) -> "torch.Generator":
    """PyTorch's generator of a stream, on the CPU, so that every device gets the same numbers."""
    import torch  # tasks in closed form need no torch, which takes seconds to import

    return torch.Generator().manual_seed(derived_seed(*purpose))


def numpy_stream(*purpose: float | str) -> np.random.Generator:
    """NumPy's generator of a stream; its numbers are independent of `torch_stream`."""
    return np.random.default_rng(derived_seed(*purpose))
