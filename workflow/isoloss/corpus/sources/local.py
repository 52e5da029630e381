"""Find, hash and measure files on this machine.

This module is fast (no numpy, no decompression), because it runs while a study is planned.
"""

import glob
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from isoloss.corpus import split
from isoloss.corpus.sources.base import Content, LocalFile, NotAtHand

COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ\x00")  # gzip, xz


def local_content(
    found: Sequence[tuple[str, Path]],
    problems: list[str],
    where: str,
    *,
    heldout_share: float,
    read: Callable[[Path], bytes] | None = None,
) -> Content:
    """The content of local files: their SHA-256 and sizes.

    Parameters
    ----------
    found : sequence of (name, path)
        Sorted by name.
    problems : list of str
        Problems found so far.
    read : callable, optional
        Returns the text of a file, where that differs from the file's bytes.

    Raises
    ------
    NotAtHand
        There are problems, or a file cannot be read.
    """
    files = []
    for name, path in found:
        try:
            files.append(hashed(name, path, read))
        except OSError as error:
            problems.append(f"paths: {name!r} could not be read: {error.strerror or error}")
    if problems:
        raise NotAtHand(where, problems)
    files = [file for file in files if file.n_bytes]
    packed = read is None and any(_is_compressed(file.path) for file in files)
    train, heldout = (None, None) if packed else _sizes(files, heldout_share)
    return Content(
        sha256=content_sha256(files),
        n_train_bytes=train,
        n_heldout_bytes=heldout,
        files=tuple(files),
    )


def hashed(name: str, path: Path, read: Callable[[Path], bytes] | None) -> LocalFile:
    """Size and SHA-256 of a file, read once; of the text that `read` returns, if `read` is given.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    if read:
        content = read(path)
        digest, size = hashlib.sha256(content).hexdigest(), len(content)
    else:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    return LocalFile(name=name, path=path, n_bytes=size, sha256=digest)


def content_sha256(files: Sequence[LocalFile]) -> str:
    """SHA-256 of one file; of several, that of their list as `sha256sum` prints it, by name."""
    if len(files) == 1:
        return files[0].sha256
    listing = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()


def _sizes(files: Sequence[LocalFile], heldout_share: float) -> tuple[int, int]:
    """Bytes of text to train on, and held out."""
    if len(files) == 1:
        size = files[0].n_bytes
        cut = split.cut_position(size, heldout_share)
        with files[0].path.open("rb") as file:
            file.seek(max(cut - 3, 0))
            cut -= split.whole_character(file.read(min(cut, 3) + 1)) if cut < size else 0
        return cut, size - cut
    held = split.heldout_names((file.name for file in files), heldout_share)
    parts: list[list[int]] = [[], []]
    for file in files:
        parts[file.name in held].append(file.n_bytes)
    train, heldout = (sum(part) + len(part) - 1 for part in parts)  # and the separators
    return train, heldout


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith(COMPRESSED)


def matching_files(
    patterns: Sequence[str], root: str | Path
) -> tuple[list[tuple[str, Path]], list[str]]:
    """The files that paths and globs match, each once and sorted by name, and the problems.

    A relative pattern starts at `root`, and ** goes through folders. Only a pattern with the dot
    matches a name that starts with a dot. A file's name is its path relative to `root`. Empty files
    that a glob matches are skipped.
    """
    found: dict[str, Path] = {}
    problems = []
    for number, pattern in enumerate(patterns):
        try:
            matches, problem = _matching(pattern, root)
        except OSError as error:  # a folder without permission, or a name that is too long
            shown = pattern if len(pattern) <= 200 else f"{pattern[:200]}..."
            matches, problem = [], f"{shown!r} could not be read: {error.strerror or error}"
        if problem:
            problems.append(f"paths[{number}]: {problem}")
        found |= {Path(os.path.relpath(match, root)).as_posix(): match for match in matches}
    return sorted(found.items()), problems


def _matching(pattern: str, root: str | Path) -> tuple[list[Path], str | None]:
    """The files that one pattern matches, and its problem or None."""
    path = Path(root, pattern)
    if path.is_dir():
        inside = f"{pattern.rstrip('/')}/**/*.txt"
        return [], f"{pattern!r} is a folder; name its files by a glob such as {inside!r}"
    if path.is_file():
        return [path], None if path.stat().st_size else f"{pattern!r} is an empty file"
    if not glob.has_magic(pattern):
        return [], f"there is no file {pattern!r} (looked from {root})"
    # Path.glob takes no absolute pattern
    globbed = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
    existing = [Path(root, match) for match in globbed if Path(root, match).is_file()]
    if not existing:
        return [], f"no file matches {pattern!r} (looked from {root})"
    matches = [match for match in existing if match.stat().st_size]
    return matches, None if matches else f"every file that matches {pattern!r} is empty"
