"""What Snakemake and a command can take of a config, checked before any job starts."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from isoloss.config.reading import read_yaml
from isoloss.config.study import Study, Table
from isoloss.tables.read import READABLE

# Linux passes no argument longer than 128 KiB, and a job's whole command is one.
MOST_BYTES = 120_000


def check_files(paths: Iterable[str | Path]) -> None:
    """Read config files as `read_yaml` does: Snakemake would run Python that is in one.

    Raises
    ------
    UserError
        A file is not what `read_yaml` reads.
    """
    for path in map(Path, paths):
        if path.suffix != ".json" and path.exists():
            read_yaml(path)


def table_problems(study: Study, root: str | Path) -> list[str]:
    """What is wrong with the path of a study's table, if anything.

    Of a table that is gone, Snakemake would keep what was made from it, and say nothing.
    """
    if not isinstance(study, Table):
        return []
    if any(character in "{}" or not character.isprintable() for character in study.path):
        return [f"path: must have no braces and no control characters, got {study.path!r}"]
    path = Path(study.path)
    if path.suffix.lower() not in READABLE:
        return [f"path: the name must end in one of {', '.join(READABLE)}, got {study.path!r}"]
    if not (Path(root) / path).is_file():
        return [f"path: there is no file {study.path}"]
    return []


def too_long(slices: Mapping[str, str]) -> list[str]:
    """Which parts of a config, given by key, are longer than a command may be."""
    sizes = {key: len(shlex.quote(text).encode()) for key, text in slices.items()}
    return [
        f"{key}: {size:,} bytes are more than a command can take ({MOST_BYTES:,})"
        for key, size in sizes.items()
        if size > MOST_BYTES
    ]
