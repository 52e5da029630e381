"""The report's section on failed jobs: the jobs, the reasons, and the missing files."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from isoloss.runtime.job import UNFINISHED


@dataclass(frozen=True)
class Unfinished:
    """The failed jobs of a workflow, and the files that are missing.

    Attributes
    ----------
    failed : list of (job, log, reason)
        Each job that failed, and the last line of its log.
    missing : frozenset of Path
        Files that are missing, or older than a change of the config.
    """

    failed: list[tuple[str, str, str]] = field(default_factory=list)
    missing: frozenset[Path] = frozenset()


NOTHING = Unfinished()


def unfinished() -> Unfinished:
    """The failures of the workflow that asks for the report; none if it made everything."""
    path = os.environ.get(UNFINISHED)
    if not path:
        return NOTHING
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    failed = [(job, log, _last_line(Path(log))) for job, log in said["failed"]]
    return Unfinished(failed, frozenset(map(Path, said["missing"])))


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    said = [line.strip(" -") for line in lines if line.strip()]
    return said[-1] if said else "its log is empty"
