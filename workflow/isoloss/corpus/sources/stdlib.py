"""The source code of the running Python's standard library: text that needs no download."""

import hashlib
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from isoloss.corpus.archives import reported
from isoloss.corpus.sources.base import Content, LocalFile, Source
from isoloss.corpus.sources.local import local_content
from isoloss.errors import UserError

# Parts that a distribution may split off (Debian, Fedora: tkinter, turtle, idlelib, distutils,
# lib2to3, venv, ensurepip, ctypes.macholib) or that are written by a machine (encodings: tables;
# pydoc_data: the manual), so that one Python version gives the same text wherever it runs.
LEFT_OUT = {"distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "macholib", "pydoc_data"}
LEFT_OUT |= {"test", "tests", "tkinter", "turtle", "turtledemo", "venv", "__pycache__"}


class Stdlib(Source):
    """The standard library of the Python that runs the study."""

    kind: Literal["stdlib"]

    def content(self, root: str | Path, where: str) -> Content:
        found = stdlib_files()
        missing = "kind: this Python came without its library's sources; use kind files or url"
        return local_content(
            found,
            [] if found else [missing],
            where,
            heldout_share=self.heldout_share,
            read=read_source,
        )

    def documents(
        self, files: Sequence[LocalFile], downloads: str | Path
    ) -> list[tuple[str, bytes]]:
        return [(file.name, read_unchanged(file)) for file in files]

    def readable_name(self, files: Sequence[LocalFile]) -> str:
        return f"stdlib-py{sys.version_info.major}.{sys.version_info.minor}"

    def card(self) -> dict[str, Any]:
        return {"python_version": platform.python_version()}


def stdlib_files(folder: str | Path | None = None) -> list[tuple[str, Path]]:
    """The source files of the standard library, sorted by name.

    They belong to the modules in `sys.stdlib_module_names`, the same list on every platform. Files
    whose path has a part in `LEFT_OUT` are left out.
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
    """The bytes of a Python source file, with the line ends of Python's own repository."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def read_unchanged(file: LocalFile) -> bytes:
    """The bytes of a source file, if it is still the one that was listed.

    Raises
    ------
    UserError
        The file has changed, or cannot be read.
    """
    with reported(file.path):
        text = read_source(file.path)
    if hashlib.sha256(text).hexdigest() != file.sha256:
        raise UserError(str(file.path), ["changed while it was being read; try again"])
    return text
