"""The network of `isoloss.models.mlp`, trained and evaluated by the kernel.

PyTorch's model is the definition. A test compares the gradients of both.
"""

from ctypes import c_double, c_int32, c_int64, c_void_p

import numpy as np

from isoloss.counting import mlp_shapes
from isoloss.native.parameters import Parameters, address, functions

ACTIVATIONS = ("tanh", "relu")
_SIGNATURES = {
    "isoloss_mlp_new": (c_void_p, [c_int64] * 3 + [c_int32]),
    "isoloss_mlp_free": (None, [c_void_p]),
    "isoloss_mlp_gradients": (c_double, [c_void_p] * 4 + [c_int64, c_void_p]),
    "isoloss_mlp_predict": (None, [c_void_p] * 3 + [c_int64, c_void_p]),
}


class Mlp(Parameters):
    """Inputs to one output, and the gradients of the mean squared error.

    Parameters
    ----------
    n_inputs, width, n_hidden : int
        Inputs, units of a hidden layer, hidden layers; at least 1 each.
    activation : str
        One of `ACTIVATIONS`.

    Raises
    ------
    MemoryError
        There is no memory for the activations.
    RuntimeError
        There is no kernel on this machine; `build.why_not` says why.

    Notes
    -----
    Two models share nothing. One model serves one thread at a time.
    """

    def __init__(self, *, n_inputs: int, width: int, n_hidden: int, activation: str):
        shapes = {}
        for i, (fan_in, fan_out) in enumerate(mlp_shapes(n_inputs, width, n_hidden)):
            shapes |= {f"layers.{i}.weight": (fan_out, fan_in), f"layers.{i}.bias": (fan_out,)}
        super().__init__(shapes)
        self.n_inputs = n_inputs
        self._library = functions(_SIGNATURES)
        self._model = self._library.isoloss_mlp_new(
            n_inputs, width, n_hidden, ACTIVATIONS.index(activation)
        )
        if not self._model:
            raise MemoryError("no memory for the activations of a network")

    def backward(self, x: np.ndarray, y: np.ndarray) -> float:
        """Set the gradients from a batch.

        Parameters
        ----------
        x : ndarray, shape (batch, n_inputs)
        y : ndarray, shape (batch, 1)

        Returns
        -------
        float
            The mean squared error of the batch.

        Raises
        ------
        ValueError
            The batch is empty or does not fit the model.
        """
        x = self._inputs(x)
        y = np.ascontiguousarray(y, np.float32)
        if len(x) == 0 or y.shape != (len(x), 1):
            raise ValueError(f"y has the shape {y.shape}, x has the shape {x.shape}")
        return self._library.isoloss_mlp_gradients(
            self._model,
            self.addresses[0],
            address(x),
            address(y),
            len(x),
            self.addresses[1],
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The outputs, shape (n, 1), for x of shape (n, n_inputs).

        Raises
        ------
        ValueError
            x does not fit the model.
        """
        x = self._inputs(x)
        y = np.empty((len(x), 1), np.float32)
        self._library.isoloss_mlp_predict(
            self._model, self.addresses[0], address(x), len(x), address(y)
        )
        return y

    def _inputs(self, x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != self.n_inputs:
            raise ValueError(f"x has the shape {x.shape}, not (n, {self.n_inputs})")
        return x

    def __del__(self):
        model, self._model = getattr(self, "_model", None), None
        if model:
            self._library.isoloss_mlp_free(model)
