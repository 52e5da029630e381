"""Text that is downloaded, by its address and its SHA-256."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from isoloss.config.section import PositiveInt
from isoloss.corpus import split
from isoloss.corpus.addresses import address_problem, sha256_problem
from isoloss.corpus.archives import read_members
from isoloss.corpus.sources.base import Content, LocalFile, SafeName, Source, Texts
from isoloss.errors import UserError


def _address(url: Any) -> Any:
    if problem := address_problem(url):
        raise ValueError(problem)
    return url


def _sha256(digits: Any) -> Any:
    if digits is None:
        return None
    if problem := sha256_problem(digits):
        raise ValueError(problem)
    return digits.lower()


class Url(Source):
    """A download: a text, a gzip or xz of one, or a zip archive of some."""

    kind: Literal["url"]
    url: Annotated[str, BeforeValidator(_address)]  # an http or https address
    # SHA-256 of the file at `url`; null, in the registry: nobody has checked it yet.
    sha256: Annotated[str | None, BeforeValidator(_sha256)]
    members: Texts | None = None  # the files of a zip archive to read; names, or patterns with * ?
    text_bytes: PositiveInt | None = None  # size of the text: a plan is checked before a download
    name: SafeName | None = None  # a readable name; null: from the file's name

    def content(self, root: str | Path, where: str) -> Content:
        train = heldout = None
        members = self.parts()
        # The sizes of one text of declared size.
        if self.text_bytes is not None and len(members) <= 1 and "*" not in "".join(members):
            train = split.cut_position(self.text_bytes, self.heldout_share)
            heldout = self.text_bytes - train
        return Content(sha256=self.sha256, n_train_bytes=train, n_heldout_bytes=heldout)

    def documents(
        self, files: Sequence[LocalFile], downloads: str | Path
    ) -> list[tuple[str, bytes]]:
        from isoloss.corpus.download import download  # no plan needs the network

        basename = re.sub(r"[^A-Za-z0-9._-]", "-", self._last()).strip(".")[-100:] or "text"
        path = download(
            self.url,
            sha256=self.sha256,
            max_bytes=self.max_bytes,
            target=Path(downloads) / self.sha256 / basename,
        )
        texts = read_members(path, tuple(self.parts()), max_bytes=self.max_bytes)
        found = sum(len(text) for _, text in texts)
        if self.text_bytes not in (None, found):
            problem = f"text_bytes: {self.text_bytes:,} declared, but the text has {found:,}"
            raise UserError(self.url, [problem])
        return [(name or basename, text) for name, text in texts if text]

    def readable_name(self, files: Sequence[LocalFile]) -> str:
        return self.name or self._last()

    def parts(self) -> list[str]:
        return self.members or []

    def card(self) -> dict[str, Any]:
        return {"url": self.url}

    def registered_problem(self, name: str) -> str | None:
        if self.sha256 is not None:
            return None
        return (
            f"name: {name} is registered in config/corpora.yaml without a SHA-256, so nobody can"
            f" say whether a download is the right one; download {self.url} yourself, look at it,"
            " write what `sha256sum` prints for it into that entry, and try again"
        )

    def _last(self) -> str:
        """The last part of the address's path."""
        return self.url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
