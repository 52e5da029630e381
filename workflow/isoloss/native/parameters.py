"""A model's parameters in one flat array, as the kernel wants them."""

import ctypes
import math
from typing import Any

import numpy as np

from isoloss.native import build

ALIGNMENT_BYTES = 64  # of a cache line and of the longest vector


def zeros(n: int) -> np.ndarray:
    """n float32 zeros that begin at a multiple of 64 bytes."""
    raw = np.zeros(4 * n + ALIGNMENT_BYTES, np.uint8)
    begin = -raw.ctypes.data % ALIGNMENT_BYTES
    return raw[begin : begin + 4 * n].view(np.float32)


def functions(signatures: dict[str, tuple[Any, list[Any]]]) -> ctypes.CDLL:
    """The kernel, with the result and arguments of some of its functions declared.

    Raises
    ------
    RuntimeError
        There is no kernel for this machine.
    """
    library = build.library()
    if library is None:
        raise RuntimeError(f"there is no kernel: {build.why_not()}")
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def address(array: np.ndarray) -> int:
    """Where a contiguous array begins, for an argument of type c_void_p."""
    return array.ctypes.data


class Parameters:
    """Parameters of a model, end to end in one array; with their gradients and moments.

    Attributes
    ----------
    names : tuple of str
        Of the parameters, in the order of `named_parameters()` of the model in PyTorch.
    shapes : tuple of tuple of int
    parameters, gradients, first_moments, second_moments : ndarray, shape (n,), float32
        All zero at first. They are written to in place; no other array can take their place.
    addresses : tuple of int
        Of these four arrays, and of `sizes` and `decays`: NumPy takes a microsecond for each.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]]):
        self.names = tuple(shapes)
        self.shapes = tuple(shapes.values())
        self.sizes = np.array([math.prod(shape) for shape in self.shapes], np.int64)
        self.decays = np.array([len(shape) >= 2 for shape in self.shapes], np.uint8)
        n = int(self.sizes.sum())
        self._arrays = zeros(n), zeros(n), zeros(n), zeros(n)
        self.addresses = tuple(map(address, (*self._arrays, self.sizes, self.decays)))

    @property
    def parameters(self) -> np.ndarray:
        return self._arrays[0]

    @property
    def gradients(self) -> np.ndarray:
        return self._arrays[1]

    @property
    def first_moments(self) -> np.ndarray:
        return self._arrays[2]

    @property
    def second_moments(self) -> np.ndarray:
        return self._arrays[3]

    def tensors(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Views of each parameter's part of a flat array, by name, in its shape."""
        ends = np.cumsum(self.sizes)
        return {
            name: flat[end - size : end].reshape(shape)
            for name, shape, size, end in zip(
                self.names, self.shapes, self.sizes, ends, strict=True
            )
        }
