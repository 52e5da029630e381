"""Read tables from files: CSV and its relatives, JSON lines, Parquet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from isoloss import extensions
from isoloss.errors import UserError
from isoloss.files import read_parquet
from isoloss.tables.cells import DOTTED, has_decimal_commas

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t|"
TRIED = 1000  # cells of a column that are looked at
LISTED = 8  # the most lines named in one message


def read_table(path: str | Path) -> pd.DataFrame:
    """Read the rows of a file, with their cells unchanged.

    Parameters
    ----------
    path : path
        It ends in .csv, .tsv, .txt, .jsonl, .ndjson, .parquet, or an ending that an extension has
        registered. In .csv, .tsv and .txt, the separator is the one that the header has most of:
        comma, semicolon, tab or |. Lines that start with # above the header are skipped.

    Raises
    ------
    UserError
        The file is missing, empty, unreadable, or of another format than its ending.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in READERS:
        raise UserError(str(path), [f"a table ends in {', '.join(READERS)}; got {kind or 'none'}"])
    return READERS[kind](path)


def register(ending: str, read: Callable[[Path], pd.DataFrame]) -> None:
    """Add a format of tables from outside the package.

    Parameters
    ----------
    ending : str
        The end of such files' names: a dot and small letters.
    read : callable
        Returns the rows of a file, with a name for each column; raises UserError if it cannot.

    Raises
    ------
    UserError
        A format of that ending exists already, or `ending` is no dot and small letters.
    """
    if not (
        isinstance(ending, str)
        and ending.startswith(".")
        and Path(f"x{ending}").suffix == ending.lower()
    ):
        raise UserError("table", [f"an ending must be a dot and small letters, got {ending!r}"])
    extensions.add(READERS, ending, read, "format of tables")


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


def _separated(path: Path) -> pd.DataFrame:
    """Cells between commas, semicolons, tabs or bars, below a header; `attrs` has the separator."""
    import csv
    import io

    import pandas as pd

    text = _text(path)
    lines = text.splitlines(keepends=True)
    above = next((i for i, line in enumerate(lines) if not _is_skipped(line)), len(lines))
    if above == len(lines):
        raise UserError(str(path), ["holds nothing but comments"])
    text = "".join(lines[above:])
    header = lines[above]
    separator = max(SEPARATORS, key=header.count)
    try:
        names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=separator))]
        while names and not names[-1]:
            names.pop()
        problems = _header_problems(names) or _surplus(text, separator, len(names), above)
        if problems:
            raise UserError(str(path), problems)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text), sep=separator, skipinitialspace=True, index_col=False
            ).rename(columns=str.strip)
    except (ValueError, pd.errors.ParserError, csv.Error) as error:
        raise UserError(str(path), [f"could not be read as a table: {_line(error)}"]) from error
    table.attrs["separator"] = separator
    return _with_groups(table, text)


def _with_groups(table, text):
    """The table with the texts of columns such as 25.000, which may be thousands in groups.

    `attrs` says whether the file has decimal commas ("dotted"), and the columns ("grouped") that
    are read as numbers because it has none.
    """
    import io

    import pandas as pd

    separator = table.attrs["separator"]
    likely = [c for c in table if table[c].dtype.kind == "f" and _may_be_groups(table[c])]
    texts = [c for c in table if table[c].dtype.kind not in "fiub"]
    cells = {c: [x.strip() for x in table[c].head(TRIED) if isinstance(x, str)] for c in texts}
    dotted = separator == ";" and any(map(has_decimal_commas, cells.values()))
    if likely:
        kept = {"sep": separator, "skipinitialspace": True, "index_col": False, "dtype": str}
        raw = pd.read_csv(io.StringIO(text), **kept).rename(columns=str.strip)[likely]
        likely = [c for c in likely if raw[c].dropna().str.strip().str.fullmatch(DOTTED).all()]
        if dotted:
            table = table.assign(**{c: raw[c] for c in likely})
    table.attrs |= {"separator": separator, "dotted": dotted, "grouped": [] if dotted else likely}
    return table


def _may_be_groups(column) -> bool:
    """Whether numbers are as 25.000 is read: below a thousand, with at most three decimals."""
    import numpy as np

    numbers = column.dropna().to_numpy()
    thousands = numbers * 1e3
    return bool(len(numbers) and np.all((numbers > 0) & (numbers < 1e3))
                and np.allclose(thousands, np.round(thousands), rtol=1e-12, atol=1e-9))  # fmt: skip


def _is_skipped(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _header_problems(names) -> list[str]:
    problems = [
        f"the header names column {name!r} {names.count(name)} times"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if len(names) < 2:
        problems.append(
            f"the header {' '.join(names)!r} is one column; comma, semicolon, tab or | must "
            "stand between columns"
        )
    elif all(_is_number(name) for name in names):
        problems.append(
            f"the first line holds numbers, not the names of columns: {', '.join(names)}"
        )
    return problems


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _surplus(text, separator, width, above) -> list[str]:
    """Lines with more cells than the header has columns, often because of decimal commas."""
    import csv
    import io

    rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    found = [
        (above + rows.line_num, separator.join(row))
        for row in rows
        if any(cell.strip() for cell in row[width:])
    ]
    if not found:
        return []
    numbers = ", ".join(str(number) for number, _ in found[:LISTED])
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    commas = "decimal commas (quote them, or put ; between columns) or " if separator == "," else ""
    return [
        f"line{'s' if len(found) > 1 else ''} {numbers}{more} of the file: more cells than the "
        f"header's {width} columns, e.g. {found[0][1][:60]!r}; {commas}a column without a name?"
    ]


def _json_lines(path: Path) -> pd.DataFrame:
    import json

    import pandas as pd

    rows, problems = [], []
    for number, line in enumerate(_text(path).splitlines(), start=1):
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


# The ending of a file's name -> the function that reads the file.
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _separated,
    ".tsv": _separated,
    ".txt": _separated,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": read_parquet,
}
