"""Independent streams of random numbers for the parts of a run.

A run's data, initial weights and batch order each have a stream. So a change in how one of them is
drawn leaves the others as they were.
"""

import hashlib
import math

import numpy as np

from isoloss.elementary import normal_quantile

PIECE = 2**16  # numbers that are drawn at a time: they stay in the cache


def derived_seed(*purpose: float | str) -> int:
    """A seed of 64 bits from a seed and its purpose, e.g. derived_seed(0, "data", 4096)."""
    digest = hashlib.blake2b(repr(purpose).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Stream:
    """The random numbers of one purpose, with the same bits on every machine.

    All numbers are computed from the 64-bit integers of Philox4x64-10 (Salmon et al. 2011,
    doi:10.1145/2063384.2063405), keyed by `derived_seed`.
    """

    def __init__(self, *purpose: float | str):
        self._source = np.random.Philox(key=derived_seed(*purpose))

    def integers(self, below: int, *shape: int) -> np.ndarray:
        """Integers 0 ... below - 1, int64; `below` is at most 2^31."""
        high = self._raw(shape) >> np.uint64(32)
        return ((high * np.uint64(below)) >> np.uint64(32)).astype(np.int64)

    def uniform(self, *shape: int) -> np.ndarray:
        """Uniform numbers in [0, 1), float64: multiples of 2^-53."""
        return (self._raw(shape) >> np.uint64(11)) * 2.0**-53

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normal numbers, float64: the quantiles of uniform numbers."""
        drawn = np.empty(math.prod(shape))
        for first in range(0, len(drawn), PIECE):
            piece = drawn[first : first + PIECE]
            # One half more than the integer: p is neither 0 nor 1.
            steps = self._source.random_raw(len(piece)) >> np.uint64(12)
            piece[:] = normal_quantile((steps + 0.5) * 2.0**-52)
        return drawn.reshape(shape)

    def permutation(self, n: int) -> np.ndarray:
        """The numbers 0 ... n - 1 in random order, int64."""
        return np.argsort(self._source.random_raw(n), kind="stable")

    def _raw(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._source.random_raw(math.prod(shape)).reshape(shape)


def numpy_stream(*purpose: float | str) -> np.random.Generator:
    """NumPy's generator of a stream, whose normal numbers depend on the machine in the last bit."""
    return np.random.default_rng(derived_seed(*purpose))
