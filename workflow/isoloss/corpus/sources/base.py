"""The base of every source of text: its settings, its content while planning, its documents."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from isoloss.config.section import PositiveInt, Section, shown
from isoloss.corpus.format import TokenizerSpec
from isoloss.errors import UserError

MAX_TEXT_BYTES = 1_000_000_000
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NotAtHand(UserError):
    """The text of a corpus is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """One file of a corpus on this machine."""

    name: str  # relative, with forward slashes: the same on every machine
    path: Path
    n_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """The text of a source, as far as it is known before the text is read.

    Attributes
    ----------
    sha256 : str
        Identifies the text.
    n_train_bytes, n_heldout_bytes : int or None
        Bytes of text in each part; None where they cannot be known without unpacking.
    files : tuple of LocalFile
        The files to read on this machine (none for a download), sorted by name.
    """

    sha256: str
    n_train_bytes: int | None
    n_heldout_bytes: int | None
    files: tuple[LocalFile, ...] = ()


def _safe_name(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise ValueError(
            "must be 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter "
            f"or a digit, got {shown(name)}"
        )
    return name


def _texts(value: Any) -> Any:
    listed = isinstance(value, list) and all(isinstance(text, str) and text for text in value)
    if not listed or not value:
        raise ValueError(f"must be a list of at least one text, got {shown(value)}")
    return value


SafeName = Annotated[str, AfterValidator(_safe_name)]
Texts = Annotated[list[str], BeforeValidator(_texts)]


class Corpus(Section):
    """Settings that every corpus of a config has."""

    tokenizer: TokenizerSpec = TokenizerSpec()  # how text becomes tokens
    heldout_share: Annotated[float, Field(gt=0, lt=1)] = 0.1  # of the text, never trained on
    max_bytes: PositiveInt = MAX_TEXT_BYTES  # more text, or a larger download, is refused
    # Name -> the source of another text, on which runs can be judged without training on it.
    elsewhere: dict[SafeName, dict[str, Any]] = {}


class Source(Corpus):
    """A corpus by where its text comes from.

    A kind of source adds its keys, among them `kind`, and the methods that find its text.
    """

    @abstractmethod
    def content(self, root: str | Path, where: str) -> Content:
        """Identity and size of the text; paths start at `root`.

        It must be fast, because it runs while a study is planned.

        Raises
        ------
        NotAtHand
            Files are missing or cannot be read; `where` names these settings in the message.
        """

    @abstractmethod
    def documents(
        self, files: Sequence[LocalFile], downloads: str | Path
    ) -> list[tuple[str, bytes]]:
        """Name and bytes of every document, checked against `content`.

        Parameters
        ----------
        files : sequence of LocalFile
            The files of `content`.
        downloads : path
            The folder of downloads.

        Raises
        ------
        UserError
            The text is not available, or differs from `content`.
        """

    @abstractmethod
    def readable_name(self, files: Sequence[LocalFile]) -> str:
        """A short name for people; it may hold characters that no file name can have."""

    def parts(self) -> list[str]:
        """The parts of the content that are the text; empty: all of it."""
        return []

    def card(self) -> dict[str, Any]:
        """Facts about the source for the card of the prepared corpus, beside its identity."""
        return {}

    def registered_problem(self, name: str) -> str | None:
        """The reason why an entry `name` of the registry cannot be used, or None."""
        return None
