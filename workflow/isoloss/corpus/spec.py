"""What a config may say about a corpus, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoloss.corpus.addresses import address_problem, sha256_problem
from isoloss.corpus.registry import registered
from isoloss.errors import UserError, nearest

KEYS = {
    "stdlib": (),
    "files": ("paths", "name"),
    "url": ("url", "sha256", "members", "text_bytes", "name"),
    "registered": ("name",),
}
COMMON_KEYS = ("kind", "tokenizer", "heldout_share", "max_bytes")
REQUIRED = {"files": ("paths",), "url": ("url", "sha256"), "registered": ("name",)}
TOKENIZERS = ("bytes", "chars", "bpe")
SMALLEST_BPE = 257  # 256 bytes and one merge
LARGEST_VOCAB = 65_536  # token ids are stored as uint16
MAX_TEXT_BYTES = 1_000_000_000
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec:
    """How text becomes token ids."""

    kind: str = "bytes"
    vocab_size: int | None = None  # BPE only; the others follow from the text

    @property
    def label(self) -> str:
        return self.kind if self.vocab_size is None else f"{self.kind}{self.vocab_size}"


@dataclass(frozen=True, kw_only=True)
class CorpusSpec:
    """One corpus as a config asks for it; what `registered` stands for is filled in."""

    kind: str
    paths: tuple[str, ...] = ()
    url: str | None = None
    sha256: str | None = None
    members: tuple[str, ...] = ()
    text_bytes: int | None = None
    name: str | None = None
    tokenizer: TokenizerSpec = field(default_factory=TokenizerSpec)
    heldout_share: float = 0.1
    max_bytes: int = MAX_TEXT_BYTES


def read_spec(given: Mapping[str, Any], root: str | Path, *, where: str = "corpus") -> CorpusSpec:
    """Check a corpus's settings and give them types; look a registered one up.

    Parameters
    ----------
    given : mapping
        The settings; a key whose value is None counts as absent. The keys are in `KEYS` and
        `COMMON_KEYS`.
    root : path
        The project's folder: the registry is its `config/corpora.yaml`.
    where : str
        What a message calls these settings.

    Raises
    ------
    UserError
        Every unknown, missing or impossible setting.
    """
    given = {key: value for key, value in given.items() if value is not None}
    if isinstance(given.get("heldout_share"), str):
        from isoloss.config.reading import number_of  # a job that prepares needs no YAML

        given["heldout_share"] = number_of(given["heldout_share"])  # 1e-1 is text in YAML 1.1
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KEYS:
        found = "missing" if kind is None else f"got {kind!r}{nearest(kind, KEYS)}"
        raise UserError(where, [f"kind: must be one of {', '.join(KEYS)}; {found}"])
    problems = [
        f"{key}: unknown key for kind {kind}{nearest(key, (*COMMON_KEYS, *KEYS[kind]))}"
        for key in given
        if key not in (*COMMON_KEYS, *KEYS[kind])
    ]
    problems += [f"{key}: missing" for key in REQUIRED.get(kind, ()) if key not in given]
    problems += _value_problems(given)
    tokenizer = _read_tokenizer(given.get("tokenizer", {}), problems)
    if problems:
        raise UserError(where, problems)
    settings = {key: given[key] for key in given if key != "tokenizer"}
    if kind == "registered":
        settings |= _look_up(given["name"], root, where)
    for key in ("paths", "members"):
        settings[key] = tuple(settings.get(key, ()))
    if "sha256" in settings:
        settings["sha256"] = settings["sha256"].lower()
    return CorpusSpec(**settings, tokenizer=tokenizer)


def _look_up(name: str, root: str | Path, where: str) -> dict[str, Any]:
    """The settings of a registered corpus."""
    entry = registered(name, root, where=where)
    if entry.kind == "url" and entry.sha256 is None:
        problem = (
            f"name: {name} is registered in config/corpora.yaml without a SHA-256, so nobody can"
            f" say whether a download is the right one; download {entry.url} yourself, look at it,"
            " write what `sha256sum` prints for it into that entry, and try again"
        )
        raise UserError(where, [problem])
    keys = ("kind", "paths", "url", "sha256", "members", "text_bytes")
    return {key: value for key in keys if (value := getattr(entry, key)) is not None}


def _value_problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values, apart from the tokenizer's."""
    problems = []
    for key in ("paths", "members"):
        value = given.get(key, ["x"])
        listed = isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)
        if not listed or not value:
            problems.append(f"{key}: must be a list of at least one text, got {value!r}")
    name = given.get("name", "x")
    if not isinstance(name, str) or not SAFE_NAME.fullmatch(name):
        problems.append(
            "name: must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a"
            f" letter or a digit, got {name!r}"
        )
    share = given.get("heldout_share", 0.1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        problems.append(f"heldout_share: must lie between 0 and 1, got {share!r}")
    for key in ("max_bytes", "text_bytes"):
        value = given.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            problems.append(f"{key}: must be a whole number of at least 1, got {value!r}")
    for key, problem in (("url", address_problem), ("sha256", sha256_problem)):
        if key in given and (text := problem(given[key])):
            problems.append(f"{key}: {text}")
    return problems


def _read_tokenizer(given: Any, problems: list[str]) -> TokenizerSpec:
    """The tokenizer's settings; what is wrong with them is added to `problems`."""
    if not isinstance(given, Mapping):
        problems.append(f"tokenizer: must be a mapping such as {{kind: bytes}}, got {given!r}")
        return TokenizerSpec()
    given = {key: value for key, value in given.items() if value is not None}
    kind, size = given.get("kind", "bytes"), given.get("vocab_size")
    allowed = ("kind", "vocab_size")
    problems += [
        f"tokenizer.{key}: unknown key{nearest(key, allowed)}"
        for key in given
        if key not in allowed
    ]
    if kind not in TOKENIZERS:
        problems.append(
            f"tokenizer.kind: must be one of {', '.join(TOKENIZERS)}, got {kind!r}"
            f"{nearest(kind, TOKENIZERS)}"
        )
    elif kind != "bpe" and size is not None:
        problems.append(f"tokenizer.vocab_size: only BPE has one to choose; {kind} was asked for")
    elif kind == "bpe" and (
        isinstance(size, bool)
        or not isinstance(size, int)
        or not SMALLEST_BPE <= size <= LARGEST_VOCAB
    ):
        found = "missing" if size is None else f"got {size!r}"
        problems.append(
            f"tokenizer.vocab_size: must be {SMALLEST_BPE} to {LARGEST_VOCAB} for BPE, {found}"
        )
    return TokenizerSpec(kind=kind, vocab_size=size)
