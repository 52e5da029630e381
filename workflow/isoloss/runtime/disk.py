"""Is there room on the disk? A job on a full one cannot even write its own message into its log."""

import shutil
from pathlib import Path

NEARLY_FULL = 10_000_000  # bytes: less than the figures of one study


def nearly_full(folder: str | Path) -> str | None:
    """What to say of a folder whose disk has next to no room; None where there is some."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    if free > NEARLY_FULL:
        return None
    return f"{folder}: {free / 1e6:.1f} MB are left on its disk. No space left on device?"
