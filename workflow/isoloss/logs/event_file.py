"""TensorBoard's event files: every scalar in the order in which it was written, and settings.

A file is a chain of records: a length, its checksum, an `Event` in protocol-buffer form, and the
checksum of that. Both kinds of scalars are read: `simple_value`, as PyTorch writes it, and tensors
of one number, as TensorFlow 2 does. TensorBoard's own loader drops points at random beyond 10,000 a
tag (in `EventAccumulator`), and takes several times the CPU; benchmarks/import_logs.py has both.

References
----------
tensorboard/compat/proto/{event,summary,tensor}.proto; the framing is TFRecord's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MOST_CHECKED = 8192  # bytes; a scalar's record is far smaller, and larger ones hold no scalar
MOST_SETTINGS = 1 << 20  # bytes of a record of settings
LENGTH, NUMBER, DOUBLE, FLOAT = (struct.Struct(form) for form in ("<Q", "<I", "<d", "<f"))
START = 1  # SessionLog.START
SESSION = "_hparams_/session_start_info"
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # DataType -> form of tensor_content
CHUNK = 65_536  # records whose checksums are compared at a time


@dataclass
class Events:
    """The scalars of an event file, and the settings that it holds.

    Attributes
    ----------
    tags : dict of str to (list of step, list of value, list of time_s)
    purge_step : int, optional
        From the start of a resumed session: points of earlier files from this step on do not count.
    damage : str
        What is wrong with the file, "" for nothing; the points before it are whole.
    sessions : list of (time_s, bytes)
        What the plugin hparams wrote: `HParamsPluginData`.
    texts : dict of str to (time_s, str)
        Tag -> the text that was written last.
    """

    tags: dict[str, tuple[list[int], list[float], list[float]]] = field(default_factory=dict)
    purge_step: int | None = None
    damage: str = ""
    sessions: list[tuple[float, bytes]] = field(default_factory=list)
    texts: dict[str, tuple[float, str]] = field(default_factory=dict)


def read_events(path: Path) -> Events:
    """The scalars of a file, up to where it is damaged."""
    content = path.read_bytes()
    starts, ends, damage = _records(content)
    good = _checked(content, starts, ends)
    if not good.all():
        n_bad = int((~good).sum())
        at = starts[int(np.argmin(good))]
        damage = f"{n_bad} records are damaged, the first at byte {at:,}"
    events = Events(damage=damage)
    _parse(content, zip(starts[good].tolist(), ends[good].tolist(), strict=True), events)
    return events


def first_tag(path: Path, n_records: int = 4) -> str:
    """The tag of the first summary in a file, "" where its first records have none."""
    with path.open("rb") as file:
        content = file.read(MOST_CHECKED)
    starts, ends, _ = _records(content)
    try:
        for start, end in zip(starts[:n_records].tolist(), ends[:n_records].tolist(), strict=True):
            for number, _, summary in fields(content[start:end]):
                if number == 5:
                    return next(_value(one)[0] for part, _, one in fields(summary) if part == 1)
    except (ValueError, IndexError, TypeError, StopIteration):
        return ""
    return ""


def _records(content: bytes):
    """Where each record begins and ends, and what stopped the chain."""
    starts, ends = [], []
    at, size = 0, len(content)
    damage = ""
    while at < size:
        if at + 12 > size:
            damage = f"ends in the middle of a record, at byte {at:,}"
            break
        (length,) = LENGTH.unpack_from(content, at)
        if at + 16 + length > size:
            damage = f"ends in the middle of a record, at byte {at:,}"
            break
        starts.append(at + 12)
        ends.append(at + 12 + length)
        at += 16 + length
    begin, end = np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
    # after a length that is wrong, nothing says where the next record begins
    raw = np.frombuffer(content, np.uint8)
    heads = np.append(begin - 12, at if at + 12 <= size else [])
    heads = heads.astype(np.int64)[:, np.newaxis]
    stored = raw[heads + 8 + np.arange(4)].copy().view("<u4").ravel()
    wrong = np.flatnonzero(_masked(_crc(raw[heads + np.arange(8)])) != stored)
    if len(wrong):
        damage = f"is damaged at byte {int(heads[wrong[0], 0]):,}: what follows cannot be read"
        begin, end = begin[: wrong[0]], end[: wrong[0]]
    return begin, end, damage


def _checked(content: bytes, starts, ends) -> np.ndarray:
    """Whether the checksum of each record holds, shape (record,)."""
    raw = np.frombuffer(content, np.uint8)
    good = np.ones(len(starts), dtype=bool)
    lengths = ends - starts
    for length in np.unique(lengths[lengths <= MOST_CHECKED]):
        rows = np.flatnonzero(lengths == length)
        for first in range(0, len(rows), CHUNK):
            some = rows[first : first + CHUNK]
            at = starts[some]
            found = _masked(_crc(raw[at[:, np.newaxis] + np.arange(length)]))
            stored = raw[ends[some][:, np.newaxis] + np.arange(4)].copy().view("<u4").ravel()
            good[some] = found == stored
    return good


def _table() -> np.ndarray:
    """CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of each byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table.astype(np.uint32)


TABLE = _table()


def _crc(rows: np.ndarray) -> np.ndarray:
    """The CRC-32C of each row of bytes."""
    crc = np.full(len(rows), 0xFFFFFFFF, dtype=np.uint32)
    for column in np.ascontiguousarray(rows.T):
        crc = TABLE[(crc ^ column) & 0xFF] ^ (crc >> 8)
    return crc ^ np.uint32(0xFFFFFFFF)


def _masked(crc: np.ndarray) -> np.ndarray:
    """TFRecord's form of a checksum, so that the checksum of a checksum is not trivial."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)


def _parse(content: bytes, records, events: Events) -> None:
    """Take the scalars of records.

    Scalars of one tag differ in their last four bytes only, so that what comes before is parsed
    once and then looked up.
    """
    known: dict[bytes, tuple | None] = {}
    double, single = DOUBLE.unpack_from, FLOAT.unpack_from
    for start, end in records:
        try:
            if content[start] != 0x09:
                raise ValueError
            (time_s,) = double(content, start + 1)
            at = start + 9
            step = 0
            if content[at] == 0x10:
                at += 1
                byte = content[at]
                step, shift = byte & 0x7F, 7
                while byte & 0x80:
                    at += 1
                    byte = content[at]
                    step |= (byte & 0x7F) << shift
                    shift += 7
                at += 1
            key = content[at : end - 4]
            columns = known.get(key)
            if columns is not None:
                columns[0].append(step)
                columns[1].append(single(content, end - 4)[0])
                columns[2].append(time_s)
                continue
            found, plain = _summary(content[at:end])
            if settings := [one for one in found if isinstance(one[1], str | bytes)]:
                found = [one for one in found if one not in settings]
                if _is_whole(content, start, end):
                    _keep(settings, time_s, events)
                else:
                    events.damage = events.damage or f"the record at byte {start:,} is damaged"
            if step >= 1 << 63:
                step -= 1 << 64
            for tag, value in found:
                if tag is None:
                    events.purge_step = step
                    continue
                columns = events.tags.setdefault(tag, ([], [], []))
                columns[0].append(step)
                columns[1].append(value)
                columns[2].append(time_s)
            if plain and len(found) == 1:
                known[key] = events.tags[found[0][0]]
        except (ValueError, IndexError, struct.error, TypeError, UnicodeDecodeError):
            events.damage = events.damage or f"the record at byte {start:,} is no event"


def _is_whole(content: bytes, start: int, end: int) -> bool:
    """Whether a record of settings is no larger than one may be, and its checksum holds."""
    if end - start <= MOST_CHECKED:
        return True  # it has been compared
    if end - start > MOST_SETTINGS:
        return False
    crc, table = 0xFFFFFFFF, TABLE.tolist()
    for byte in content[start:end]:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    found = _masked(np.array([crc ^ 0xFFFFFFFF], dtype=np.uint32))
    return NUMBER.unpack_from(content, end)[0] == found[0]


def _keep(found, time_s: float, events: Events) -> None:
    """Take texts and settings of the plugin hparams."""
    for tag, value in found:
        if isinstance(value, bytes):
            events.sessions.append((time_s, value))
        elif isinstance(value, str):
            events.texts[tag] = (time_s, value)


def fields(data: bytes):
    """The fields of a protocol-buffer message: (number, wire type, value)."""
    at, size = 0, len(data)
    while at < size:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            length, at = _varint(data, at)
            if at + length > size:
                raise ValueError
            value = data[at : at + length]
            at += length
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            if at + width > size:
                raise ValueError
            value = data[at : at + width]
            at += width
        else:
            raise ValueError
        yield number, kind, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError


def _summary(data: bytes) -> tuple[list[tuple], bool]:
    """What stands after an event's time and step, and whether a scalar ends in its own four bytes.

    A session's start is a scalar without a tag. Bytes are settings, a text is one.
    """
    found, plain = [], False
    for number, _, value in fields(data):
        if number == 7:  # session_log
            if any(n == 1 and status == START for n, _, status in fields(value)):
                found.append((None, 0.0))
        elif number == 5:  # summary
            for part, _, one in fields(value):
                if part == 1:
                    tag, scalar, last = _value(one)
                    if scalar is not None:
                        found.append((tag, scalar))
                        plain = last
    return found, plain and data[:1] == b"\x2a"


def _value(data: bytes) -> tuple[str, float | str | bytes | None, bool]:
    """A tag, its value (None for images and the like), and whether a number stands last."""
    tag, scalar, last, plugin, settings, tensor = "", None, False, "", b"", b""
    for number, kind, value in fields(data):
        last = False
        if number == 1:
            tag = value.decode("utf-8")
        elif number == 2 and kind == 5:
            scalar, last = FLOAT.unpack(value)[0], True
        elif number == 8:
            tensor, scalar = value, _tensor(value)
        elif number == 9:
            plugin, settings = _plugin(value)
    if plugin == "hparams":
        return tag, settings if tag == SESSION else None, False
    if plugin == "text":
        return tag, _text(tensor), False
    if plugin not in ("", "scalars"):
        return tag, None, False
    return tag, scalar, last


def _plugin(metadata: bytes) -> tuple[str, bytes]:
    """The name of a summary's plugin, and what the plugin wrote."""
    name, content = "", b""
    for number, _, value in fields(metadata):
        if number == 1:
            for part, _, one in fields(value):
                if part == 1:
                    name = one.decode("utf-8")
                elif part == 2:
                    content = one
    return name, content


def _text(tensor: bytes) -> str | None:
    """The text of a tensor that holds one."""
    texts = [value for number, kind, value in fields(tensor) if number == 8 and kind == 2]
    return texts[0].decode("utf-8") if len(texts) == 1 else None


def _tensor(data: bytes) -> float | None:
    """The number of a tensor that holds one number; None for others."""
    kind, raw, scalar = 0, b"", None
    for number, wire, value in fields(data):
        if number == 1 and wire == 0:
            kind = value
        elif number == 4:
            raw = value
        elif number == 5 and len(value) == 4:
            scalar = FLOAT.unpack(value)[0]
        elif number == 6 and len(value) == 8:
            scalar = DOUBLE.unpack(value)[0]
    form = TYPES.get(kind)
    if raw and form:
        numbers = np.frombuffer(raw, form) if len(raw) % np.dtype(form).itemsize == 0 else ()
        return float(numbers[0]) if len(numbers) == 1 else None
    return scalar if kind in TYPES else None
