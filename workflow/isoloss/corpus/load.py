"""A prepared corpus for training: memory-mapped tokens, checked against their card."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isoloss.corpus.format import ELSEWHERE, FORMAT
from isoloss.errors import UserError
from isoloss.files import read_json, sha256

VERIFIED_BYTES = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Token ids to train on, and held-out token ids.

    Attributes
    ----------
    train, heldout : ndarray, shape (n_tokens,), uint8 or uint16
        Mapped copy-on-write: reading costs no memory, writing does not reach the file.
    card : dict
        The record of `prepare`; docs/corpora.md describes each field.
    elsewhere : mapping
        Name of another text -> its held-out token ids, in the tokens of this corpus.
    """

    train: np.ndarray
    heldout: np.ndarray
    card: dict[str, Any]
    folder: Path
    elsewhere: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return self.card["vocab_size"]

    def text(self, ids: np.ndarray) -> str:
        """Token ids as text for people."""
        from isoloss.corpus.tokens import read_tokenizer

        kind = self.card["identity"]["tokenizer"]["kind"]
        return read_tokenizer(kind, self.folder / "tokenizer.json").decode(ids)


def load(folder: str | Path, *, verify: bool = False) -> Corpus:
    """Open a prepared corpus.

    Parameters
    ----------
    folder : path
        `out_dir` of `prepare`.
    verify : bool
        Also compare the SHA-256 of every file with the card's. Files of more than a gigabyte are
        left out, because each of many jobs would read them.

    Raises
    ------
    UserError
        The corpus is missing, incomplete or of another format, or card and arrays disagree.
    """
    folder = Path(folder)
    card = read_json(folder / "card.json")
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise UserError(str(folder), [f"card.json is not of format {FORMAT}; prepare it again"])
    dtype = np.dtype(np.uint8 if card["vocab_size"] <= 256 else np.uint16)
    problems, parts = [], {}
    others = card.get("elsewhere", {})
    sizes = {f"{part}.npy": card[f"{part}_tokens"] for part in ("train", "heldout")}
    if "elsewhere" in card:
        sizes[ELSEWHERE] = sum(text["tokens"] for text in others.values())
    for name, size in sizes.items():
        path = folder / name
        try:
            tokens = parts[path.stem] = np.load(path, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            problems.append(f"{path.name} could not be read: {error}")
            continue
        expected = (size,)
        if tokens.shape != expected or tokens.dtype != dtype:
            problems.append(
                f"{path.name} has shape {tokens.shape} and type {tokens.dtype}, but the card says"
                f" {expected} and {dtype}"
            )
    if verify and not problems:
        problems = [
            f"{name} is damaged: it has another SHA-256 than the card says"
            for name, digest in card["sha256"].items()
            if not _is_whole(folder / name, digest)
        ]
    if problems:
        raise UserError(str(folder), problems, f"Remove the folder {folder} and run again.")
    ids = parts.pop("elsewhere", None)
    elsewhere = {
        name: ids[text["first_token"] : text["first_token"] + text["tokens"]]
        for name, text in others.items()
    }
    return Corpus(**parts, card=card, folder=folder, elsewhere=elsewhere)


def _is_whole(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    return path.stat().st_size > VERIFIED_BYTES or sha256(path) == digest
