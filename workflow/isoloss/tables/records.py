"""Tables from JSON and SQLite: records, columns, or the name of what the file is instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.errors import UserError
from isoloss.tables.names import KNOWN, counts, is_loss, plain
from isoloss.tables.text import read_text

if TYPE_CHECKING:
    import pandas as pd

MOST_PROBLEMS = 20
FOR_A_TABLE = "isoloss fits a table with a row for each run: its size, its tokens and its loss"
MAKES_ONE = "isoloss import FOLDER --output runs.parquet makes one of such logs"


def json_table(path: Path) -> pd.DataFrame:
    """A list of records, a mapping of columns, or a mapping of names to records.

    Names of nested records are joined with /, as in "config/n_params".
    """
    import pandas as pd

    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines):
            return json_lines(path)
        raise UserError(str(path), [f"is no whole JSON: {_line(error)}"]) from error
    if problem := _other(content):
        raise UserError(str(path), [problem])
    if isinstance(content, dict) and content:
        content = _inner(content)
    if isinstance(content, list) and len(content) > 1 and _are_rows(content):
        return pd.DataFrame(content[1:], columns=content[0])
    if isinstance(content, list) and content and _are_records(content):
        return _flat(content)
    if isinstance(content, dict) and content:
        values = list(content.values())
        if all(isinstance(value, dict) for value in values):
            return _of_records(content)
        lengths = {len(value) if isinstance(value, list) else -1 for value in values}
        if len(lengths) == 1 and -1 not in lengths:
            return pd.DataFrame(content)
        return _flat([content])
    raise UserError(str(path), [f"is no list of records. {FOR_A_TABLE}"])


def _inner(content: dict) -> Any:
    """The table in a mapping that holds other things beside it, or the mapping."""
    if len(content) == 1:
        (only,) = content.values()
        return only if isinstance(only, list | dict) else content
    names, rows = content.get("columns"), content.get("data")  # pandas' "split"
    if isinstance(names, list) and isinstance(rows, list) and _are_rows([names, *rows]):
        return [names, *rows]
    if all(isinstance(v, list) and v and _are_records(v) for v in content.values()):
        # Records of groups, such as {"29": [...], "59": [...]}: one table, with the group's name.
        return [{"group": key} | row for key, rows in content.items() for row in rows]
    groups = {key: value for key, value in content.items() if _has_runs(value)}
    if groups and len(content) > len(groups):
        # Runs by name inside of other results, perhaps of several groups.
        return [{"group": key, "run": name} | run for key, runs in groups.items()
                for name, run in runs.items()]  # fmt: skip
    records = [value for value in content.values() if isinstance(value, list) and len(value) > 1
               and _are_records(value)]  # fmt: skip
    return records[0] if len(records) == 1 else content


def _has_runs(content) -> bool:
    """Whether this is {run: record}, where each record has a size, or tokens, and a loss."""
    if not isinstance(content, dict) or len(content) < 2:
        return False
    runs = list(content.values())
    if not all(isinstance(run, dict) and set(run) == set(runs[0]) for run in runs):
        return False
    found = {str(name) for name in runs[0]}
    sized = any(counts(of, name) or plain(name) in KNOWN[of] for name in found
                for of in ("n_params", "n_tokens"))  # fmt: skip
    return sized and any(map(is_loss, found))


def _are_records(rows: list) -> bool:
    return all(isinstance(row, dict) for row in rows)


def _are_rows(content: list) -> bool:
    """Whether lists of one length stand below a list of different names."""
    head = content[0]
    return (
        isinstance(head, list)
        and len(head) > 1
        and all(isinstance(name, str) for name in head)
        and len(set(head)) == len(head)
        and all(isinstance(row, list) and len(row) == len(head) for row in content)
    )


def _flat(rows):
    """Records as a table; those inside them become columns such as config/n_params."""
    import pandas as pd

    rows, curves = _without_curves(rows)
    whole = pd.DataFrame(rows)
    whole.attrs["notes"] = [
        f"{name!r} holds a curve, by its numbers: of each run the last is taken" for name in curves
    ]
    if not any(isinstance(value, dict) for row in rows for value in row.values()):
        return whole
    table = pd.json_normalize(rows, sep="/")
    table.attrs = whole.attrs
    known = {word for words in KNOWN.values() for word in words}
    # A record where a number should stand is told as such.
    return table.assign(**{c: whole[c] for c in whole if c not in table and plain(c) in known})


def _without_curves(rows):
    """Records with the last of {"0": {...}, "1": {...}, ...} in its place, and such names."""
    curves: dict[str, None] = {}
    changed = []
    for row in rows:
        new = {}
        for name, value in row.items():
            keys = list(value) if isinstance(value, dict) else []
            if len(keys) > 1 and all(str(key).isdecimal() for key in keys):
                value = value[max(keys, key=int)]
                curves[name] = None
            new[name] = value
        changed.append(new)
    return changed, [*curves]


def _of_records(content):
    """pandas' own {column: {row: value}}, or {run: record}."""
    import pandas as pd

    rows = {tuple(value) for value in content.values()}
    labels = next(iter(rows)) if len(rows) == 1 else ()
    if labels and all(str(label).isdigit() for label in labels):
        return pd.DataFrame({name: list(column.values()) for name, column in content.items()})
    table = _flat(list(content.values()))
    if "run" not in table:
        table.insert(0, "run", list(content))
    return table


def _other(content: Any) -> str:
    """What a JSON file is, where it is a known file and no table."""
    if not isinstance(content, dict):
        return ""
    history = content.get("log_history")
    if isinstance(history, list):
        evaluated = [
            row for row in history if isinstance(row, dict) and row.get("eval_loss") is not None
        ]
        last = (
            f"its last eval_loss is {evaluated[-1]['eval_loss']} at step "
            f"{evaluated[-1].get('step', '?')}"
            if evaluated
            else "it has no eval_loss"
        )
        return (
            f"is Hugging Face's trainer_state.json, the log of one run ({last}). {FOR_A_TABLE}; "
            f"its total_flos leaves embeddings out; {MAKES_ONE}"
        )
    curves = [name for name, value in content.items() if isinstance(value, list) and value
              and _has_loss(name) and all(map(_is_point, value))]  # fmt: skip
    if curves:
        return (
            f"is the log of one run: {curves[0]!r} holds {len(content[curves[0]])} points. "
            f"{FOR_A_TABLE}; take the last held-out loss of each run into such a table"
        )
    if isinstance(content.get("results"), dict) and ("config" in content or "versions" in content):
        return f"is a results file of lm-eval, for one model. {FOR_A_TABLE}; {MAKES_ONE}"
    return ""


def _has_loss(name: str) -> bool:
    return is_loss(name) or name.lower().startswith("loss/")


def _is_point(point) -> bool:
    """Whether this is a point of a curve: [step, value] or {"step": ..., "value": ...}."""
    if isinstance(point, dict):
        return {"step", "value"} <= set(point) <= {"step", "value", "wall_time", "timestamp"}
    return isinstance(point, list) and len(point) == 2


def json_lines(path: Path) -> pd.DataFrame:
    """A record on each line; names of nested records are joined with /."""
    import pandas as pd

    rows, problems = [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
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
        raise UserError(str(path), problems[:MOST_PROBLEMS])
    return _flat(rows) if rows else pd.DataFrame(rows)


def sqlite_table(path: Path) -> pd.DataFrame:
    """The table of an SQLite file that has one."""
    import contextlib
    import sqlite3

    import pandas as pd

    if not path.exists():
        raise UserError(str(path), ["could not be read: No such file or directory"])
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            wanted = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            names = [name for (name,) in database.execute(f"{wanted} ORDER BY name")]
            names = [name for name in names if not name.startswith("sqlite_")]
            if len(names) != 1:
                query = 'sqlite3 -csv -header FILE "SELECT * FROM TABLE" > runs.csv'
                listed = ", ".join(names) or "none"
                raise UserError(
                    str(path), [f"has {len(names)} tables ({listed}): write one out, {query}"]
                )
            quoted = names[0].replace('"', '""')
            return pd.read_sql_query(f'SELECT * FROM "{quoted}"', database)
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise UserError(str(path), [f"is no SQLite database: {_line(error)}"]) from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
