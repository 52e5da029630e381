"""Tables that somebody has spoilt, in every format, with what a reader must make of each.

A spoilt table has a truth: either it is as good as the whole one (SAME), or something in it is
wrong, and a reader must be told by a message that names it (NAMED).
"""

import gzip
import json
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

SAME, NAMED, BYTES = "same", "named", "bytes"
N = np.repeat([20_000_000, 70_000_000, 250_000_000, 900_000_000], 4)
D = np.tile([430_000_000, 1_900_000_000, 8_100_000_000, 36_000_000_000], 4)
NOISE = np.random.default_rng(5).standard_normal(16)
LOSS = np.round((1.7 + 406 / N**0.34 + 411 / D**0.28) * np.exp(0.003 * NOISE), 4)
COLUMNS = ("run", "n_params", "n_tokens", "val_loss")
NUMBERS = COLUMNS[1:]
NO_NUMBERS = ("n/a", "TBD", "diverged", "1.2.3", "--", "?", "12 apples", "$5", "0x1F", "#REF!",
              "#DIV/0!", "=A1*2", "yes", "True", "2024-11-28", "1;2", "[3.1]", "3.1 +- .2",
              "~", "null", "-", "N/A", "1,2,3")  # fmt: skip
BAD_NUMBERS = (0, -1, -3.2, "inf", "-inf", "nan", "1e400", 1e-50, 1e75, "1e-400")
JUNK = (b"nan", b"-1", b"1e999", b"null", b"\x00", b"\xff\xfe", b"{", b'"', b",", b";", b"\t",
        b"|", b"9" * 400, b"#", b"\n", b"\r", b"'", b"[", b"1", b".", b"e", b"-", b" ")  # fmt: skip


@dataclass
class Spoilt:
    """A table and its truth.

    Attributes
    ----------
    rows : list of dict
        Column -> cell; a missing key is a missing cell.
    truth : str
        SAME or NAMED.
    what : str
        What was done.
    names : tuple of str
        A message of a NAMED table has one of them.
    lines : list of str
        What the lines of a file of text are, where rows cannot say it ({}: as the format has them).
    """

    rows: list[dict]
    truth: str
    what: str
    names: tuple[str, ...] = ()
    lines: list = field(default_factory=list)


def whole() -> list[dict]:
    """The rows of the whole table."""
    cells = zip(N.tolist(), D.tolist(), LOSS.tolist(), strict=True)
    return [dict(zip(COLUMNS, (f"run{i}", *row), strict=True)) for i, row in enumerate(cells)]


def _name(row: int, column: str) -> tuple[str, ...]:
    return f"row {row + 1}", f"rows {row + 1}", f", {row + 1}", f"{column}'", f"line {row + 2}"


def no_number(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS)
    rows[row][column] = rng.choice(NO_NUMBERS)
    return Spoilt(rows, NAMED, "text in place of a number", _name(row, column))


def empty(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS)
    rows[row][column] = None
    return Spoilt(rows, NAMED, "an empty cell", _name(row, column))


def bad_number(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS)
    rows[row][column] = rng.choice(BAD_NUMBERS)
    return Spoilt(rows, NAMED, "an impossible number", _name(row, column))


def with_unit(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS[:2])
    value = rows[row][column]
    unit, factor = rng.choice([("M", 1e6), ("B", 1e9), (" M", 1e6), ("m", 1e6)])
    rows[row][column] = f"{value / factor:.12g}{unit}"
    return Spoilt(rows, SAME, "a cell with a unit of its own")


def other_unit(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS[:2])
    rows[row][column] = rows[row][column] * rng.choice([1e-9, 1e-6, 1e-3, 1e3, 1e6])
    return Spoilt(rows, NAMED, "a cell in another unit", _name(row, column))


def other_loss(rows, rng):
    row = rng.randrange(len(rows))
    loss = rows[row]["val_loss"]
    rows[row]["val_loss"] = rng.choice([np.exp(loss).round(3), loss * 10, loss * 1e4, loss / 10,
                                        round(loss / np.log(2), 4)])  # fmt: skip
    return Spoilt(rows, NAMED, "a loss in another unit", _name(row, "val_loss"))


def column_unit(rows, rng):
    column, factor = rng.choice([("n_params", 1e6), ("n_tokens", 1e9), ("n_tokens", 1e6)])
    for row in rows:
        row[column] = row[column] / factor
    names = (f"{column}'", f"{column} goes from", "tokens per parameter")
    return Spoilt(rows, NAMED, "a column in another unit", names)


def lost_column(rows, rng):
    column = rng.choice(NUMBERS)
    for row in rows:
        del row[column]
    return Spoilt(rows, NAMED, "a lost column", (f"for {column.removeprefix('val_')}",))


def renamed_column(rows, rng):
    column = rng.choice(NUMBERS)
    other = rng.choice([column + "x", column[1:], column.upper() + "?", "Unnamed: 3"])
    rows = [{(other if name == column else name): cell for name, cell in row.items()}
            for row in rows]  # fmt: skip
    return Spoilt(rows, NAMED, "a column of another name", (f"for {column.removeprefix('val_')}",))


def swapped_columns(rows, rng):
    for row in rows:
        row["n_params"], row["n_tokens"] = row["n_tokens"], row["n_params"]
    return Spoilt(rows, NAMED, "the names of sizes and tokens swapped", ("per parameter", "units"))


def doubled(rows, rng):
    row = rng.randrange(len(rows))
    rows.insert(rng.randrange(len(rows) + 1), dict(rows[row]))
    return Spoilt(rows, NAMED, "a row twice", ("earlier row",))


def cut_row(rows, rng):
    row, kept = rng.randrange(len(rows)), rng.randrange(1, 4)
    rows[row] = {name: rows[row][name] for name in COLUMNS[:kept]}
    return Spoilt(rows, NAMED, "a row without its end", _name(row, COLUMNS[kept]))


def swapped_cells(rows, rng):
    """Cells that differ by less than 15 are no mistake that 16 rows must show."""
    pairs = [(row, a, b) for row in range(len(rows)) for a in NUMBERS for b in NUMBERS
             if rows[row][a] > 15 * rows[row][b]]  # fmt: skip
    row, a, b = rng.choice(pairs)
    rows[row][a], rows[row][b] = rows[row][b], rows[row][a]
    return Spoilt(rows, NAMED, "two cells of a row swapped", (*_name(row, a), f"'{b}'"))


def shuffled(rows, rng):
    rng.shuffle(rows)
    order = rng.sample(COLUMNS, len(COLUMNS))
    return Spoilt([{name: row[name] for name in order} for row in rows], SAME, "another order")


def more_columns(rows, rng):
    for row in rows:
        row[rng.choice(["notes", "notes"])] = rng.choice(["", "a, b", "1.5", "ok; no"])
        row["lr"] = 1e-3
    return Spoilt(rows, SAME, "more columns")


def grouped(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS[:2])
    rows[row][column] = f"{rows[row][column]:,}".replace(",", rng.choice(["\u202f", "'", " "]))
    return Spoilt(rows, SAME, "thousands in groups")


def blanks(rows, rng):
    row, column = rng.randrange(len(rows)), rng.choice(NUMBERS[:2])
    rows[row][column] = rng.choice(["  {}", "{} ", "\u00a0{}", "+{}"]).format(rows[row][column])
    return Spoilt(rows, SAME, "blanks beside a number")


def header_again(rows, rng):
    row = rng.randrange(1, len(rows))
    rows.insert(row, dict(zip(COLUMNS, COLUMNS, strict=True)))
    return Spoilt(rows, NAMED, "the header a second time", _name(row, "n_params"))


def header_lost(rows, rng):
    lines = [[str(cell) for cell in row.values()] for row in rows]
    return Spoilt(rows, NAMED, "no header", ("no column for", "first line", "header"), lines)


def cell_more(rows, rng):
    lines = _lines(rows)
    row, place = rng.randrange(len(rows)), rng.randrange(4)
    lines[row + 1].insert(place, rng.choice(["7", "x"]))
    names = (f"line {row + 2}", f"lines {row + 2}", f"line {row + 3}", *_name(row, "val_loss"))
    return Spoilt(rows, NAMED, "a cell too many", names, lines)


def cell_less(rows, rng):
    lines = _lines(rows)
    row = rng.randrange(len(rows))
    del lines[row + 1][rng.randrange(4)]
    return Spoilt(rows, NAMED, "a cell too few", _name(row, "val_loss"), lines)


def quoted(rows, rng):
    lines = _lines(rows)
    for row in rng.sample(range(len(rows)), rng.choice([1, 2, 2])):
        lines[row + 1][0] = '"' + lines[row + 1][0]
    return Spoilt(rows, NAMED, "a quote that is not closed", ("quote", "run", "line"), lines)


def _lines(rows):
    return [list(COLUMNS), *([str(cell) for cell in row.values()] for row in rows)]


ANYWHERE = (no_number, empty, bad_number, with_unit, other_unit, other_loss, column_unit,
            lost_column, renamed_column, swapped_columns, doubled, cut_row, swapped_cells,
            shuffled, more_columns, grouped, blanks, header_again)  # fmt: skip
IN_LINES = (header_lost, cell_more, cell_less, quoted)


def delimited(sign, comma=False, quote=True):
    """A writer of rows with a sign between cells, which quotes what needs it."""

    def cell(value):
        if value is None:
            return ""
        text = f"{value:.12g}" if isinstance(value, float) else str(value)
        text = text.replace(".", ",") if comma and isinstance(value, float) else text
        return f'"{text}"' if quote and (sign in text or text.startswith('"')) else text

    def write(spoilt):
        if spoilt.lines:
            rows = [[part.replace(".", ",") if comma else part for part in line]
                    for line in spoilt.lines]  # fmt: skip
            return "\n".join(sign.join(row) for row in rows) + "\n"
        names = list(dict.fromkeys(name for row in spoilt.rows for name in row))
        rows = [[cell(row.get(name)) for name in names] for row in spoilt.rows]
        return "\n".join(sign.join(row) for row in [names, *rows]) + "\n"

    return write


def _markdown(spoilt):
    lines = delimited(" | ", quote=False)(spoilt).splitlines()
    if spoilt.lines and spoilt.what == "no header":
        return "\n".join(f"| {line} |" for line in lines) + "\n"
    rule = " | ".join(["---"] * len(lines[0].split(" | ")))
    return "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]]) + "\n"


def _nested(row):
    inner = {name: row[name] for name in NUMBERS[:2] if name in row}
    rest = {name: cell for name, cell in row.items() if name not in inner}
    return {"config": inner, **rest}


def _json_lines(make=dict):
    return lambda spoilt: "".join(json.dumps(make(row)) + "\n" for row in spoilt.rows)


def _zst(text):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(text.encode())
    return sink.getvalue().to_pybytes()


def _frame(rows):
    """A frame; columns with texts are of text alone, as Parquet wants it."""
    frame = pd.DataFrame(rows)
    for name in frame:
        if any(isinstance(cell, str) for cell in frame[name]):
            frame[name] = [None if pd.isna(cell) else str(cell) for cell in frame[name]]
    return frame


def _parquet(path, spoilt):
    _frame(spoilt.rows).to_parquet(path)


def _sqlite(path, spoilt):
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        _frame(spoilt.rows).to_sql("runs", database, index=False)
    database.close()


def _many(path, spoilt):
    """A file for each run; a line of names stands above each."""
    for old in path.parent.glob("run_*.csv"):
        old.unlink()
    lines = delimited(",")(spoilt).splitlines(keepends=True)
    for i, line in enumerate(lines[1:]):
        (path.parent / f"run_{i:03}.csv").write_text(lines[0] + line, encoding="utf-8")


def _text(make, encode=str.encode):
    return lambda path, spoilt: path.write_bytes(encode(make(spoilt)))


CSV = delimited(",")
# Format -> its file, how a table is written, and whether lines mean something.
FORMATS = {
    "CSV": ("runs.csv", _text(CSV), True),
    "TSV": ("runs.tsv", _text(delimited("\t")), True),
    "semicolons, decimal commas": ("runs.csv", _text(delimited(";", comma=True)), True),
    "Excel's CSV": (
        "runs.csv",
        _text(
            delimited(";", comma=True),
            lambda text: b"\xef\xbb\xbfsep=;\r\n" + text.replace("\n", "\r\n").encode(),
        ),
        True,
    ),
    "Excel's Unicode text": (
        "runs.txt",
        _text(delimited("\t"), lambda text: text.replace("\n", "\r\n").encode("utf-16")),
        True,
    ),
    "Markdown": ("runs.md", _text(_markdown), True),
    "JSON": ("runs.json", _text(lambda spoilt: json.dumps(spoilt.rows)), False),
    "JSON lines": ("runs.jsonl", _text(_json_lines()), False),
    "nested JSON lines": ("runs.jsonl", _text(_json_lines(_nested)), False),
    "gzip": ("runs.csv.gz", _text(CSV, lambda text: gzip.compress(text.encode(), mtime=0)), True),
    "zstd": ("runs.csv.zst", _text(CSV, _zst), True),
    "Parquet": ("runs.parquet", _parquet, False),
    "SQLite": ("runs.sqlite", _sqlite, False),
    "a glob of one file a run": ("run_*.csv", _many, False),
}


def spoil_bytes(content: bytes, rng: random.Random) -> tuple[bytes, int, int]:
    """A file's content with one or two mistakes; how many rows they may change, and lose."""
    changes, lost = rng.choice([1, 1, 2]), 0
    for _ in range(changes):
        at = rng.randrange(max(len(content), 1))
        kind = rng.choice(["cut", "flip", "drop", "twice", "junk", "swap"])
        lines = content.splitlines(keepends=True) or [b""]
        line, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        if kind == "cut":
            content, lost = content[:at], len(N)
        elif kind == "flip" and content:
            flipped = content[at] ^ (1 << rng.randrange(8))
            content = content[:at] + bytes([flipped]) + content[at + 1 :]
        elif kind == "drop":
            content = b"".join(lines[:line] + lines[line + 1 :])
        elif kind == "twice":
            content = b"".join([*lines[: line + 1], *lines[line:]])
        elif kind == "swap":
            lines[line], lines[other] = lines[other], lines[line]
            content = b"".join(lines)
        else:
            content = content[:at] + rng.choice(JUNK) + content[at + 1 :]
    return content, 2 * changes, max(lost, 2 * changes)


def made(path: Path, name: str, rng: random.Random) -> Spoilt:
    """Write a spoilt table of a format, and its truth."""
    _, write, in_lines = FORMATS[name]
    chosen = rng.choice([*ANYWHERE, *(IN_LINES * 2 if in_lines else ())])
    spoilt = chosen(whole(), rng)
    write(path, spoilt)
    return spoilt
