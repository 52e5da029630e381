"""The named corpora of config/corpora.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.corpus.addresses import address_problem, sha256_problem
from isoloss.errors import UserError, nearest

KEYS = (
    "title",
    "url",
    "sha256",
    "download_bytes",
    "members",
    "text_bytes",
    "licence",
    "source",
    "note",
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One named corpus: where it is fetched and what its content must be."""

    title: str
    url: str
    sha256: str | None  # of the file at `url`; None: nobody has checked it yet
    licence: str
    source: str
    members: tuple[str, ...] = ()  # the files in an archive that are the text
    download_bytes: int | None = None
    text_bytes: int | None = None  # unpacked
    note: str = ""


def read_registry(root: str | Path, where: str, name: str) -> Entry:
    """The entry `name` of `root`/config/corpora.yaml.

    Raises
    ------
    UserError
        There is no such entry (the message gives the nearest name), or it is not well formed.
    """
    import yaml

    path = Path(root) / "config" / "corpora.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(str(path), [f"could not be read: {error}"]) from error
    if not isinstance(entries, dict):
        raise UserError(str(path), ["must map each corpus's name to its settings"])
    if name not in entries:
        known = ", ".join(sorted(map(str, entries)))
        problem = f"name: {name!r} is not registered in {path} (there: {known})"
        raise UserError(where, [problem + nearest(name, entries)])
    return _entry(entries[name], f"{path}: {name}")


def _entry(given: Any, where: str) -> Entry:
    """Check one entry's keys and values."""
    if not isinstance(given, dict):
        raise UserError(where, [f"must be a mapping, got {given!r}"])
    problems = [f"{key}: unknown key{nearest(key, KEYS)}" for key in given if key not in KEYS]
    problems += [
        f"{key}: missing"
        for key in ("title", "url", "sha256", "licence", "source")
        if key not in given
    ]
    for key, problem in (("url", address_problem), ("sha256", sha256_problem)):
        value = given.get(key)
        if value is not None and (text := problem(value)):
            problems.append(f"{key}: {text}")
    for key in ("download_bytes", "text_bytes"):
        if not isinstance(given.get(key, 1), int):
            problems.append(f"{key}: must be a whole number, got {given[key]!r}")
    members = given.get("members", [])
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        problems.append(f"members: must be a list of file names, got {members!r}")
    if problems:
        raise UserError(where, problems)
    return Entry(**{**given, "members": tuple(members)})
