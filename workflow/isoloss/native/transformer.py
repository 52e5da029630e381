"""The transformer of `isoloss.models.transformer`, trained and evaluated by the kernel.

PyTorch's model is the definition. A test compares the gradients of both. This one has no dropout.
"""

import ctypes
from ctypes import POINTER, c_double, c_int32, c_int64, c_void_p

import numpy as np

from isoloss.native.parameters import Parameters, address, functions

_SIGNATURES = {
    "isoloss_transformer_new": (c_void_p, [c_int64] * 6 + [c_int32, c_int64]),
    "isoloss_transformer_free": (None, [c_void_p]),
    "isoloss_transformer_gradients": (c_double, [c_void_p] * 4 + [c_int64] * 3 + [c_void_p]),
    "isoloss_transformer_evaluate": (
        c_double,
        [c_void_p] * 4 + [c_int64] * 3 + [POINTER(c_int64), c_void_p],
    ),
}


class Transformer(Parameters):
    """Token ids to the loss of the next token, and its gradients.

    Parameters
    ----------
    vocab_size, context, n_layer, d_model, n_head, d_ff : int
        Shape of the model; `n_head` divides `d_model`.
    tie_embeddings : bool
        Whether the output matrix is the token embedding.
    batch_size : int
        The most sequences of a `backward`; an evaluation may have more.

    Raises
    ------
    MemoryError
        There is no memory for the activations.
    ValueError
        `n_head` does not divide `d_model`.

    Notes
    -----
    Two models share nothing. One model serves one thread at a time.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        context: int,
        n_layer: int,
        d_model: int,
        n_head: int,
        d_ff: int,
        tie_embeddings: bool,
        batch_size: int,
    ):
        if d_model % n_head:
            raise ValueError(f"n_head: {n_head} does not divide d_model, {d_model}")
        d = d_model
        shapes = {"tokens": (vocab_size, d), "positions": (context, d), "gain": (d,)}
        if not tie_embeddings:
            shapes["output"] = (vocab_size, d)
        for i in range(n_layer):
            shapes |= {
                f"blocks.{i}.attention_gain": (d,),
                f"blocks.{i}.query_key_value": (3 * d, d),
                f"blocks.{i}.attention_out": (d, d),
                f"blocks.{i}.feed_gain": (d,),
                f"blocks.{i}.feed_in": (d_ff, d),
                f"blocks.{i}.feed_out": (d, d_ff),
            }
        super().__init__(shapes)
        self.vocab_size, self.context, self.batch_size = vocab_size, context, batch_size
        self._library = functions(_SIGNATURES)
        self._model = self._library.isoloss_transformer_new(
            vocab_size, context, n_layer, d, n_head, d_ff, tie_embeddings, batch_size
        )
        if not self._model:
            raise MemoryError("no memory for the activations of a transformer")

    def backward(self, ids: np.ndarray, targets: np.ndarray) -> float:
        """Set the gradients from a batch.

        Parameters
        ----------
        ids : ndarray, shape (batch, time), integers
            The model's input.
        targets : ndarray, shape (batch, n_targets), integers
            The token after each of the last `n_targets` positions of `ids`.

        Returns
        -------
        float
            The mean loss in nats per target.

        Raises
        ------
        ValueError
            The batch does not fit the model.
        """
        if len(ids) > self.batch_size:
            raise ValueError(f"{len(ids)} sequences are more than batch_size, {self.batch_size}")
        call = self._library.isoloss_transformer_gradients
        return self._call(call, ids, targets, address(self.gradients))

    def evaluate(self, ids: np.ndarray, targets: np.ndarray) -> tuple[float, int]:
        """The losses of all targets, without gradients; arguments as in `backward`.

        Returns
        -------
        float
            The sum of the losses in nats.
        int
            Sequences in which every target has the largest logit.
        """
        exact = c_int64()
        call = self._library.isoloss_transformer_evaluate
        return self._call(call, ids, targets, ctypes.byref(exact), None), exact.value

    def loss_by_position(self, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The sum over all sequences of the losses at each position, shape (n_targets,)."""
        sums = np.zeros(targets.shape[1])
        call = self._library.isoloss_transformer_evaluate
        self._call(call, ids, targets, None, address(sums))
        return sums

    def _call(self, function, ids: np.ndarray, targets: np.ndarray, *results) -> float:
        ids = np.ascontiguousarray(ids, np.int32)
        targets = np.ascontiguousarray(targets, np.int32)
        (n, time), (n_too, n_targets) = ids.shape, targets.shape
        where = address(self.parameters), address(ids), address(targets)
        loss = -1.0 if n != n_too else function(self._model, *where, n, time, n_targets, *results)
        if loss < 0:
            raise ValueError(
                f"ids of shape {ids.shape} and targets of shape {targets.shape} do not fit a "
                f"context of {self.context} and a vocabulary of {self.vocab_size}"
            )
        return loss

    def __del__(self):
        model, self._model = getattr(self, "_model", None), None
        if model:
            self._library.isoloss_transformer_free(model)
