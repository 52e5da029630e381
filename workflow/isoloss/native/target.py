"""What this processor can run: the instruction sets that the kernel is built for."""

import contextlib
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
SYSCTL = ("sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features")


@dataclass(frozen=True)
class InstructionSet:
    """An instruction set of an architecture.

    Attributes
    ----------
    options : tuple of str
        The options by which gcc and clang compile for it.
    zig : str
        The name of the same in `zig c++ -mcpu=`; zig adds what the building machine has otherwise.
    needs : frozenset of str
        The flags of a processor that runs it, as Linux names them.
    """

    name: str
    options: tuple[str, ...] = ()
    zig: str = "baseline"
    needs: frozenset[str] = frozenset()


AVX512 = ("avx512f", "avx512vl", "avx512bw", "avx512dq")
# The best comes first. Exactly what is compiled for is asked of the processor.
ARCHITECTURES = {
    "x86_64": (
        InstructionSet(
            "avx512",
            ("-march=x86-64", "-mavx2", "-mfma", *(f"-m{flag}" for flag in AVX512)),
            "+".join(("x86_64", "avx2", "fma", *AVX512)),
            frozenset({"avx2", "fma", *AVX512}),
        ),
        InstructionSet(
            "avx2",
            ("-march=x86-64", "-mavx2", "-mfma"),
            "x86_64+avx2+fma",
            frozenset({"avx2", "fma"}),
        ),
    ),
    "aarch64": (InstructionSet("neon"),),
}
SAME = {"amd64": "x86_64", "arm64": "aarch64"}


def architecture() -> str:
    """The architecture of this process, by the name that Linux gives it."""
    machine = platform.machine().lower()
    return SAME.get(machine, machine)


def system() -> str:
    """The system and the architecture, as in `linux-x86_64`."""
    return f"{sys.platform}-{architecture()}"


def built_for() -> tuple[InstructionSet, ...]:
    """The instruction sets that the kernel is built for on this architecture, the best first."""
    is_64_bit = sys.maxsize > 2**32
    return ARCHITECTURES.get(architecture(), ()) if is_64_bit else ()


def runnable() -> list[InstructionSet]:
    """Those of `built_for` that this processor runs, the best first."""
    has = processor_flags()
    return [one for one in built_for() if one.needs <= has]


def processor_flags() -> frozenset[str]:
    """What the processor can do, as the system tells it; empty where it does not."""
    words = ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "darwin":
            asked = subprocess.run(SYSCTL, capture_output=True, text=True, timeout=10, check=False)
            words = asked.stdout
        else:
            lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
            words = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(words.lower().split())
