"""The named corpora of config/corpora.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.corpus.addresses import address_problem, sha256_problem
from isoloss.errors import UserError, nearest

# Kind -> the keys that an entry of it must have; `sha256: null` counts as given.
KINDS = {"stdlib": (), "files": ("paths",), "url": ("url", "sha256")}
ABOUT = ("title", "licence", "source")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One named corpus: what it is, where it is, and what its content must be."""

    title: str
    licence: str
    source: str
    kind: str = "url"
    paths: tuple[str, ...] = ()
    url: str | None = None
    sha256: str | None = None  # of the file at `url`; None: nobody has checked it yet
    members: tuple[str, ...] = ()  # the files in an archive that are the text
    download_bytes: int | None = None
    text_bytes: int | None = None  # unpacked
    note: str = ""


def registry_path(root: str | Path) -> Path:
    """Where the registry lies in a project's folder."""
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
    """The registry's entry of this name.

    Raises
    ------
    UserError
        There is none (the message, about `where`, gives the nearest), or it is not well formed.
    """
    path = registry_path(root)
    entries = _read(path)
    if name not in entries:
        known = ", ".join(sorted(entries))
        problem = f"name: {name!r} is not registered in {path} (there: {known})"
        raise UserError(where, [problem + nearest(name, entries)])
    return _entry(entries[name], f"{path}: {name}")


def _read(path: Path) -> dict[str, Any]:
    from isoloss.config.reading import read_yaml  # most corpora are not registered

    return read_yaml(path)


def _entry(given: Any, where: str) -> Entry:
    """Check one entry's keys and values."""
    if not isinstance(given, dict):
        raise UserError(where, [f"must be a mapping, got {given!r}"])
    kind, keys = given.get("kind", "url"), Entry.__dataclass_fields__
    problems = [f"{key}: unknown key{nearest(key, keys)}" for key in given if key not in keys]
    if not isinstance(kind, str) or kind not in KINDS:
        problems.append(f"kind: must be one of {', '.join(KINDS)}, got {kind!r}")
    needed = (*ABOUT, *KINDS.get(str(kind), ()))
    problems += [f"{key}: missing" for key in needed if key not in given]
    for key, problem in (("url", address_problem), ("sha256", sha256_problem)):
        if given.get(key) is not None and (text := problem(given[key])):
            problems.append(f"{key}: {text}")
    for key in ("download_bytes", "text_bytes"):
        if type(given.get(key, 1)) is not int:
            problems.append(f"{key}: must be a whole number, got {given[key]!r}")
    for key in ("paths", "members"):
        value = given.get(key, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            problems.append(f"{key}: must be a list of file names, got {value!r}")
    if problems:
        raise UserError(where, problems)
    lists = {key: tuple(given[key]) for key in ("paths", "members") if key in given}
    return Entry(**given | lists)
