"""The same bytes from every compiler, optimisation level and instruction set that are here.

benchmarks/bytes.py does the same with more compilers, and with emulated processors.
"""

import ctypes
import platform
import subprocess

import pytest

from isoloss.native import build, compiler, target

# The arguments of a training in kernel/known.cpp, the steps last; and a hash of its losses,
# predictions, weights, gradients and moments. Every machine must find these.
GOLDEN = {
    "isoloss_known_transformer": {
        (256, 64, 64, 2, 8, 1, 32, 1, 4, 30): 0xFC77E5D04DCCDF29,
        (256, 64, 64, 2, 36, 1, 144, 1, 4, 5): 0x973567FA28D6520F,
        (97, 21, 5, 1, 12, 4, 50, 1, 3, 30): 0xF6C58A91412FB136,
        (13, 24, 12, 3, 10, 2, 40, 0, 6, 30): 0x569C001B4C637831,
        (300, 144, 144, 1, 20, 2, 12, 0, 1, 10): 0x9238C4C75E0F56D9,
    },
    "isoloss_known_mlp": {
        (1, 2, 2, 0, 128, 30): 0x3DCDEE4194091929,
        (3, 7, 1, 1, 33, 30): 0x116C049513AB5879,
        (5, 20, 3, 0, 300, 10): 0xDC84F50F0232CA25,
        (1, 64, 2, 1, 128, 5): 0x536EB01B74A01DA1,
        (2, 130, 2, 0, 600, 3): 0xDB5C75AF731947FC,
    },
}


def hashes(library: ctypes.CDLL) -> dict:
    found = {}
    for name, golden in GOLDEN.items():
        function = getattr(library, name)
        function.restype = ctypes.c_uint64
        for arguments in golden:
            function.argtypes = [ctypes.c_int64] * len(arguments)
            found[name, arguments] = f"{function(*arguments):#x}"
    return found


EXPECTED = {
    (name, arguments): f"{value:#x}"
    for name, golden in GOLDEN.items()
    for arguments, value in golden.items()
}


def test_the_kernel_that_trains_gives_the_golden_bytes():
    if build.library() is None:
        pytest.skip(f"there is no kernel: {build.why_not()}")
    assert hashes(build.library()) == EXPECTED


def test_the_kernel_for_lesser_processors_gives_the_golden_bytes():
    _, *lesser = target.runnable() or [None]
    if not lesser:
        pytest.skip("this machine has one instruction set")
    for one in lesser:
        library = next(build.built(one, build.folders()), None)
        if library is None:
            pytest.skip(f"none is built for {one.name}: python -m isoloss.native.build")
        assert hashes(compiler.load(library)) == EXPECTED, one.name


def variants():
    """Compilations without most optimisations, for the oldest processors."""
    found = {one.name: one.options for one in target.runnable()[-1:]}
    if platform.machine() == "x86_64":
        found["no fused multiply-add"] = ("-march=x86-64",)
    return found


@pytest.mark.parametrize("name", variants())
@pytest.mark.parametrize("command", compiler.compilers(), ids=lambda command: command[0])
def test_a_plain_compilation_gives_the_same_bytes(command, name, tmp_path):
    library = tmp_path / "plain.so"
    options = [*compiler.OPTIONS, "-O1", *variants()[name]]
    files = [path for path in build.sources() if path.suffix == ".cpp"]
    subprocess.run([*command, *options, *compiler.LINKING, *files, "-o", library], check=True)
    assert hashes(ctypes.CDLL(str(library))) == EXPECTED
