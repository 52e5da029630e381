"""Tables from files: CSV and its relatives, JSON lines, Parquet."""

import warnings
from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import read_parquet

READABLE = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")


def read_table(path: str | Path):
    """A pandas DataFrame of the file's rows, its cells as they stand in the file.

    Parameters
    ----------
    path : path
        Ends in .csv, .tsv, .txt (comma, semicolon or tab, whichever the header has most of),
        .jsonl, .ndjson or .parquet.

    Raises
    ------
    UserError
        The file is missing, empty, unreadable, or not what its name says.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in READABLE:
        raise UserError(str(path), [f"a table ends in {', '.join(READABLE)}; got {kind or 'none'}"])
    if kind == ".parquet":
        return read_parquet(path)
    text = _text(path)
    if kind in (".jsonl", ".ndjson"):
        return _json_lines(path, text)
    return _separated(path, text)


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(str(path), [f"could not be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise UserError(str(path), [f"is no text in UTF-8 (byte {error.start})"]) from error
    if not text.strip():
        raise UserError(str(path), ["is empty"])
    if "\0" in text:
        raise UserError(str(path), ["is no text: it holds zero bytes"])
    return text


def _separated(path: Path, text: str):
    import csv
    import io

    import pandas as pd

    header = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
    problems = [
        f"the header names column {name!r} {names.count(name)} times"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if problems:
        raise UserError(str(path), problems)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text), sep=separator, skipinitialspace=True, index_col=False
            ).rename(columns=str.strip)
    except (ValueError, pd.errors.ParserError, csv.Error) as error:
        raise UserError(str(path), [f"could not be read as a table: {_line(error)}"]) from error


def _json_lines(path: Path, text: str):
    import json

    import pandas as pd

    rows, problems = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number} is no JSON: {_line(error)}")
            continue
        if isinstance(row, dict):
            rows.append(row)
        else:
            problems.append(f"line {number} is no object of names and values")
    if problems:
        raise UserError(str(path), problems[:20])
    return pd.DataFrame(rows)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
