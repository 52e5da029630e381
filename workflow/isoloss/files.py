"""Write files whole or not at all, with the same bytes for the same content."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isoloss.errors import UserError


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block succeeds.

    A reader sees the old file or the new one, never a part; two writers cannot mix.

    Raises
    ------
    UserError
        The folder cannot be written to, or the disk is full; `path` is unchanged.
    """
    path = Path(path)
    # On a shared filesystem, processes of two machines may have the same number.
    partial = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(str(path), [f"could not be written: {reason}"]) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal settings give equal text.

    The text has no HTML tag, because Snakemake's own report puts the params of jobs into a script.

    Raises
    ------
    ValueError
        A number is NaN or infinite.
    """
    return without_tags(json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False))


def without_tags(text: str) -> str:
    """Equivalent JSON in which no HTML tag can begin or end."""
    return text.replace("<", "\\u003c")


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, sort_keys=True, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON that `write_json` wrote.

    Raises
    ------
    UserError
        The file is missing, unreadable or no JSON (a truncated or corrupted file).
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(str(path), [f"could not be read: {error.strerror}"]) from error
    except ValueError as error:
        raise UserError(str(path), [f"is not whole JSON: {error}"]) from error


def write_parquet(path: str | Path, table) -> None:
    """Write a pandas DataFrame as Parquet without its index, whole or not at all."""
    import pyarrow

    write_arrow(path, pyarrow.Table.from_pandas(table, preserve_index=False))


def write_arrow(path: str | Path, table) -> None:
    """Write a pyarrow Table as Parquet, whole or not at all."""
    import pyarrow.parquet

    with whole(path) as partial:
        pyarrow.parquet.write_table(table.replace_schema_metadata(None), partial)


def read_parquet(path: str | Path, columns: list[str] | None = None):
    """Read a Parquet file into a pandas DataFrame.

    Raises
    ------
    UserError
        The file is missing, unreadable or no Parquet (a truncated or corrupted file).
    """
    with _parquet(path) as file:
        return file.read(columns=columns).to_pandas()


def read_arrow(path: str | Path):
    """Read a Parquet file into a pyarrow Table, without pandas.

    Raises
    ------
    UserError
        As `read_parquet`.
    """
    with _parquet(path) as file:
        return file.read()


@contextlib.contextmanager
def _parquet(path: str | Path) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    try:
        # Pages are compared with their checksums, where the file has some.
        yield pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
    except OSError as error:
        raise UserError(str(path), [f"could not be read: {error.strerror or error}"]) from error
    except pyarrow.ArrowNotImplementedError as error:
        if "64 bits" not in str(error):
            raise UserError(str(path), [f"holds what cannot be read: {error}"]) from error
        raise UserError(
            str(path),
            [
                "holds integers of 128 bits, as polars writes whole numbers of FLOP: save that "
                "column as floats, in polars with pl.col(NAME).cast(pl.Float64)"
            ],
        ) from error
    except (pyarrow.ArrowException, ValueError, LookupError, TypeError) as error:
        # pandas' own part of the metadata may be damaged, too.
        raise UserError(str(path), [f"is not whole Parquet: {error}"]) from error


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
