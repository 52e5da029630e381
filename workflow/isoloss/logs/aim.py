"""Aim: its repository is a database of its own, so that a table is exported from it."""

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
            "is a repository of Aim, which only Aim reads: in Python, aim.Repo(FOLDER)"
            ".query_metrics(\"metric.name == 'loss'\").dataframe().to_csv('history.csv'), which "
            "isoloss import takes"
        ],
    )
