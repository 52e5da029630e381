"""The corpus job: text to token arrays, and a card that describes them."""

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isoloss.corpus import elsewhere, split
from isoloss.corpus.fingerprint import Resolved, resolve
from isoloss.corpus.format import ELSEWHERE, FORMAT
from isoloss.corpus.tokens import CharacterTokenizer, Tokenizer, learn_tokenizer, utf8_problem
from isoloss.errors import UserError
from isoloss.files import sha256, whole, write_json, write_text

SEPARATOR = b"\n"  # between two documents: it is text, so no tokenizer needs a new symbol
DOWNLOADS = Path("results") / "downloads"


def prepare(
    spec: Mapping[str, Any],
    root: str | Path,
    out_dir: str | Path,
    *,
    expected_id: str | None = None,
    downloads: str | Path | None = None,
) -> dict[str, Any]:
    """Write a corpus's tokens and its card to `out_dir`; return the card.

    train.npy and heldout.npy hold token ids, shape (n_tokens,), uint8 or uint16. documents.tsv
    holds each document's SHA-256, bytes, part and name, in training order. tokenizer.json is for
    characters and BPE. elsewhere.npy holds the held-out parts of other texts, if the settings name
    any. card.json is written last.

    Parameters
    ----------
    spec, root
        As for `fingerprint.resolve`.
    expected_id : str
        The corpus's id in the plan. A corpus whose files have changed since is refused.
    downloads : path
        The folder of downloads, named by SHA-256 (default: results/downloads in `root`).

    Raises
    ------
    UserError
        As `resolve` and `download`. Or the text is not UTF-8 but the tokenizer needs it, a file
        changed while it was read, a part is empty, or the disk is full. There is no card then.
    """
    out_dir = Path(out_dir)
    with contextlib.suppress(OSError):
        (out_dir / "card.json").unlink()  # so that a card is never beside arrays of another corpus
    resolved = resolve(spec, root)
    if expected_id not in (None, resolved.corpus_id):
        problem = f"the files have changed since the plan: they were {expected_id}, now"
        raise UserError("corpus", [f"{problem} they are {resolved.corpus_id}; plan again"])
    documents = resolved.spec.documents(resolved.local_files, downloads or Path(root) / DOWNLOADS)
    if resolved.spec.tokenizer.kind != "bytes":
        problems = [utf8_problem(name, text) for name, text in documents]
        if any(problems):
            raise UserError("corpus", filter(None, problems))
    rows, parts = _split(documents, resolved.spec.heldout_share)
    del documents
    if empty := [f"its {part} part is empty" for part, text in parts.items() if not text]:
        raise UserError("corpus", empty)
    tokenizer = learn_tokenizer(resolved.spec.tokenizer, parts["train"])
    n_bytes = {part: len(text) for part, text in parts.items()}
    ids = {part: tokenizer.encode(text) for part, text in parts.items()}
    written = ["train.npy", "heldout.npy", "documents.tsv"]
    for part, tokens in ids.items():
        _save(out_dir / f"{part}.npy", tokens)
    write_text(out_dir / "documents.tsv", "sha256\tbytes\tpart\tname\n" + "".join(rows))
    if text := tokenizer.text():
        write_text(out_dir / "tokenizer.json", text)
        written.append("tokenizer.json")
    card = _card(resolved, tokenizer, n_bytes, ids, n_documents=len(rows))
    if resolved.spec.elsewhere:
        others, card["elsewhere"] = elsewhere.heldout_ids(
            resolved.elsewhere, tokenizer, Path(downloads or Path(root) / DOWNLOADS), _heldout,
            utf8=resolved.spec.tokenizer.kind != "bytes",
        )  # fmt: skip
        card["elsewhere_missing"] = resolved.elsewhere.missing
        _save(out_dir / ELSEWHERE, others)
        written.append(ELSEWHERE)
    card["sha256"] = {name: sha256(out_dir / name) for name in written}
    write_json(out_dir / "card.json", card)
    return card


def _save(path: Path, tokens: np.ndarray) -> None:
    with whole(path) as partial, partial.open("wb") as file:
        np.save(file, tokens, allow_pickle=False)


def _heldout(documents: list[tuple[str, bytes]], share: float) -> bytes:
    return _split(documents, share)[1]["heldout"]


def _card(
    resolved: Resolved,
    tokenizer: Tokenizer,
    n_bytes: dict[str, int],
    ids: dict[str, np.ndarray],
    *,
    n_documents: int,
) -> dict[str, Any]:
    """The card: facts about the text for readers of results, as docs/corpora.md describes."""
    card = {
        "format": FORMAT,
        "corpus_id": resolved.corpus_id,
        "name": resolved.name,
        "kind": resolved.spec.kind,
        "identity": resolved.identity,
        "content_sha256": resolved.identity["content_sha256"],
        "tokenizer": resolved.spec.tokenizer.label,
        "vocab_size": tokenizer.vocab_size,
        "n_documents": n_documents,
        "heldout_unigram_nats_per_token": unigram_nats(
            ids["train"], ids["heldout"], tokenizer.vocab_size
        ),
    }
    for part, tokens in ids.items():
        card[f"{part}_bytes"] = n_bytes[part]
        card[f"{part}_tokens"] = len(tokens)
        card[f"{part}_bytes_per_token"] = n_bytes[part] / len(tokens)
    card |= resolved.spec.card()
    if isinstance(tokenizer, CharacterTokenizer):
        card["heldout_unknown_tokens"] = int((ids["heldout"] == tokenizer.unknown_id).sum())
    return card


def unigram_nats(train: np.ndarray, heldout: np.ndarray, vocab_size: int) -> float:
    """Cross-entropy of the unigram model on the held-out tokens, in nats per token.

    The unigram model predicts each token by its frequency in the training part. Laplace smoothing
    adds one to every count, so that an unseen token has a finite loss. A model that has learned
    more than frequencies has a lower loss.
    """
    counts = _counts(train, vocab_size) + 1
    log_share = np.log(counts) - np.log(counts.sum())
    seen = _counts(heldout, vocab_size)
    return float(-(seen @ log_share) / seen.sum())


def _counts(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """Count of each token; in pieces, because bincount takes eight bytes a token."""
    pieces = (ids[start : start + (1 << 22)] for start in range(0, len(ids), 1 << 22))
    return sum(np.bincount(piece, minlength=vocab_size) for piece in pieces)


def _split(documents: list[tuple[str, bytes]], share: float) -> tuple[list[str], dict[str, bytes]]:
    """The rows of documents.tsv in training order, and the two parts' text."""
    if len(documents) == 1:
        [(name, text)] = documents
        cut = split.cut_position(len(text), share)
        cut -= split.whole_character(text[max(cut - 3, 0) : cut + 1]) if cut < len(text) else 0
        parts = {"train": text[:cut], "heldout": text[cut:]}
        row = f"{hashlib.sha256(text).hexdigest()}\t{len(text)}\tboth\t{name}\n"
        return [row], parts
    by_name = dict(documents)
    held = split.heldout_names(by_name, share)
    rows: list[str] = []
    texts: dict[str, list[bytes]] = {"train": [], "heldout": []}
    for name in split.in_order(by_name):
        part = "heldout" if name in held else "train"
        text = by_name[name]
        texts[part].append(text)
        rows.append(f"{hashlib.sha256(text).hexdigest()}\t{len(text)}\t{part}\t{name}\n")
    return rows, {part: SEPARATOR.join(pieces) for part, pieces in texts.items()}
