"""AdamW, clipping and the gradient noise scale, for every model of the kernel."""

import ctypes
import functools
from ctypes import POINTER, c_double, c_int64, c_void_p

import numpy as np

from isoloss.native.parameters import Parameters, address, functions

_SIGNATURES = {
    "isoloss_adamw": (None, [c_void_p] * 6 + [c_int64] * 2 + [c_double] * 6),
    "isoloss_noise": (None, [c_void_p] * 2 + [c_int64] + [POINTER(c_double)] * 2),
}


@functools.cache
def _library() -> ctypes.CDLL:
    return functions(_SIGNATURES)


def update(
    model: Parameters,
    *,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    clip_norm: float | None,
) -> None:
    """One step of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, Algorithm 2), in place.

    Parameters
    ----------
    model : Parameters
        Its gradients are set. Only parameters with two or more dimensions decay.
    step : int
        The number of this step; the first is 1.
    lr, beta1, beta2, eps, weight_decay : float
        As in `torch.optim.AdamW`.
    clip_norm : float, optional
        The gradients act as if scaled down to a total norm of at most this. None: unscaled.
    """
    _library().isoloss_adamw(
        *model.addresses,
        len(model.sizes),
        step,
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        0.0 if clip_norm is None else clip_norm,
    )


def noise(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Sums over two flat float32 arrays: of a * b, and of (a - b)^2, for the gradient noise scale.

    References
    ----------
    .. [1] McCandlish et al. (2018), arXiv:1812.06162, App. A.1.
    """
    dot, square = c_double(), c_double()
    _library().isoloss_noise(
        address(first), address(second), len(first), ctypes.byref(dot), ctypes.byref(square)
    )
    return dot.value, square.value
