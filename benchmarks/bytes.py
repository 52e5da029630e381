"""The same bytes from every compiler and on every processor: the tally in docs/reliability.md.

    python benchmarks/bytes.py [--zig PATH] [--only WORD ...] [--seconds 600] [--out FILE]

Builds the kernel and bytes.cpp with each compiler that is found, for each instruction set, and
runs them: 30 steps of AdamW for some shapes of both models. Losses, predictions, weights and
moments must have the same hash. What this machine cannot run runs in an emulator of QEMU, if there
is one (Debian: qemu-user-static, g++-aarch64-linux-gnu). Clang comes from PATH, or with zig
(`pip install ziglang`), whose objects are linked by GCC.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from isoloss.native import build, compiler, target

PROGRAM = Path(__file__).with_suffix(".cpp")
COMMON = [option for option in compiler.OPTIONS if option != "-O3"]
NO_SANITIZER = ("-fno-sanitize=undefined",)
X86 = {one.name: one for one in target.ARCHITECTURES["x86_64"]}


@dataclass(frozen=True)
class Case:
    """A way to compile the program, and to run it."""

    by: str  # the compiler
    processor: str
    command: tuple[str, ...]
    options: tuple[str, ...]
    linker: tuple[str, ...]
    emulator: tuple[str, ...] = ()


def cases(zig: str | None) -> list[Case]:
    """All that this machine can compile and run; the first is what the others are compared with."""
    found = []
    for name in ("g++", "clang++"):
        if shutil.which(name) and target.architecture() == "x86_64":
            found += of_x86(name, (name,), (name,), {})
        elif shutil.which(name):
            found += [
                Case(name, f"{target.architecture()}, {level}", (name,), (level,), (name,))
                for level in ("-O3", "-O1")
            ]
    cross = "aarch64-linux-gnu-g++"
    if shutil.which(cross) and (emulator := emulated("aarch64")):
        found.append(Case(cross, "AArch64, -O3", (cross,), ("-O3",), (cross, "-static"), emulator))
    if zig:
        by, command, linker = "clang of zig", (zig, "c++"), (zig, "cc")
        if target.architecture() == "x86_64":
            names = {"": "-mcpu=x86_64"} | {name: f"-mcpu={X86[name].zig}" for name in X86}
            found += of_x86(by, command, linker, names)
        for architecture in ("aarch64", "riscv64"):
            if emulator := emulated(architecture):
                options = ("-O3", "-target", f"{architecture}-linux-musl", "-static")
                found.append(Case(by, f"{architecture}, -O3", command, options, linker, emulator))
    return found


def of_x86(
    by: str, command: tuple[str, ...], linker: tuple[str, ...], zig: dict[str, str]
) -> list[Case]:
    """The cases of one compiler for x86-64; `zig` has its names of instruction sets."""

    def case(processor, name, level, *more, emulator=()):
        own = X86[name].options if name else ("-march=x86-64",)
        chosen = (zig[name], "-target", "x86_64-linux-gnu", *NO_SANITIZER) if zig else own
        options = (level, *(more or chosen))
        return Case(by, f"{processor}, {level}", command, options, linker, emulator)

    runs = {one.name for one in target.runnable()}
    found = []
    if "avx2" in runs:
        found += [case("AVX2", "avx2", "-O3"), case("AVX2", "avx2", "-O1")]
    if "avx512" in runs:
        found.append(case("AVX-512", "avx512", "-O3"))
    found.append(case("x86-64 without FMA", "", "-O3"))
    if not zig:
        found.append(case("-march=native", "", "-O3", "-march=native"))
    if emulator := emulated("x86_64", "-cpu", "Haswell"):
        found.append(case("AVX2, emulated Haswell", "avx2", "-O3", emulator=emulator))
    return found


def emulated(architecture: str, *options: str) -> tuple[str, ...]:
    """The command of QEMU's emulator; empty where there is none."""
    for name in (f"qemu-{architecture}-static", f"qemu-{architecture}"):
        if path := shutil.which(name):
            return (path, *options)
    return ()


def hashes(case: Case, folder: Path, limit_s: float) -> dict[str, str]:
    """Compile and run: training -> hash; those that did not end in time are missing."""
    sources = [path for path in build.sources() if path.suffix == ".cpp"] + [PROGRAM]
    objects = []
    for source in sources:
        objects.append(str(folder / f"{source.stem}.o"))
        compilation = [*case.command, *COMMON, *case.options, "-c", str(source), "-o", objects[-1]]
        subprocess.run(compilation, check=True, capture_output=True, text=True)
    program = folder / "program"
    linking = [*case.linker, *objects, "-o", str(program)]
    subprocess.run(linking, check=True, capture_output=True, text=True)
    try:
        command = [*case.emulator, str(program)]
        text = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=limit_s
        ).stdout
    except subprocess.TimeoutExpired as expired:
        text = (expired.stdout or b"").decode()
    return dict(line.rsplit(": ", 1) for line in text.splitlines())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zig", help="the program zig; by default the one of PATH")
    parser.add_argument("--only", nargs="+", help="of the others, cases with one of these words")
    parser.add_argument("--seconds", type=float, default=600, help="limit of one run")
    parser.add_argument("--out", type=Path, help="a Markdown table of the tally")
    arguments = parser.parse_args()
    reference, table, differ = None, ["| compiler | built for | same bytes |", "|---|---|---|"], 0
    print(f"{platform.processor() or platform.machine()}, {platform.system()}")
    for case in cases(arguments.zig or shutil.which("zig")):
        name = f"{case.by}, {case.processor}"
        if reference and arguments.only and not any(word in name for word in arguments.only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = hashes(case, Path(folder), arguments.seconds)
            except subprocess.CalledProcessError as error:
                print(f"{name}: {error.stderr[:500]}")
                differ += 1
                continue
        reference = reference or found
        same = sum(reference[training] == value for training, value in found.items())
        differ += same < len(found)
        table.append(f"| {case.by} | {case.processor} | {same} of {len(found)} |")
        print(table[-1], flush=True)
        for training, value in found.items():
            if value != reference[training]:
                print(f"  {training}: {value}, not {reference[training]}")
    if arguments.out:
        arguments.out.write_text("\n".join(table) + "\n", encoding="utf-8")
    return min(differ, 1)


if __name__ == "__main__":
    sys.exit(main())
