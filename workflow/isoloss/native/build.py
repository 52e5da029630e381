"""Find, check and load the compiled kernel; build it where there is none for this processor.

    python -m isoloss.native.build            # build it for every processor of this architecture
    python -m isoloss.native.build --fetch    # without a compiler: by one from the package index
    python -m isoloss.native.build --check    # only say whether the package holds one

A library is one file. Its name holds the system, the architecture, the instruction set, a hash of
the sources and options, and a hash of its own bytes. Only a library whose name is right in all of
them is loaded, and only on a processor that has the instructions; it then repeats trainings whose
bits are known. So results do not depend on the compiler.
"""

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from isoloss.native import compiler, target
from isoloss.native.compiler import NotUsable
from isoloss.native.target import InstructionSet

HERE = Path(__file__).parent
HASH_DIGITS = 16
TRY_AGAIN = "python -m isoloss.native.build tries again"
BUILDING = ".building-"  # begins the name of a folder in which a library is being made


def library() -> ctypes.CDLL | None:
    """The kernel for this processor, built if it has to be; None where there is none."""
    return _found()[0]


def why_not() -> str:
    """Why `library` is None, in one clause; empty where there is a kernel."""
    return _found()[1]


def facts() -> dict[str, str | int] | None:
    """What `library` is, for the record of a run; None where there is none."""
    loaded, _, instructions = _found()
    if loaded is None:
        return None
    return {
        "abi": compiler.ABI,
        "sources": fingerprint(),
        "instructions": instructions,
        "compiler": loaded.isoloss_compiler().decode(),
    }


def sources() -> list[Path]:
    """The C++ files of the kernel, sorted."""
    return sorted(path for path in (HERE / "kernel").iterdir() if path.suffix in (".cpp", ".hpp"))


@functools.cache
def fingerprint() -> str:
    """Hash of the kernel's sources and of the options that decide its bits."""
    digest = hashlib.sha256(" ".join(compiler.OPTIONS).encode())
    for path in sources():
        digest.update(f"\n{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


def folders() -> list[Path]:
    """Where libraries are looked for and built: beside this file, then in the user's cache."""
    found = [HERE / "built"]
    with contextlib.suppress(RuntimeError):  # a user without a home
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        found.append(Path(cache) / "isoloss" / "native")
    return found


@functools.cache
def _found() -> tuple[ctypes.CDLL | None, str, str]:
    """The library, why there is none, and its instruction set."""
    sets = target.runnable()
    if not sets:
        needed = " or ".join(one.name for one in target.built_for()) or "another architecture"
        return None, f"the kernel needs {needed}, and this is {target.system()}", ""
    loaded, reasons = _load_any(sets, folders()), []
    for one in sets:
        if loaded is None:
            reasons.append(build([one]))  # the best first: some compilers fail for that alone
            loaded = _load_any(sets, folders())
    if loaded is None:
        return None, reasons[0] or "the kernel that was built cannot be used", ""
    return loaded[0], "", loaded[1]


def _load_any(
    sets: Iterable[InstructionSet], where: Sequence[Path]
) -> tuple[ctypes.CDLL, str] | None:
    for one in sets:
        for path in built(one, where):
            with contextlib.suppress(NotUsable):
                return compiler.load(path), one.name
    return None


def built(instructions: InstructionSet, where: Iterable[Path]) -> Iterator[Path]:
    """The libraries for an instruction set, of these very sources, whose bytes are whole."""
    for folder in where:
        with contextlib.suppress(OSError):
            for path in sorted(folder.glob(f"{_stem(instructions)}-*.so")):
                if path.name == _name(instructions, path):
                    yield path


def _stem(instructions: InstructionSet) -> str:
    return f"kernel-{target.system()}-{instructions.name}-{fingerprint()}"


def _name(instructions: InstructionSet, path: Path) -> str:
    """What the library at `path` is to be called."""
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_DIGITS]
    return f"{_stem(instructions)}-{content}.so"


def build(
    sets: Sequence[InstructionSet],
    commands: Sequence[tuple[str, ...]] | None = None,
    where: Sequence[Path] | None = None,
    *,
    again: bool = False,
) -> str:
    """Build the libraries that are missing; why one could not be built, empty if all are there.

    Processes that build at once take turns, and the second finds what the first has built. What
    no compiler could build is remembered, and is tried again with other compilers or if `again`.

    Parameters
    ----------
    sets : sequence of InstructionSet
    commands : sequence of tuple of str, optional
        Compilers; by default all that this machine has.
    where : sequence of Path, optional
        The first folder that can be written to gets the libraries; by default of `folders`.
    again : bool
        Whether to try what failed before.
    """
    commands = compiler.compilers() if commands is None else commands
    where = folders() if where is None else where
    reason = ""
    for folder in where:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / ".lock").open("w") as lock:
                with contextlib.suppress(OSError):  # a filesystem without locks
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    for path in folder.glob(f"{BUILDING}*"):  # of a process that was killed
                        shutil.rmtree(path, ignore_errors=True)
                missing = [one for one in sets if not _is_there(one, where)]
                reasons = [_build_one(one, commands, folder, again) for one in missing]
            return next(filter(None, reasons), "")
        except OSError as error:
            reason = f"{folder} cannot be written to ({error.strerror or error})"
    return reason


def _is_there(instructions: InstructionSet, where: Sequence[Path]) -> bool:
    """Whether there is a library; one that this processor can run has to work, too."""
    if instructions in target.runnable():
        return _load_any([instructions], where) is not None
    return any(built(instructions, where))


def _build_one(
    instructions: InstructionSet, commands: Sequence[tuple[str, ...]], folder: Path, again: bool
) -> str:
    if not commands:
        return "there is no C++ compiler"
    changed_ns = [Path(command[0]).stat().st_mtime_ns for command in commands]
    of_these = hashlib.sha256(repr([commands, changed_ns]).encode()).hexdigest()[:HASH_DIGITS]
    failed = folder / f"failed-{_stem(instructions)}-{of_these}.txt"
    if failed.exists() and not again:
        return f"{failed.read_text(encoding='utf-8')} ({TRY_AGAIN})"
    reasons = []
    for command in commands:
        with tempfile.TemporaryDirectory(dir=folder, prefix=BUILDING) as own:
            try:
                made = compiler.compiled(command, instructions, sources(), Path(own))
            except NotUsable as error:
                reasons.append(f"{' '.join(command)}: {error}")
            else:
                made.replace(folder / _name(instructions, made))
                failed.unlink(missing_ok=True)
                return ""
    failed.write_text("; ".join(reasons), encoding="utf-8")
    return "; ".join(reasons)


def set_up(*, fetch: bool, pip_options: Iterable[str] = ()) -> str:
    """Build the kernel for every processor of this architecture; what came of it, in a sentence."""
    sets = target.built_for()
    reason = build(sets, again=True)
    if reason and fetch:
        with contextlib.suppress(NotUsable), compiler.fetched(pip_options) as command:
            reason = build(sets, [command], again=True)
    _found.cache_clear()
    made = facts()
    if made is None:
        return f"PyTorch trains all models, several times more slowly: {why_not()}."
    return f"Small models are trained by the kernel ({made['instructions']}, {made['compiler']})."


def main(arguments: Sequence[str]) -> int:
    """Set the kernel up: the exit code is 0 also where PyTorch has to do its work.

    What follows --fetch are options of pip. With --check nothing is built: the exit code says
    whether the package holds a kernel that works here, as a wheel should.
    """
    option, *others = arguments or [""]
    if option == "--check":
        loaded = _load_any(target.runnable(), [HERE / "built"])
        print(f"The kernel works here: {loaded[1]}." if loaded else "No kernel works here.")
        return 0 if loaded else 1
    print(set_up(fetch=option == "--fetch", pip_options=others))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
