"""The text of a table's file: decompressed, decoded, and out of Markdown."""

import re
from pathlib import Path

from isoloss.errors import UserError

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}
RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")


def read_text(path: Path, notes: list[str] | None = None) -> str:
    """The text of a file in UTF-8 or UTF-16, decompressed where its name says that it is.

    Where there are `notes`, the text may be in Windows' code of western Europe, too, in which Excel
    saves a CSV there; the notes say so.

    Raises
    ------
    UserError
        The file cannot be read, is empty, or is no text.
    """
    try:
        content = _bytes(path)
    except OSError as error:
        raise UserError(
            str(path), [f"could not be read: {error.strerror or str(error)}"]
        ) from error
    except (EOFError, ValueError) as error:
        raise UserError(str(path), [f"could not be decompressed: {error}"]) from error
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")  # Excel's "Unicode text"
    try:
        text = content.decode("utf-16" if wide and len(content) % 2 == 0 else "utf-8-sig")
    except UnicodeDecodeError as error:
        text = _western(content) if notes is not None and not wide else ""
        if not text:
            raise UserError(str(path), [f"is no text in UTF-8 (byte {error.start})"]) from error
        notes.append(f"the text is not in UTF-8 (byte {error.start}), and read as Windows-1252")
    if not text.strip():
        raise UserError(str(path), ["is empty"])
    if "\0" in text:
        raise UserError(str(path), ["is no text: it holds zero bytes"])
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _western(content: bytes) -> str:
    """The text in Windows-1252, "" where it would hold what no table holds."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return ""
    letters = sum(c.isalpha() for c in text if ord(c) > 127)
    others = sum(ord(c) > 127 for c in text) - letters
    plain = all(c.isprintable() or c in "\t\r\n\xa0" for c in text)
    return text if plain and letters > others and letters < len(text) / 4 else ""


def _bytes(path: Path) -> bytes:
    kind = COMPRESSED.get(path.suffix.lower())
    if kind is None:
        return path.read_bytes()
    if kind == "xz":
        import lzma

        try:
            return lzma.decompress(path.read_bytes())
        except lzma.LZMAError as error:
            raise ValueError(str(error)) from error
    import pyarrow

    with pyarrow.input_stream(str(path), compression=kind) as stream:
        return stream.read()


def without_markdown(text: str) -> tuple[str, bool]:
    """A Markdown table as lines with | between cells, and whether the text is one.

    The first table of the text is taken: a line of names, a line of dashes, and rows.
    """
    if "|" not in text:
        return text, False
    lines = text.splitlines()
    ruled = (i for i, line in enumerate(lines[1:], 1) if "|" in line and RULE.fullmatch(line))
    rule = next(ruled, None)
    if rule is None or "|" not in lines[rule - 1]:
        return text, False
    rows = [lines[rule - 1]]
    for line in lines[rule + 1 :]:
        if "|" not in line:
            break
        rows.append(line)
    cells = ([cell.strip(" *`") for cell in row.strip().strip("|").split("|")] for row in rows)
    return "\n".join("|".join(row) for row in cells) + "\n", True
