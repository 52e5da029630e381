"""The identity of a corpus, found while planning: before any job, and without tokenising."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.corpus.elsewhere import OtherTexts, look_at
from isoloss.corpus.format import FORMAT
from isoloss.corpus.sources.base import LocalFile, Source
from isoloss.corpus.spec import read_spec
from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A corpus that exists and can be prepared.

    Attributes
    ----------
    corpus_id : str
        A readable name and ten digits of the SHA-256 of `identity`: the name of its folder.
    identity : dict
        Exactly the settings and the content that determine the tokens.
    n_train_bytes, n_heldout_bytes : int or None
        Bytes of text in each part; None where they cannot be known without unpacking. For a
        download, they follow from the declared size. They are then exact to three bytes, because a
        cut avoids the inside of a character. With the bytes tokenizer, they are tokens.
    local_files : tuple of LocalFile
        The files to read on this machine (none for a download), sorted by name.
    elsewhere : OtherTexts
        The other texts on which runs can be judged.
    """

    corpus_id: str
    name: str
    spec: Source
    identity: dict[str, Any]
    n_train_bytes: int | None
    n_heldout_bytes: int | None
    local_files: tuple[LocalFile, ...]
    elsewhere: OtherTexts

    @property
    def max_train_tokens(self) -> int | None:
        """The most tokens to train on (exact for bytes); None if that is not known yet."""
        return self.n_train_bytes

    @property
    def max_heldout_tokens(self) -> int | None:
        """The most held-out tokens (exact for bytes); None if that is not known yet."""
        return self.n_heldout_bytes

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths that the job reads, for a rule's `input`."""
        return tuple(file.path for file in self.local_files)


def resolve(spec: Mapping[str, Any], root: str | Path, *, where: str = "corpus") -> Resolved:
    """Check a corpus's settings against its files, and compute its identity.

    Parameters
    ----------
    spec : mapping
        The corpus's settings; keys are in docs/corpora.md.
    root : path
        The project's folder: relative paths start there and config/corpora.yaml lies there.
    where : str
        The name of these settings in messages, such as `config/studies/text.yaml: corpus`.

    Raises
    ------
    UserError
        The error lists every problem that can be known before a job runs. It is `NotAtHand` where
        the settings are valid, but files are missing or cannot be read.
    """
    checked = read_spec(spec, root, where=where)
    content = checked.content(root, where)
    sizes = content.n_train_bytes, content.n_heldout_bytes
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
        "content_sha256": content.sha256,
        "members": checked.parts(),
        "tokenizer": tokenizer,
        "heldout_share": checked.heldout_share,
    }
    elsewhere = look_at(checked.elsewhere, root, where)
    if checked.elsewhere:
        identity["elsewhere"] = elsewhere.identity
    name = _readable_name(checked, content.files)
    digits = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:10]
    return Resolved(
        corpus_id=f"{name}-{digits}",
        name=name,
        spec=checked,
        identity=identity,
        n_train_bytes=content.n_train_bytes,
        n_heldout_bytes=content.n_heldout_bytes,
        local_files=content.files,
        elsewhere=elsewhere,
    )


def prepared_card(folder: str | Path, corpus_id: str) -> dict[str, Any] | None:
    """The card of a prepared corpus; None if it is missing, damaged, or of another corpus.

    The jobs that read the corpus report what is wrong with the card.
    """
    try:
        card = read_json(Path(folder) / "card.json")
    except UserError:
        return None
    if not isinstance(card, dict) or card.get("corpus_id") != corpus_id:
        return None
    sizes = [card.get(f"{part}_tokens") for part in ("train", "heldout")]
    return card if all(type(size) is int and size > 0 for size in sizes) else None


def _readable_name(spec: Source, files: tuple[LocalFile, ...]) -> str:
    """A short name for people: the given name or the source's, then the tokenizer."""
    base = re.sub(r"(\.txt|\.md|\.gz|\.xz|\.zip)+$", "", spec.readable_name(files))
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", base).strip("-.")[:48] or "text"
    return base if spec.tokenizer.kind == "bytes" else f"{base}-{spec.tokenizer.label}"
