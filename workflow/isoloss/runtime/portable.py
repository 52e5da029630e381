"""The processor of this machine, and switches that make PyTorch's bits depend less on it."""

import contextlib
import os
import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# PyTorch and oneDNN choose their code by the processor. These fix it, at no cost for small models.
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def portable_environment() -> dict[str, str]:
    """Variables that hold PyTorch to AVX2 on an x86 processor, without those that are set."""
    if "avx2" not in _of_first_processor("flags").split():
        return {}
    return {name: value for name, value in AVX2.items() if name not in os.environ}


def processor() -> str:
    """The model of the processor, as the system names it; its architecture where it does not."""
    return _of_first_processor("model name") or platform.machine()


def _of_first_processor(key: str) -> str:
    with contextlib.suppress(OSError), CPU_INFO.open() as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
