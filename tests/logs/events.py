"""Write TensorBoard's event files without TensorBoard, so that its traps are tested without it."""

import struct

POLYNOMIAL = 0x82F63B78


def _masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """A record of a chain: length, its checksum, data, their checksum."""
    length = struct.pack("<Q", len(data))
    ends = (struct.pack("<I", _masked_crc(part)) for part in (length, data))
    first, last = ends
    return length + first + data + last


def varint(value: int) -> bytes:
    """A whole number as protocol buffers write it."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, content: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def scalar(tag: str, step: int, value: float, time_s: float = 1.0, tensor: bool = False) -> bytes:
    """An event with one number, as PyTorch writes it, or as TensorFlow 2 does."""
    number = struct.pack("<f", value)
    if tensor:
        plugin = field(9, field(1, field(1, b"scalars")))
        body = field(1, tag.encode()) + field(8, b"\x08\x01\x12\x00" + field(5, number)) + plugin
    else:
        body = field(1, tag.encode()) + b"\x15" + number
    return record(event(step, time_s) + field(5, field(1, body)))


def hyperparameters(values: dict, time_s: float = 1.0) -> bytes:
    """The start of a session of the plugin hparams."""
    entries = b""
    for name, value in values.items():
        if isinstance(value, str):
            one = field(3, value.encode())
        else:
            one = b"\x11" + struct.pack("<d", value)
        entries += field(1, field(1, name.encode()) + field(2, one))
    plugin = field(9, field(1, field(1, b"hparams") + field(2, field(3, entries))))
    body = field(1, b"_hparams_/session_start_info") + plugin
    return record(event(0, time_s) + field(5, field(1, body)))


def text(tag: str, content: str, time_s: float = 1.0) -> bytes:
    """An event with a text, as PyTorch writes it."""
    plugin = field(9, field(1, field(1, b"text")))
    tensor = field(8, b"\x08\x07" + field(8, content.encode()))
    body = field(1, f"{tag}/text_summary".encode()) + tensor + plugin
    return record(event(0, time_s) + field(5, field(1, body)))


def event(step: int, time_s: float) -> bytes:
    """The beginning of an event; a step of 0 is left out."""
    begin = b"\x09" + struct.pack("<d", time_s)
    return begin + (b"\x10" + varint(step) if step else b"")


def start(step: int, time_s: float = 1.0) -> bytes:
    """The start of a session that goes on at a step."""
    return record(event(step, time_s) + field(7, b"\x08\x01"))


def version() -> bytes:
    """The first record of a file."""
    return record(event(0, 0.0) + field(3, b"brain.Event:2"))
