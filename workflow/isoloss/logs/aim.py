"""Aim: its repository is a database of its own, so that its library has to export a table."""

from __future__ import annotations

from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs.records import Log, Place

NAME = "aim"


def place_of(path: Path) -> Path | None:
    """The repository that a file belongs to, or None."""
    return next((above for above in path.parents if above.name == ".aim"), None)


def read(place: Place) -> list[Log]:
    """Say how to export.

    Raises
    ------
    UserError
        Always.
    """
    raise UserError(
        str(place.folder),
        [
            "is a repository of Aim, which only Aim's library reads: aim.Repo(FOLDER).iter_runs(), "
            "Run.metrics() and Metric.dataframe() give each run's losses; write the last held-out "
            "one of each run into a table, with its size and tokens, for isoloss fit"
        ],
    )
