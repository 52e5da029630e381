"""Read tables from files: CSV and its relatives, Markdown, JSON, SQLite, Parquet."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from isoloss import extensions
from isoloss.errors import UserError
from isoloss.files import read_parquet
from isoloss.tables.cells import DOTTED, has_decimal_commas
from isoloss.tables.records import json_lines, json_table, sqlite_table
from isoloss.tables.text import COMPRESSED, read_text, without_markdown

if TYPE_CHECKING:
    import pandas as pd

SAID = re.compile(r"sep=(.)")
SEPARATORS = ",;\t|"
TRIED = 1000  # cells of a column that are looked at
LISTED = 8  # the most lines named in one message


def read_table(path: str | Path) -> pd.DataFrame:
    """Read the rows of a file, with their cells unchanged.

    Parameters
    ----------
    path : path
        It ends in one of READERS, perhaps with .gz, .bz2, .xz or .zst after it for text. In .csv,
        .tsv and .txt, the separator is the one that the header has most of: comma, semicolon, tab
        or |. Lines that start with # above the header are skipped. A pattern such as "runs/*.csv"
        reads all files that match, with the file of each row in a column `file`.

    Raises
    ------
    UserError
        The file is missing, empty, unreadable, or of another format than its ending.
    """
    path = Path(path)
    if any(sign in str(path) for sign in "*?[") and not path.exists():
        return _matching(path)
    kind = path.suffix.lower()
    if kind in COMPRESSED and kind not in READERS:
        inner = Path(path.stem).suffix.lower()
        if READERS.get(inner) in OF_TEXT:
            return READERS[inner](path)
    if kind not in READERS:
        problem = f"a table ends in {', '.join(READERS)}; got {kind or 'none'}"
        raise UserError(str(path), [problem + ADVICE.get(kind, "")])
    return READERS[kind](path)


def _matching(pattern: Path) -> pd.DataFrame:
    """The rows of all files that match a pattern, one below the other."""
    import pandas as pd

    root = Path(pattern.anchor)
    found = sorted(root.glob(str(pattern.relative_to(root))))
    if not found:
        raise UserError(str(pattern), ["no file matches"])
    tables = []
    for name in found:
        table = read_table(name)
        if "file" not in table:
            table.insert(0, "file", name.name)
        tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    attrs = [table.attrs for table in tables]
    notes = [f"{len(found)} files, one below the other"] if len(found) > 1 else []
    whole.attrs = {**attrs[0], "notes": notes, "of_files": True}
    return whole


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


def _separated(path: Path) -> pd.DataFrame:
    """Cells between commas, semicolons, tabs or bars, below a header; `attrs` has the separator."""
    import csv
    import io

    import pandas as pd

    notes: list[str] = []
    text, is_markdown = without_markdown(read_text(path, notes))
    lines = text.splitlines(keepends=True)
    above = next((i for i, line in enumerate(lines) if not _is_skipped(line)), len(lines))
    if above == len(lines):
        raise UserError(str(path), ["holds nothing but comments"])
    above = _commented_header(lines, above)
    text = "".join(lines[above:])
    header = lines[above]
    said = SAID.fullmatch(header.strip())
    if said and above + 1 < len(lines):  # Excel's own first line
        above += 1
        text, header = "".join(lines[above:]), lines[above]
    separator = said[1] if said else max(SEPARATORS, key=header.count)
    separator = "|" if is_markdown else separator
    try:
        names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=separator))]
        while names and not names[-1]:
            names.pop()
        text = text.replace('"', "'") if is_markdown else text
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
    table.attrs |= {"separator": separator, "notes": notes}
    table.attrs["warnings"] = _cut_off(text, separator)
    return _with_groups(table, text)


def _commented_header(lines, above) -> int:
    """The line of the names of columns: the last comment, where only numbers stand below it.

    NumPy's savetxt writes "# N,D,loss", and people call a column "#params". The line loses its #.
    """
    import re

    if not above or not lines[above - 1].lstrip().startswith("#"):
        return above
    first, commented = lines[above].strip(), lines[above - 1].strip().lstrip("#").strip()
    separator = max(f"{SEPARATORS} ", key=first.count)
    cells = [cell.strip() for cell in re.split(f"[{separator}]+", first)]
    names = [name for name in re.split(f"[{separator}]+", commented) if name.strip()]
    if len(cells) < 2 or len(names) != len(cells) or not all(map(_is_number, cells)):
        return above
    lines[above - 1] = f"{commented}\n"
    return above - 1


def _cut_off(text, separator) -> list[str]:
    """A warning where the last line has no end and too short a cell."""
    if text.endswith("\n"):
        return []
    *others, last = (line.rpartition(separator)[2].strip() for line in text.split("\n"))
    others = others[1:]
    if not 0 < len(last) < min((len(one) for one in others if one), default=0):
        return []
    return [
        f"the last line does not end, and its last cell {last!r} is shorter than all above: was "
        "the file cut off?"
    ]


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
        kept["usecols"] = lambda name: name.strip() in likely
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
        if name
        else f"{names.count(name)} columns have no name (cells that were joined?): one line must "
        "name each of them"
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

    if '"' not in text and all(line.count(separator) < width for line in text.split("\n")):
        return []
    rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    found, first = [], 1
    for row in rows:
        if any(_swallows(cell, separator, width) for cell in row):
            return [
                f"line {above + first} of the file has a quote that is not closed: it takes in the "
                f"lines down to {above + rows.line_num}"
            ]
        if any(cell.strip() for cell in row[width:]):
            found.append((above + rows.line_num, separator.join(row)))
        first = rows.line_num + 1
    if not found:
        return []
    numbers = ", ".join(str(number) for number, _ in found[:LISTED])
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    commas = "decimal commas (quote them, or put ; between columns) or " if separator == "," else ""
    return [
        f"line{'s' if len(found) > 1 else ''} {numbers}{more} of the file: more cells than the "
        f"header's {width} columns, e.g. {found[0][1][:60]!r}; {commas}a column without a name?"
    ]


def _swallows(cell: str, separator: str, width: int) -> bool:
    """Whether a cell holds the end of one line and the cells of another."""
    most = max(1, width - 2)
    return "\n" in cell and any(line.count(separator) >= most for line in cell.split("\n"))


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# The ending of a file's name -> the function that reads the file.
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _separated,
    ".tsv": _separated,
    ".txt": _separated,
    ".md": _separated,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_table,
    ".parquet": read_parquet,
    ".db": sqlite_table,
    ".sqlite": sqlite_table,
    ".sqlite3": sqlite_table,
}
OF_TEXT = (_separated, json_lines, json_table)
SAVE_AS = "; save the sheet as CSV"
ADVICE = {
    ".xlsx": SAVE_AS,
    ".xls": SAVE_AS,
    ".ods": SAVE_AS,
    ".duckdb": "; write the table out: duckdb FILE \"COPY runs TO 'runs.parquet'\"",
    ".pkl": "; a pickle may run code: write it with DataFrame.to_parquet",
    ".feather": "; write it with DataFrame.to_parquet",
    ".arrow": "; write it with DataFrame.to_parquet",
}
