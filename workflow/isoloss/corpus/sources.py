"""Where text comes from on this machine: the standard library's sources, and files by name.

Everything here is cheap (no numpy, no decompression): it runs while a study is planned.
"""

import glob
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Parts that a distribution may split off (Debian, Fedora: tkinter, turtle, idlelib, distutils,
# lib2to3, venv, ensurepip, ctypes.macholib) or that are written by a machine (encodings: tables;
# pydoc_data: the manual), so that one Python version gives the same text wherever it runs.
LEFT_OUT = {"distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "macholib", "pydoc_data"}
LEFT_OUT |= {"test", "tests", "tkinter", "turtle", "turtledemo", "venv", "__pycache__"}


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """One file of a corpus, as it lies on the disk."""

    name: str  # relative, with forward slashes: the same on every machine
    path: Path
    n_bytes: int
    sha256: str


def stdlib_files(folder: str | Path | None = None) -> list[tuple[str, Path]]:
    """The standard library's own sources, sorted by name.

    A module counts if `sys.stdlib_module_names` (the same list on every platform) holds it and
    `LEFT_OUT` does not hold a part of its path.
    """
    folder = Path(folder or Path(os.__file__).parent)
    found = []
    for current, folders, files in os.walk(folder):
        inside = PurePosixPath(Path(current).relative_to(folder).as_posix())
        top_level = current == str(folder)
        folders[:] = [
            name
            for name in folders
            if name not in LEFT_OUT and (not top_level or name in sys.stdlib_module_names)
        ]
        for name in files:
            stem, dot, ending = name.rpartition(".")
            known = not top_level or stem in sys.stdlib_module_names
            if ending == "py" and dot and known and stem not in LEFT_OUT:
                found.append((str(inside / name), Path(current, name)))
    return sorted(found)


def read_source(path: Path) -> bytes:
    """A Python source's bytes with line ends as they are in Python's own repository."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def matching_files(
    patterns: tuple[str, ...], root: str | Path
) -> tuple[list[tuple[str, Path]], list[str]]:
    """The files that paths and globs name, once each and sorted by name, and what is wrong.

    A relative pattern starts at `root`; ** goes through folders; a name that starts with a dot
    is matched only by a pattern that says so. A file's name is its path relative to `root`.
    Empty files that a glob finds are passed over.
    """
    found: dict[str, Path] = {}
    problems = []
    for number, pattern in enumerate(patterns):
        try:
            matches, problem = _matching(pattern, root)
        except OSError as error:  # a folder that one may not enter, or a name that is too long
            shown = pattern if len(pattern) <= 200 else f"{pattern[:200]}..."
            matches, problem = [], f"{shown!r} could not be read: {error.strerror or error}"
        if problem:
            problems.append(f"paths[{number}]: {problem}")
        found |= {Path(os.path.relpath(match, root)).as_posix(): match for match in matches}
    return sorted(found.items()), problems


def _matching(pattern: str, root: str | Path) -> tuple[list[Path], str | None]:
    """The files that one pattern names, and what is wrong."""
    path = Path(root, pattern)
    if path.is_dir():
        inside = f"{pattern.rstrip('/')}/**/*.txt"
        return [], f"{pattern!r} is a folder; name its files by a glob such as {inside!r}"
    if path.is_file():
        return [path], None if path.stat().st_size else f"{pattern!r} is an empty file"
    if not glob.has_magic(pattern):
        return [], f"there is no file {pattern!r} (looked from {root})"
    # Path.glob takes no pattern that is absolute
    globbed = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    existing = [Path(root, match) for match in globbed if Path(root, match).is_file()]
    if not existing:
        return [], f"no file matches {pattern!r} (looked from {root})"
    matches = [match for match in existing if match.stat().st_size]
    return matches, None if matches else f"every file that matches {pattern!r} is empty"


def hashed(name: str, path: Path, *, is_source: bool) -> LocalFile:
    """Look at a file's content once: its size and its SHA-256 (of a source, as `read_source`).

    Raises
    ------
    OSError
        The file cannot be read.
    """
    if is_source:
        content = read_source(path)
        digest, size = hashlib.sha256(content).hexdigest(), len(content)
    else:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    return LocalFile(name=name, path=path, n_bytes=size, sha256=digest)


def content_sha256(files: list[LocalFile]) -> str:
    """One file: its SHA-256. More: that of their listing, as `sha256sum` prints it, by name."""
    if len(files) == 1:
        return files[0].sha256
    listing = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
