"""The named corpora of config/corpora.yaml."""

import functools
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model

from isoloss.config.section import PositiveInt, Section, checked, problems_of
from isoloss.corpus.sources import SOURCES
from isoloss.corpus.sources.base import Source
from isoloss.errors import UserError, nearest


class Entry(Section):
    """A named corpus: keys for people, beside the keys of its kind of source."""

    title: str
    licence: str
    source: str  # origin of the text, for people
    download_bytes: PositiveInt | None = None  # size of the file at `url`
    note: str = ""


def registry_path(root: str | Path) -> Path:
    """The path of the registry in a project's folder."""
    return Path(root) / "config" / "corpora.yaml"


def registered_names(root: str | Path) -> list[str]:
    """The names in the registry, sorted.

    Raises
    ------
    UserError
        The registry cannot be read.
    """
    return sorted(_read(registry_path(root)))


def registered(name: str, root: str | Path, *, where: str = "corpus") -> Entry:
    """The registry's entry of this name: an `Entry` that is a `Source` too.

    Raises
    ------
    UserError
        There is no such entry, or it is not valid. The message, about `where`, suggests the
        nearest name.
    """
    path = registry_path(root)
    entries = _read(path)
    if name not in entries:
        known = ", ".join(sorted(entries))
        problem = f"name: {name!r} is not registered in {path} (there: {known})"
        raise UserError(where, [problem + nearest(name, entries)])
    return _entry(entries[name], f"{path}: {name}")


def settings_of(entry: Entry) -> dict[str, Any]:
    """The corpus settings of an entry, without those that the entry leaves out."""
    return entry.model_dump(exclude_unset=True, exclude=set(Entry.model_fields)) | {
        "kind": entry.kind
    }


def _read(path: Path) -> dict[str, Any]:
    from isoloss.config.reading import read_yaml  # most corpora are not registered

    return read_yaml(path)


def _entry(given: Any, where: str) -> Entry:
    """Check one entry's keys and values."""
    if not isinstance(given, dict):
        raise UserError(where, [f"must be a mapping, got {given!r}"])
    kind = given.get("kind", "url")
    if not isinstance(kind, str) or kind not in SOURCES:
        hint = nearest(str(kind), SOURCES)
        raise UserError(where, [f"kind: must be one of {', '.join(SOURCES)}, got {kind!r}{hint}"])
    try:
        return checked(entry_model(kind), given | {"kind": kind})
    except ValidationError as error:
        raise UserError(where, problems_of(error, entry_model(kind))) from error


def entry_model(kind: str) -> type[Entry]:
    """The model of an entry of a kind: the keys for people, and the keys of the source."""
    return _entry_of(SOURCES[kind])


@functools.cache
def _entry_of(source: type[Source]) -> type[Entry]:
    return create_model(f"Registered{source.__name__}", __base__=(Entry, source))
