"""Tokenizers: bytes, characters, byte-level BPE.

A tokenizer learns from the training part alone. Its `encode` takes UTF-8 bytes (for the bytes
tokenizer, any bytes). Its `text` is the content of tokenizer.json.
"""

import codecs
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from isoloss.corpus.format import LARGEST_VOCAB, TokenizerSpec
from isoloss.errors import UserError
from isoloss.files import read_json

CHUNK_BYTES = 1 << 20


class Tokenizer(Protocol):
    """The methods of every tokenizer."""

    vocab_size: int

    def encode(self, text: bytes) -> np.ndarray:
        """Token ids, shape (n_tokens,), uint8 if `vocab_size` is at most 256, else uint16."""

    def decode(self, ids: Iterable[int]) -> str:
        """Text for people; U+FFFD replaces bytes that are not UTF-8."""

    def text(self) -> str | None:
        """JSON that `read_tokenizer` reads; None if the tokenizer learned nothing."""


class ByteTokenizer:
    """Every byte is a token: 256 ids, nothing to learn, no unknown token."""

    vocab_size = 256

    def encode(self, text: bytes) -> np.ndarray:
        """The bytes as token ids, shape (n_tokens,), uint8."""
        return np.frombuffer(text, np.uint8)

    def decode(self, ids: Iterable[int]) -> str:
        """Text for people; U+FFFD replaces bytes that are not UTF-8."""
        return bytes(int(i) for i in ids).decode("utf-8", "replace")

    def text(self) -> None:
        """None: this tokenizer learns nothing."""
        return None  # noqa: RET501 (the other tokenizers return text)


class CharacterTokenizer:
    """Every character of the training part is a token, in code point order.

    The last id stands for all other characters.
    """

    def __init__(self, code_points: Iterable[int]):
        self.code_points = np.array(sorted(code_points), np.uint32)
        self.unknown_id = len(self.code_points)
        self.vocab_size = self.unknown_id + 1

    @classmethod
    def learn(cls, text: bytes) -> "CharacterTokenizer":
        """The tokenizer of a text's characters.

        Raises
        ------
        UserError
            The text has more characters than there are ids.
        """
        seen = set()
        for points in _code_points(text):
            seen.update(np.unique(points).tolist())
        if len(seen) + 1 > LARGEST_VOCAB:
            problem = f"chars: {len(seen):,} different characters, at most {LARGEST_VOCAB - 1:,}"
            raise UserError("tokenizer", [problem])
        return cls(seen)

    def encode(self, text: bytes) -> np.ndarray:
        """Token ids of a UTF-8 text, shape (n_tokens,), uint8 or uint16."""
        kind = id_type(self.vocab_size)
        table = np.full(0x110000, self.unknown_id, kind)
        table[self.code_points] = np.arange(self.unknown_id, dtype=kind)
        return np.concatenate([np.empty(0, kind), *(table[p] for p in _code_points(text))])

    def decode(self, ids: Iterable[int]) -> str:
        """Text for people; U+FFFD stands for an unknown character."""
        known = [*map(chr, self.code_points.tolist()), "\ufffd"]
        return "".join(known[int(i)] for i in ids)

    def text(self) -> str:
        """The code points as JSON."""
        points = self.code_points.tolist()
        return json.dumps({"kind": "chars", "code_points": points, "unknown_id": len(points)})


class BpeTokenizer:
    """Byte-level byte-pair encoding, without unknown tokens.

    Sennrich et al. (2016, arXiv:1508.07909), on bytes as in GPT-2.
    """

    def __init__(self, model):
        self.model = model
        self.vocab_size = model.get_vocab_size()

    @classmethod
    def learn(cls, text: bytes, vocab_size: int) -> "BpeTokenizer":
        """A tokenizer of `vocab_size` ids, learned from a text.

        Raises
        ------
        UserError
            The text is too short for so many tokens.
        """
        tokenizers = _library()
        model = tokenizers.Tokenizer(tokenizers.models.BPE())
        model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        model.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size,
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        model.train_from_iterator(_lines(text), trainer)
        if model.get_vocab_size() != vocab_size:
            problem = (
                f"vocab_size: {vocab_size} asked for, but the training part"
                f" gives only {model.get_vocab_size()} tokens"
            )
            raise UserError("tokenizer", [problem])
        return cls(model)

    def encode(self, text: bytes) -> np.ndarray:
        """Token ids of a UTF-8 text, shape (n_tokens,), uint8 or uint16."""
        kind = id_type(self.vocab_size)
        parts = [np.array(self.model.encode(part).ids, kind) for part in _lines(text)]
        return np.concatenate([np.empty(0, kind), *parts])

    def decode(self, ids: Iterable[int]) -> str:
        """Text for people; U+FFFD replaces bytes that are not UTF-8."""
        return self.model.decode([int(i) for i in ids])

    def text(self) -> str:
        """The vocabulary and the merges as JSON."""
        return self.model.to_str()


def learn_tokenizer(spec: TokenizerSpec, text: bytes) -> Tokenizer:
    """The tokenizer of `spec`, learned from the training part (UTF-8 unless bytes)."""
    if spec.kind == "chars":
        return CharacterTokenizer.learn(text)
    if spec.kind == "bpe":
        return BpeTokenizer.learn(text, spec.vocab_size)
    return ByteTokenizer()


def read_tokenizer(kind: str, path: str | Path) -> Tokenizer:
    """The tokenizer of a prepared corpus; `path` (its tokenizer.json) is not read for bytes.

    Raises
    ------
    UserError
        The file is missing or damaged.
    """
    if kind == "bytes":
        return ByteTokenizer()
    saved = read_json(path)
    if kind == "chars":
        return CharacterTokenizer(saved["code_points"])
    return BpeTokenizer(_library().Tokenizer.from_str(json.dumps(saved)))


def utf8_problem(name: str, text: bytes) -> str | None:
    """The place where a document stops being UTF-8, as a message; None if it is UTF-8."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return (
            f"{name}: not UTF-8: byte 0x{text[error.start]:02x} at offset {error.start:,}"
            f" ({error.reason}); the bytes tokenizer takes any file"
        )
    return None


def id_type(vocab_size: int) -> type[np.unsignedinteger]:
    """The smallest integer type that holds all ids of a vocabulary."""
    return np.uint8 if vocab_size <= 256 else np.uint16


def _code_points(text: bytes) -> Iterator[np.ndarray]:
    """A UTF-8 text as uint32 code points, in chunks.

    So a long text is never whole in memory at four bytes a character.
    """
    chunks = (text[start : start + CHUNK_BYTES] for start in range(0, len(text), CHUNK_BYTES))
    for chunk in codecs.iterdecode(chunks, "utf-8"):
        yield np.frombuffer(chunk.encode("utf-32-le"), "<u4")


def _lines(text: bytes) -> Iterator[str]:
    """A UTF-8 text in pieces of whole lines, each just longer than `CHUNK_BYTES` / 64."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start + CHUNK_BYTES // 64) + 1 or len(text)
        yield text[start:end].decode("utf-8")
        start = end


def _library():
    """The `tokenizers` library on one thread, because a job has one core."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import tokenizers

    return tokenizers
