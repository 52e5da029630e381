"""The split of text into training and held-out parts."""

import hashlib
from collections.abc import Iterable


def place(name: str) -> float:
    """The place of a document in [0, 1), from the SHA-256 of its name alone.

    So a document keeps its place, and its part, when others are added or removed.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def in_order(names: Iterable[str]) -> list[str]:
    """Documents sorted by their place, so that the first part of a corpus is a random sample."""
    return sorted(names, key=lambda name: (place(name), name))


def heldout_names(names: Iterable[str], share: float) -> frozenset[str]:
    """The documents that are held out: those whose place is below `share`.

    Each part always has a document: of very few documents, the first in order is held out and the
    last is trained on, whatever their places.
    """
    ordered = in_order(names)
    count = sum(place(name) < share for name in ordered)
    return frozenset(ordered[: min(max(count, 1), len(ordered) - 1)])


def cut_position(n_bytes: int, share: float) -> int:
    """The byte at which a single document is cut: its last `share` is held out."""
    return n_bytes - round(n_bytes * share)


def whole_character(around: bytes) -> int:
    """How far to move a cut back so that it does not fall inside a UTF-8 character.

    Parameters
    ----------
    around : bytes
        The three bytes before the cut and the one after it (fewer at the start of a document).

    Returns
    -------
    int
        0 to 3 bytes; 0 for text that is not UTF-8 there.
    """
    for back in range(min(4, len(around))):
        lead = around[len(around) - 1 - back]
        if lead & 0xC0 != 0x80:  # the first byte of a character
            length = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
            return back if back < length else 0
    return 0
