"""Read text from a file that may be compressed, in memory and up to a maximum size.

Nothing is unpacked onto the disk, so no name inside an archive can write outside a folder.
"""

import gzip
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from isoloss.errors import UserError

_OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open}
_ZIP = b"PK\x03\x04"


def read_text(path: str | Path, *, max_bytes: int) -> bytes:
    """The content of a file; gzip and xz, recognised by their first bytes, are decompressed.

    Raises
    ------
    UserError
        The file cannot be read, is cut off or corrupt, or holds more than `max_bytes`.
    """
    with reported(path):
        with Path(path).open("rb") as file:
            head = file.read(6)
        start = next((magic for magic in _OPENERS if head.startswith(magic)), None)
        with (_OPENERS[start] if start else open)(path, "rb") as file:
            content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UserError(str(path), [f"holds more than the {max_bytes:,} bytes allowed (max_bytes)"])
    return content


def read_members(
    path: str | Path, members: tuple[str, ...], *, max_bytes: int
) -> list[tuple[str, bytes]]:
    """The named files of a zip archive, or the single text of any other file.

    Parameters
    ----------
    path : path
        A zip archive, or a file for `read_text`.
    members : tuple of str
        Names, or patterns with * and ? (which also match a slash), of the files in the archive;
        empty for a file that is no archive.
    max_bytes : int
        The maximum size of all of them together, unpacked.

    Returns
    -------
    list of (name, content)
        Sorted by name; the name is empty for a file that is no archive.

    Raises
    ------
    UserError
        A pattern matches nothing, `members` are missing or given for no archive, a file is
        encrypted, cut off or corrupt, or the text is larger than `max_bytes`.
    """
    path = Path(path)
    with reported(path), path.open("rb") as file:
        is_zip = file.read(4) == _ZIP
    if not is_zip:
        if members:
            raise UserError(str(path), ["members: given, but the file is not a zip archive"])
        return [("", read_text(path, max_bytes=max_bytes))]
    with reported(path), zipfile.ZipFile(path) as archive:
        infos = sorted((i for i in archive.infolist() if not i.is_dir()), key=lambda i: i.filename)
        names = [info.filename for info in infos]
        if not members:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            problem = f"members: must name the files of the archive to read (there: {shown})"
            raise UserError(str(path), [problem])
        lost = [m for m in members if not any(fnmatchcase(name, m) for name in names)]
        if lost:
            raise UserError(str(path), [f"members: no file in the archive is {m!r}" for m in lost])
        chosen = [info for info in infos if any(fnmatchcase(info.filename, m) for m in members)]
        texts, left = [], max_bytes
        for info in chosen:
            if info.flag_bits & 1:
                raise UserError(str(path), [f"{info.filename} is encrypted"])
            with archive.open(info) as file:
                content = file.read(left + 1)
            if len(content) > left:
                problem = f"its members hold more than the {max_bytes:,} bytes allowed (max_bytes)"
                raise UserError(str(path), [problem])
            left -= len(content)
            texts.append((info.filename, content))
    return texts


def list_sha256(texts: Iterable[tuple[str, bytes]]) -> str:
    """The SHA-256 of the list of named texts that `sha256sum` prints, in the order given.

    It says which text an archive holds, however the archive was compressed.
    """
    digest = hashlib.sha256()
    for name, content in texts:
        digest.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


@contextmanager
def reported(path: str | Path) -> Iterator[None]:
    """Turn any error about an unreadable file into one `UserError`."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise UserError(str(path), [f"is cut off or corrupt: {error}"]) from error
    except NotImplementedError as error:
        problem = f"is compressed in a way that is not supported: {error}"
        raise UserError(str(path), [problem]) from error
    except OSError as error:
        problem = f"could not be read: {error.strerror or error}"
        raise UserError(str(path), [problem]) from error
