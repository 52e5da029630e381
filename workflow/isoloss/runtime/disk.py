"""A check of free disk space: on a full disk a job cannot even write a message into its log."""

import shutil
from pathlib import Path

NEARLY_FULL = 10_000_000  # bytes: less than the figures of one study


def nearly_full(folder: str | Path) -> str | None:
    """The warning for a folder whose disk is nearly full; None where there is room."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    if free > NEARLY_FULL:
        return None
    return f"{folder}: {free / 1e6:.1f} MB are left on its disk. No space left on device?"
