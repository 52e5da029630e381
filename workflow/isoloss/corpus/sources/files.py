"""Text in files on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from isoloss.corpus.archives import read_text, reported
from isoloss.corpus.sources.base import Content, LocalFile, SafeName, Source, Texts
from isoloss.corpus.sources.local import local_content, matching_files
from isoloss.errors import UserError
from isoloss.files import sha256


class Files(Source):
    """Files by path or glob; gzip and xz are decompressed."""

    kind: Literal["files"]
    paths: Texts  # paths or globs (`**` goes through folders), from the project's folder
    name: SafeName | None = None  # a readable name; null: from the file's name

    def content(self, root: str | Path, where: str) -> Content:
        found, problems = matching_files(self.paths, root)
        return local_content(found, problems, where, heldout_share=self.heldout_share)

    def documents(
        self, files: Sequence[LocalFile], downloads: str | Path
    ) -> list[tuple[str, bytes]]:
        return [(file.name, self._read(file)) for file in files]

    def readable_name(self, files: Sequence[LocalFile]) -> str:
        return self.name or (Path(files[0].name).name if len(files) == 1 else f"{len(files)}-files")

    def _read(self, file: LocalFile) -> bytes:
        with reported(file.path):
            text = read_text(file.path, max_bytes=self.max_bytes)
            found = sha256(file.path)
        if found != file.sha256:
            raise UserError(str(file.path), ["changed while it was being read; try again"])
        return text
