"""Number formats and compilation of a model, which depend on the device.

Weights, optimiser and losses are float32 everywhere. On CUDA, matrix products are bfloat16 (float32
products may use TF32), and a run that is long enough is compiled. The CPU and Apple's MPS compute
in float32.
"""

import importlib.util
import shutil
from dataclasses import dataclass

import torch

from isoloss.constants import LAUNCH_S
from isoloss.models.next_token import NextToken

# Guesses for a data-centre GPU. No step is faster than the CPU can launch its kernels. Compilation
# takes half a minute, so it must save more of the run.
FLOPS_PER_S = 2e14
WORTH_COMPILING_S = 120.0


@dataclass(frozen=True)
class Precision:
    """Number formats and compiler of a device."""

    autocast: torch.dtype | None = None  # of the matrix products; None: float32
    compiler: str | None = None  # the backend of torch.compile; None: not compiled


def precision_for(device: torch.device, steps: int, flops: float) -> Precision:
    """The precision for a device and a run of so many steps and FLOPs."""
    if device.type != "cuda":
        return Precision()
    seconds = steps * LAUNCH_S + flops / FLOPS_PER_S
    pays = seconds > WORTH_COMPILING_S and can_compile()
    emulated = not torch.cuda.is_bf16_supported(including_emulation=False)
    return Precision(
        autocast=None if emulated else torch.bfloat16, compiler="inductor" if pays else None
    )


def can_compile() -> bool:
    """Whether PyTorch's compiler has all that it needs for a GPU."""
    compilers = any(map(shutil.which, ("cc", "gcc", "clang")))
    return compilers and importlib.util.find_spec("triton") is not None


def prepare(model: NextToken, device: torch.device, precision: Precision) -> NextToken:
    """Move a model to a device, and set its `precision`."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    model.to(device)
    model.autocast = precision.autocast
    if precision.compiler:
        model.loss = torch.compile(model.loss, backend=precision.compiler)
    return model
