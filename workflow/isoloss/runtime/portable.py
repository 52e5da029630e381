"""The processor of this machine, and switches that make PyTorch's bits depend less on it."""

import contextlib
import ctypes
import os
import platform
import sys
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# PyTorch and oneDNN choose their code by the processor. These fix it, at no cost for small models.
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
# Arrays above this size are mapped for themselves. A glibc before 2.35 refuses a higher one, and
# would then map every array of more than 128 KiB.
MAPPED_BYTES = 32 * 2**20


def portable_environment() -> dict[str, str]:
    """Variables that hold PyTorch to AVX2 on an x86 processor, without those that are set."""
    if "avx2" not in _of_first_processor("flags").split():
        return {}
    return {name: value for name, value in AVX2.items() if name not in os.environ}


def processor() -> str:
    """The model of the processor, as the system names it; its architecture where it does not."""
    return _of_first_processor("model name") or platform.machine()


def keep_freed_memory() -> None:
    """Let glibc keep up to a gigabyte that is freed.

    It would give large arrays back at once, and get them again at the next step by page faults:
    a third of the time of an evaluation by PyTorch, nine tenths of all faults of a fit. A result
    does not depend on where its arrays lie.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
            mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _of_first_processor(key: str) -> str:
    with contextlib.suppress(OSError), CPU_INFO.open() as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
