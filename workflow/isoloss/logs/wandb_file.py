"""W&B's own file of a run, `run-ID.wandb`: what was logged, the config, and how the run ended.

The file is a chain of records in blocks of 32 KiB, as of LevelDB's log, each a `Record` in
protocol-buffer form. Read here, it costs a thousandth of starting W&B's program. That program is
asked where a value is of a form that is not known here, as a later W&B may write.

References
----------
wandb/proto/wandb_internal.proto, checked with wandb 0.16 and 0.31; leveldb/doc/log_format.md.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoloss import extras
from isoloss.errors import UserError
from isoloss.logs.event_file import DOUBLE, fields
from isoloss.logs.reading import flat

MAGIC = b":W&B\xe1\xbe\x00"
BLOCK = 32_768
HEAD = struct.Struct("<IHB")  # checksum, length, kind
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, CONFIG, RUN, EXIT = 2, 5, 17, 18  # fields of a Record
PROGRAM = "wandb"
WAIT_S = 300


@dataclass
class Recorded:
    """What a file holds.

    Attributes
    ----------
    name : str
        The run's name and id, "" where the file begins without them.
    rows : list of (str, dict)
        The place of each call of `log`, and its values. A NaN is the text "NaN".
    ended : bool
        Whether the run ended without an error.
    damage : str
        What is wrong with the file, "" for nothing; the records before it are whole.
    """

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ended: bool = False
    damage: str = ""


class _Unknown(Exception):
    """A value has a form that is not known here."""


def read_file(path: Path) -> Recorded:
    """What a file holds, up to where it is damaged.

    Raises
    ------
    UserError
        The file is not W&B's, or its values need W&B's program, which is missing or fails.
    """
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise UserError(str(path), ["is no file of W&B: its first bytes are others"])
    found = Recorded()
    try:
        for number, record in enumerate(_records(content, found)):
            _take(record, f"record {number}", found)
    except _Unknown:
        return _by_program(path)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError, RecursionError):
        found.damage = found.damage or "holds a record that is none"
    return found


def _records(content: bytes, found: Recorded) -> Iterator[bytes]:
    """The records of a file; what stops the chain goes to `found.damage`."""
    at, parts, size = len(MAGIC), b"", len(content)
    while at < size:
        left = BLOCK - at % BLOCK
        if left < HEAD.size:
            at += left
            continue
        if at + HEAD.size > size:
            break
        checksum, length, kind = HEAD.unpack_from(content, at)
        data = content[at + HEAD.size : at + HEAD.size + length]
        if len(data) < length:
            break
        if zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum or not FULL <= kind <= LAST:
            found.damage = f"is damaged at byte {at:,}: what follows is left out"
            return
        at += HEAD.size + length
        parts = data if kind in (FULL, FIRST) else parts + data
        if kind in (FULL, LAST):
            yield parts
            parts = b""
    if at < size or parts:
        found.damage = f"ends in the middle of a record, at byte {at:,}"


def _take(record: bytes, where: str, found: Recorded) -> None:
    """Add what a record says."""
    for number, _, body in fields(record):
        if number == HISTORY:
            found.rows.append((where, _items(body, 1)))
        elif number == CONFIG:
            found.config |= _items(body, 1)
        elif number == RUN:
            said = {}
            for part, _, value in fields(body):
                if part in (1, 8):  # run_id, display_name
                    said[part] = value.decode("utf-8")
                elif part == 4:
                    found.config |= _items(value, 1)
            found.name = "-".join(filter(None, (said.get(8), said.get(1)))) or found.name
        elif number == EXIT:
            found.ended = not any(part == 1 and value for part, _, value in fields(body))


def _items(body: bytes, wanted: int) -> dict[str, Any]:
    """The keys and values of a history's or a config's items, nested ones with / between."""
    found: dict[str, Any] = {}
    for number, _, item in fields(body):
        if number == wanted:
            keys, value = [], None
            for part, _, data in fields(item):
                if part in (1, 2):  # key, nested_key
                    keys.append(data.decode("utf-8"))
                else:
                    value = _value(part, data)
            found["/".join(keys)] = value
    return {key: _text_of_nan(value) for key, value in flat(found).items()}


def _value(part: int, data: Any) -> Any:
    """The value of an item, by the number of its field."""
    if part == 3:
        return None
    if part == 4:
        return bool(data)
    if part == 5:
        return data - (1 << 64) if data >= 1 << 63 else data
    if part == 6:
        return DOUBLE.unpack(data)[0]
    if part == 7:
        return data.decode("utf-8")
    if part in (8, 16):
        return json.loads(data)
    raise _Unknown


def _text_of_nan(value: Any) -> Any:
    """A NaN as W&B's text for it: in a table, a number that is none is an empty cell."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def _by_program(path: Path) -> Recorded:
    """What W&B's own program reads in a file."""
    program = shutil.which(PROGRAM)
    if program is None:
        problem = f"is of another W&B, whose program reads it: {extras.command('wandb')}"
        raise UserError(str(path), [problem])
    try:
        done = subprocess.run(
            [program, "leet", "inspect", "--json", str(path.resolve())],
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
            env={k: v for k, v in os.environ.items() if k not in ("WANDB_SILENT", "WANDB_QUIET")},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(str(path), [f"could not be read by wandb: {error}"]) from error
    found, n_records = Recorded(), 0
    for line in done.stdout.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        n_records += 1
        kind = record.get("type")
        if kind == "run":
            said = record.get("run", {})
            found.name = "-".join(filter(None, (said.get("display_name"), said.get("run_id"))))
            found.config |= said.get("config", {}).get("update", {})
        elif kind == "history":
            item = record.get("history", {}).get("item", {})
            logged = {key.replace(".", "/"): value for key, value in flat(item).items()}
            found.rows.append((f"record {record.get('num')}", logged))
        elif kind == "exit":
            found.ended = record.get("exit", {}).get("exit_code", 0) == 0
    if not n_records or (done.returncode != 0 and not found.rows):
        lines = (done.stderr or "").strip().splitlines() or ["no message"]
        raise UserError(str(path), [f"could not be read by wandb: {lines[-1]:.200}"])
    return found
