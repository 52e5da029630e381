"""The C++ compilers that are there, one compilation of the kernel, and its trial."""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from isoloss.native import target

ABI = 1  # isoloss_abi() returns it; it changes with the kernel's functions, and with its bits
NAMES = ("c++", "g++", "clang++")
OPTIONS = (
    *("-std=c++17", "-O3", "-fPIC"),
    # A product and a sum fuse only where the source says so: the same bits by every compiler.
    "-ffp-contract=off",
    # They change no value: a square root or a selection becomes a single instruction.
    *("-fno-math-errno", "-fno-trapping-math"),
    *("-fno-exceptions", "-fno-rtti", "-Wno-psabi"),
)
# The kernel uses nothing of the C++ library: only libc is linked then.
LINKING = ("-shared", *(("-Wl,--as-needed",) if sys.platform == "linux" else ()))
COMPILATION_S, TRIAL_S, DOWNLOAD_S = 300, 60, 900  # after that, it is taken to hang
# Trainings whose bits are known: what to call, its arguments, the hash (see kernel/known.cpp).
KNOWN = (
    ("isoloss_known_mlp", (3, 13, 2, 0, 37, 3), 0x858E39C01B8D5D19),
    ("isoloss_known_transformer", (19, 11, 7, 2, 12, 3, 20, 1, 3, 3), 0x9388FDF5C3E68164),
)
TRIAL = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from isoloss.native.compiler import load; load(sys.argv[2])"
)
# Brings a whole compiler, 0.4 GB, that is used once and thrown away. Only on Linux: a system of
# Apple that has make has a compiler.
FETCHED = "ziglang>=0.14,<1"


class NotUsable(Exception):
    """A library that must not be used; its text says why."""


def load(path: str | Path) -> ctypes.CDLL:
    """Load a library that this processor can run, and repeat the known trainings.

    Raises
    ------
    NotUsable
        It does not load, has other functions, or computes other bits.
    """
    try:
        library = ctypes.CDLL(str(path))
        abi = library.isoloss_abi()
        library.isoloss_compiler.restype = ctypes.c_char_p
        if abi != ABI:
            raise NotUsable(f"its version is {abi}, not {ABI}")
        for name, arguments, expected in KNOWN:
            function = getattr(library, name)
            function.restype = ctypes.c_uint64
            function.argtypes = [ctypes.c_int64] * len(arguments)
            if function(*arguments) != expected:
                raise NotUsable(f"{name} gives other bits than everywhere else")
    except (OSError, AttributeError) as error:
        raise NotUsable(str(error)) from error
    return library


def compilers() -> list[tuple[str, ...]]:
    """Commands of the C++ compilers of this machine: $CXX first, each program once."""
    named = []
    with contextlib.suppress(ValueError):  # quotation marks that do not close
        named = shlex.split(os.environ.get("CXX", ""))
    found = {}
    for command in ([named] if named else []) + [[name] for name in NAMES]:
        program = shutil.which(command[0])
        if program:
            # By its own path, not by the one a link points to: programs act by that name.
            found.setdefault((os.path.realpath(program), *command[1:]), (program, *command[1:]))
    return list(found.values())


@contextlib.contextmanager
def fetched(pip_options: Iterable[str] = ()) -> Iterator[tuple[str, ...]]:
    """The command of a compiler from the package index, which is removed afterwards.

    Raises
    ------
    NotUsable
        pip does not get it.
    """
    with tempfile.TemporaryDirectory(prefix="isoloss-compiler-") as folder:
        if sys.platform != "linux":
            raise NotUsable("on this system the compiler has to come with the system")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        into = ["--no-deps", "--no-compile", "--retries", "1", "--target", folder]
        reason = run([*pip, *into, *pip_options, FETCHED], DOWNLOAD_S)
        if reason is not None:
            raise NotUsable(f"pip does not get {FETCHED}: {reason}")
        yield str(Path(folder) / "ziglang" / "zig"), "c++"


def compiled(
    command: tuple[str, ...],
    instructions: target.InstructionSet,
    sources: Iterable[Path],
    folder: Path,
) -> Path:
    """Compile the sources to a library in a folder of this compilation's own; its path.

    Where this processor has the instructions, a process of its own tries the library: one that
    crashes is then only a library that is not used.

    Raises
    ------
    NotUsable
        The command does not give a library, or it fails the trial.
    """
    options, environment = instructions.options, {}
    linking = [*command, *LINKING, *options]
    if Path(command[0]).name == "zig":
        # As a linker it would first build a C and a C++ library, for minutes.
        linking = [command[0], "ld.lld", "-shared"]
        options = (f"-mcpu={instructions.zig}", "-fno-sanitize=undefined")
        environment = {f"ZIG_{which}_CACHE_DIR": str(folder) for which in ("GLOBAL", "LOCAL")}
    library = folder / "kernel.so"
    objects = {path: folder / f"{path.stem}.o" for path in sorted(sources) if path.suffix == ".cpp"}

    def compile_one(source: Path) -> None:
        into = ["-c", str(source), "-o", str(objects[source])]
        check([*command, *OPTIONS, *options, *into], COMPILATION_S, **environment)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if sys.platform == "linux" else 2) as pool:
        list(pool.map(compile_one, objects))
    files = [*map(str, objects.values()), "-o", str(library)]
    check([*linking, *files], COMPILATION_S, **environment)
    if not library.is_file():
        raise NotUsable("it wrote no library")
    if instructions in target.runnable():
        package = Path(__file__).parents[2]
        reason = run([sys.executable, "-c", TRIAL, str(package), str(library)], TRIAL_S)
        if reason is not None:
            raise NotUsable(f"its library does not work here ({reason})")
    return library


def check(command: list[str], limit_s: float, **environment: str) -> None:
    """Run a command; raise `NotUsable` if it fails."""
    reason = run(command, limit_s, **environment)
    if reason is not None:
        raise NotUsable(reason)


def run(command: list[str], limit_s: float, **environment: str) -> str | None:
    """Run a command in silence; None if it succeeds, the reason otherwise."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "LC_ALL": "C", **environment},
                start_new_session=True,
            )
        except OSError as error:
            return error.strerror or str(error)
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"it took more than {limit_s:g} s"
        finally:
            with contextlib.suppress(OSError):  # with all that it has started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        said = output.read().decode(errors="replace").strip().splitlines()
    if code == 0:
        return None
    ended = f"exit code {code}" if code > 0 else signal.Signals(-code).name
    # A traceback ends with its reason; a compiler begins with it.
    errors = (
        said[-1:]
        if code == 1 and said[:1] == ["Traceback (most recent call last):"]
        else [line for line in said if "error" in line.lower()] or said
    )
    return f"{ended}: {errors[0][:200]}" if errors else ended
