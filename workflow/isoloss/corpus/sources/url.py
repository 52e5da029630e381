"""Text that is downloaded, by its address and its SHA-256."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from isoloss.config.section import PositiveInt
from isoloss.corpus import split
from isoloss.corpus.addresses import address_problem, sha256_problem
from isoloss.corpus.archives import list_sha256, read_members
from isoloss.corpus.sources.base import Content, LocalFile, SafeName, Source, Texts
from isoloss.errors import UserError
from isoloss.files import sha256 as sha256_of


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
    sha256: Annotated[str | None, BeforeValidator(_sha256)] = None
    # In its place, for an archive that its server makes anew: SHA-256 of the list of the members,
    # as `sha256sum` prints it, in the order of their names.
    members_sha256: Annotated[str | None, BeforeValidator(_sha256)] = None
    members: Texts | None = None  # the files of a zip archive to read; names, or patterns with * ?
    text_bytes: PositiveInt | None = None  # size of the text: a plan is checked before a download
    name: SafeName | None = None  # a readable name; null: from the file's name

    @model_validator(mode="after")
    def _one_checksum(self) -> Self:
        if self.members_sha256 is None and "sha256" not in self.model_fields_set:
            raise ValueError("sha256: missing")
        if self.members_sha256 is not None and self.sha256 is not None:
            raise ValueError("sha256: give it or members_sha256, not both")
        if self.members_sha256 is not None and not self.members:
            raise ValueError("members_sha256: needs members, the files that it is the checksum of")
        return self

    @property
    def checksum(self) -> str | None:
        """The SHA-256 that says which text this is; None: nobody has checked it yet."""
        return self.members_sha256 or self.sha256

    def content(self, root: str | Path, where: str) -> Content:
        train = heldout = None
        members = self.parts()
        # The sizes of one text of declared size.
        if self.text_bytes is not None and len(members) <= 1 and "*" not in "".join(members):
            train = split.cut_position(self.text_bytes, self.heldout_share)
            heldout = self.text_bytes - train
        return Content(sha256=self.checksum, n_train_bytes=train, n_heldout_bytes=heldout)

    def documents(
        self, files: Sequence[LocalFile], downloads: str | Path
    ) -> list[tuple[str, bytes]]:
        from isoloss.corpus.download import download  # no plan needs the network

        basename = re.sub(r"[^A-Za-z0-9._-]", "-", self._last()).strip(".")[-100:] or "text"
        path = download(
            self.url,
            sha256=self.checksum,
            max_bytes=self.max_bytes,
            target=Path(downloads) / self.checksum / basename,
            digest=self._digest,
        )
        texts = self._texts(path)
        found = sum(len(text) for _, text in texts)
        if self.text_bytes not in (None, found):
            problem = f"text_bytes: {self.text_bytes:,} declared, but the text has {found:,}"
            raise UserError(self.url, [problem])
        return [(name or basename, text) for name, text in texts if text]

    def _texts(self, path: Path) -> list[tuple[str, bytes]]:
        return read_members(path, tuple(self.parts()), max_bytes=self.max_bytes)

    def _digest(self, path: Path) -> str:
        return list_sha256(self._texts(path)) if self.members_sha256 else sha256_of(path)

    def readable_name(self, files: Sequence[LocalFile]) -> str:
        return self.name or self._last()

    def parts(self) -> list[str]:
        return self.members or []

    def card(self) -> dict[str, Any]:
        return {"url": self.url}

    def registered_problem(self, name: str) -> str | None:
        if self.checksum is not None:
            return None
        return (
            f"name: {name} is registered in config/corpora.yaml without a SHA-256, so nobody can"
            f" say whether a download is the right one; download {self.url} yourself, look at it,"
            " write what `sha256sum` prints for it into that entry, and try again"
        )

    def _last(self) -> str:
        """The last part of the address's path."""
        return self.url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
