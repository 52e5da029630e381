"""What an earlier import read: a small index beside its table, so that only new files are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.errors import UserError
from isoloss.files import read_json, read_parquet, sha256, write_json

if TYPE_CHECKING:
    import pandas as pd

VERSION = 3  # another version reads anew: what a log means here may have changed


def index_of(output: Path) -> Path:
    """The path of a table's index."""
    return output.with_name(f"{output.name}.index.json")


class Remembered:
    """The places that an earlier import read, and those of this one.

    Parameters
    ----------
    output : Path
        The table.
    options : mapping
        What the user says about logs; another answer is another reading.
    """

    def __init__(self, output: Path, options: Any):
        self.output, self.options = output, json.loads(json.dumps(options, sort_keys=True))
        self.old, self.rows = self._load()
        self.new: dict[str, Any] = {}

    def _load(self) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
        """The places of the index, and the rows of each run of its table."""
        path = index_of(self.output)
        if not (path.is_file() and self.output.is_file()):
            return {}, {}
        try:
            index = read_json(path)
            same = index["version"] == VERSION and index["options"] == self.options
            if not same or index["output"] != sha256(self.output):
                return {}, {}
            table = read_parquet(self.output)
            return dict(index["places"]), dict([*table.groupby("run_id", sort=False)])
        except (UserError, OSError, KeyError, TypeError, ValueError):
            return {}, {}  # a damaged index costs a reading

    def recall(self, key: str, files: Sequence[Path]) -> tuple[Any, pd.DataFrame] | None:
        """What a place said and its rows, if its files are those that were read; else None."""
        known = self.old.get(key)
        if known is None or set(known["files"]) != {str(path) for path in files}:
            return None
        import pandas as pd

        now = {}
        for path in files:
            size, mtime_ns, content = known["files"][str(path)]
            state = _state(path)
            if state[0] != size or (state[1] != mtime_ns and sha256(path) != content):
                return None
            now[str(path)] = [size, state[1], content]
        self.new[key] = {**known, "files": now}
        runs = [self.rows[run] for run in known["runs"] if run in self.rows]
        return known["said"], pd.concat(runs) if runs else pd.DataFrame()

    def keep(self, key: str, files: Sequence[Path], runs: Sequence[str], said: Any) -> None:
        """Note what a place said, and the runs that it had."""
        states = {str(path): [*_state(path), sha256(path)] for path in files}
        self.new[key] = {"files": states, "runs": [*runs], "said": said}

    def write(self) -> None:
        """Write the index of the table that was written."""
        index = {"version": VERSION, "options": self.options, "output": sha256(self.output)}
        write_json(index_of(self.output), {**index, "places": self.new})


def _state(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]
