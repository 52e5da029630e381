"""Independent streams of random numbers for the parts of a run.

A run's data, initial weights and batch order each have a stream, so that changing how one of them
is drawn leaves the others as they were.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived_seed(*purpose: float | str) -> int:
    """64 bits for a seed and what it is for, e.g. derived_seed(0, "data", 4096)."""
    digest = hashlib.blake2b(repr(purpose).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def torch_stream(*purpose: float | str) -> "torch.Generator":
    """A generator on the CPU, so that every device sees the same numbers."""
    import torch  # tasks in closed form need no torch, which takes seconds to import

    return torch.Generator().manual_seed(derived_seed(*purpose))


def numpy_stream(*purpose: float | str) -> np.random.Generator:
    """The same for numpy; its numbers have nothing to do with those of `torch_stream`."""
    return np.random.default_rng(derived_seed(*purpose))
