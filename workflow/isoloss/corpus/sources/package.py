"""Files of an installed package: text that is there wherever the package is."""

import importlib.util
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from isoloss.corpus.sources.base import Content, LocalFile, SafeName, Source, Texts
from isoloss.corpus.sources.local import local_content
from isoloss.corpus.sources.stdlib import read_source, read_unchanged

LEFT_OUT = {"test", "tests", "testing", "__pycache__"}


class Package(Source):
    """Source files of a package of the Python that runs the study."""

    kind: Literal["package"]
    package: Annotated[
        str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    ]  # the name it is imported by
    folder: str = ""  # inside the package; empty: all of it
    endings: Texts = ["py"]  # of the files that are read
    name: SafeName | None = None  # a readable name; null: the package's

    def content(self, root: str | Path, where: str) -> Content:
        found, problem = self._files()
        return local_content(
            found, [problem] if problem else [], where, heldout_share=self.heldout_share,
            read=read_source,
        )  # fmt: skip

    def documents(
        self, files: Sequence[LocalFile], downloads: str | Path
    ) -> list[tuple[str, bytes]]:
        return [(file.name, read_unchanged(file)) for file in files]

    def readable_name(self, files: Sequence[LocalFile]) -> str:
        return self.name or "-".join([self.package, *Path(self.folder).parts])

    def card(self) -> dict[str, Any]:
        names = metadata.packages_distributions().get(self.package, [])
        return {"distributions": {name: metadata.version(name) for name in sorted(set(names))}}

    def _files(self) -> tuple[list[tuple[str, Path]], str]:
        """The files by name, and what is wrong; tests are left out."""
        found = importlib.util.find_spec(self.package)
        folders = list(found.submodule_search_locations or []) if found else []
        if not folders:
            return [], f"package: there is no installed package {self.package!r}"
        root = Path(folders[0])
        if ".." in Path(self.folder).parts or not (root / self.folder).is_dir():
            return [], f"folder: the package {self.package!r} has no folder {self.folder!r}"
        endings = {f".{ending.lstrip('.')}" for ending in self.endings}
        files = [
            (path.relative_to(root).as_posix(), path)
            for path in (root / self.folder).rglob("*")
            if path.suffix in endings and not LEFT_OUT & set(path.relative_to(root).parts)
        ]
        listed = ", ".join(self.endings)
        return sorted(files), "" if files else f"endings: no file of the package ends in {listed}"
