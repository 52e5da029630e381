"""What a corpus is, found out while planning: before any job, without tokenising anything."""

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.corpus import split
from isoloss.corpus.sources import (
    LocalFile,
    content_sha256,
    hashed,
    matching_files,
    stdlib_files,
)
from isoloss.corpus.spec import CorpusSpec, read_spec
from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json

FORMAT = 1  # raised when the same settings come to mean other tokens
COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ\x00")  # gzip, xz


class NotAtHand(UserError):
    """The text of a corpus is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A corpus that exists and can be prepared.

    Attributes
    ----------
    corpus_id : str
        A readable name and ten digits of the SHA-256 of `identity`: the name of its folder.
    identity : dict
        Exactly the settings and the content that decide which tokens come out.
    n_train_bytes, n_heldout_bytes : int or None
        Bytes of text in each part. None where they cannot be known without unpacking; for a
        download they follow from the declared size, give or take the three bytes by which a cut
        avoids the inside of a character. With the bytes tokenizer they are tokens.
    local_files : tuple of LocalFile
        What is read on this machine (nothing for a download), sorted by name.
    """

    corpus_id: str
    name: str
    spec: CorpusSpec
    identity: dict[str, Any]
    n_train_bytes: int | None
    n_heldout_bytes: int | None
    local_files: tuple[LocalFile, ...]

    @property
    def max_train_tokens(self) -> int | None:
        """At most so many tokens to train on (bytes: exactly); None if that is not known yet."""
        return self.n_train_bytes

    @property
    def max_heldout_tokens(self) -> int | None:
        """At most so many held-out tokens (bytes: exactly); None if that is not known yet."""
        return self.n_heldout_bytes

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths that the job reads, for a rule's `input`."""
        return tuple(file.path for file in self.local_files)


def resolve(spec: Mapping[str, Any], root: str | Path, *, where: str = "corpus") -> Resolved:
    """Check a corpus's settings against what is there, and give it its identity.

    Parameters
    ----------
    spec : mapping
        The corpus's settings; keys are in docs/corpora.md.
    root : path
        The project's folder: relative paths start there and config/corpora.yaml lies there.
    where : str
        What a message calls these settings, such as `config/studies/text.yaml: corpus`.

    Raises
    ------
    UserError
        Every problem that can be known before a job runs; `NotAtHand` where the settings are
        possible, but files are missing or cannot be read.
    """
    checked = read_spec(spec, root, where=where)
    if checked.kind == "url":
        local, content = (), checked.sha256
        sizes = _declared_sizes(checked)
    else:
        local = _local_files(checked, root, where)
        content = content_sha256(list(local))
        sizes = _measured_sizes(checked, local)
    if 0 in sizes:
        train, heldout = sizes
        problem = f"is too short to be split: {train} bytes to train on, {heldout} held out"
        raise UserError(where, [problem])
    if None not in sizes and sum(sizes) > checked.max_bytes:
        problem = f"max_bytes: {checked.max_bytes:,}, but the text has {sum(sizes):,}"
        raise UserError(where, [problem])
    tokenizer = {"kind": checked.tokenizer.kind}
    if checked.tokenizer.vocab_size is not None:
        tokenizer["vocab_size"] = checked.tokenizer.vocab_size
    identity = {
        "format": FORMAT,
        "kind": checked.kind,
        "content_sha256": content,
        "members": list(checked.members),
        "tokenizer": tokenizer,
        "heldout_share": float(checked.heldout_share),
    }
    name = _readable_name(spec, checked, local)
    digits = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:10]
    return Resolved(
        corpus_id=f"{name}-{digits}",
        name=name,
        spec=checked,
        identity=identity,
        n_train_bytes=sizes[0],
        n_heldout_bytes=sizes[1],
        local_files=tuple(local),
    )


def prepared_card(folder: str | Path, corpus_id: str) -> dict[str, Any] | None:
    """The card of a prepared corpus; None if it is not there, not whole, or another's.

    Whatever is wrong with it is said by the jobs that read the corpus.
    """
    try:
        card = read_json(Path(folder) / "card.json")
    except UserError:
        return None
    if not isinstance(card, dict) or card.get("corpus_id") != corpus_id:
        return None
    sizes = [card.get(f"{part}_tokens") for part in ("train", "heldout")]
    return card if all(type(size) is int and size > 0 for size in sizes) else None


def _local_files(spec: CorpusSpec, root: str | Path, where: str) -> tuple[LocalFile, ...]:
    """Find and hash the files of a corpus on this machine."""
    if spec.kind == "stdlib":
        found, problems = stdlib_files(), []
        if not found:
            problems = [
                "kind: this Python came without its library's sources; use kind files or url"
            ]
    else:
        found, problems = matching_files(spec.paths, root)
    local = []
    for name, path in found:
        try:
            local.append(hashed(name, path, is_source=spec.kind == "stdlib"))
        except OSError as error:
            problems.append(f"paths: {name!r} could not be read: {error.strerror or error}")
    if problems:
        raise NotAtHand(where, problems)
    return tuple(file for file in local if file.n_bytes)


def _declared_sizes(spec: CorpusSpec) -> tuple[int | None, int | None]:
    """The sizes of the parts of a download of one text, if that text's size was declared."""
    if spec.text_bytes is None or len(spec.members) > 1 or "*" in "".join(spec.members):
        return None, None
    cut = split.cut_position(spec.text_bytes, spec.heldout_share)
    return cut, spec.text_bytes - cut


def _measured_sizes(
    spec: CorpusSpec, local: tuple[LocalFile, ...]
) -> tuple[int | None, int | None]:
    """The sizes of the parts of a local corpus, None if a file is compressed."""
    if spec.kind == "files" and any(_is_compressed(file.path) for file in local):
        return None, None
    if len(local) == 1:
        size = local[0].n_bytes
        cut = split.cut_position(size, spec.heldout_share)
        with local[0].path.open("rb") as file:
            file.seek(max(cut - 3, 0))
            cut -= split.whole_character(file.read(min(cut, 3) + 1)) if cut < size else 0
        return cut, size - cut
    held = split.heldout_names((file.name for file in local), spec.heldout_share)
    parts = [[], []]
    for file in local:
        parts[file.name in held].append(file.n_bytes)
    train, heldout = (sum(part) + len(part) - 1 for part in parts)  # and the separators
    return train, heldout


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith(COMPRESSED)


def _readable_name(given: Mapping[str, Any], spec: CorpusSpec, local: tuple[LocalFile, ...]) -> str:
    """A short name for people: the given one, or what the text is; then the tokenizer."""
    if spec.kind == "stdlib":
        base = f"stdlib-py{sys.version_info.major}.{sys.version_info.minor}"
    elif given.get("name"):
        base = str(given["name"])
    elif spec.kind == "url":
        base = spec.url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    else:
        base = Path(local[0].name).name if len(local) == 1 else f"{len(local)}-files"
    base = re.sub(r"(\.txt|\.md|\.gz|\.xz|\.zip)+$", "", base)
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", base).strip("-.")[:48] or "text"
    return base if spec.tokenizer.kind == "bytes" else f"{base}-{spec.tokenizer.label}"
