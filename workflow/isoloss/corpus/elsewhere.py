"""Other texts of a corpus: their held-out parts in the corpus's own tokens, for evaluations alone.

A model is judged on them as it is, without training: Kaplan et al. (2020, Sec. 3.2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.corpus.sources.base import Content, NotAtHand, Source
from isoloss.corpus.spec import read_spec
from isoloss.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from isoloss.corpus.tokens import Tokenizer

OF_THE_CORPUS = ("tokenizer", "elsewhere")  # keys that another text cannot have


@dataclass(frozen=True, kw_only=True)
class OtherTexts:
    """The other texts of a corpus.

    Attributes
    ----------
    found : dict
        Name -> the source of the text, and its content.
    missing : dict
        Name -> why the text is not on this machine.
    """

    found: dict[str, tuple[Source, Content]]
    missing: dict[str, str]

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the tokens of each text; null for a text that is missing."""
        known = {
            name: {
                "kind": source.kind,
                "content_sha256": content.sha256,
                "members": source.parts(),
                "heldout_share": source.heldout_share,
            }
            for name, (source, content) in self.found.items()
        }
        return known | dict.fromkeys(self.missing)


def look_at(given: Mapping[str, Mapping[str, Any]], root: str | Path, where: str) -> OtherTexts:
    """Check the settings of other texts, and find what is on this machine.

    Raises
    ------
    UserError
        Settings are impossible. A text that is missing raises nothing.
    """
    found, missing, problems = {}, {}, []
    for name, settings in given.items():
        at = f"{where}.elsewhere.{name}"
        problems += [
            f"elsewhere.{name}.{key}: another text has none; that of the corpus holds"
            for key in OF_THE_CORPUS
            if key in settings
        ]
        if any(key in settings for key in OF_THE_CORPUS):
            continue
        try:
            source = read_spec(settings, root, where=at)
            found[name] = source, source.content(root, at)
        except NotAtHand as error:
            missing[name] = "; ".join(error.problems)
        except UserError as error:
            problems += [f"elsewhere.{name}.{problem}" for problem in error.problems]
    if problems:
        raise UserError(where, problems)
    return OtherTexts(found=found, missing=missing)


def heldout_ids(
    texts: OtherTexts,
    tokenizer: Tokenizer,
    downloads: Path,
    split: Callable[[list[tuple[str, bytes]], float], bytes],
    *,
    utf8: bool,
) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
    """The held-out parts of all texts end to end, and facts about each for the card.

    `split` gives the held-out part of documents, for a share. `utf8`: the tokenizer needs UTF-8.

    Raises
    ------
    UserError
        A text changed while it was read, or is not UTF-8 but the tokenizer needs it.
    """
    import numpy as np

    from isoloss.corpus.tokens import utf8_problem

    pieces, facts, first = [], {}, 0
    for name, (source, content) in sorted(texts.found.items()):
        documents = source.documents(content.files, downloads)
        problems = [utf8_problem(*one) for one in documents] if utf8 else []
        if any(problems):
            raise UserError(f"corpus: elsewhere.{name}", filter(None, problems))
        text = split(documents, source.heldout_share)
        ids = tokenizer.encode(text)
        pieces.append(ids)
        facts[name] = {
            "kind": source.kind, "content_sha256": content.sha256, "first_token": first,
            "tokens": len(ids), "bytes": len(text), **source.card(),
        }  # fmt: skip
        first += len(ids)
    empty = tokenizer.encode(b"")
    return np.concatenate([empty, *pieces]).astype(empty.dtype), facts
