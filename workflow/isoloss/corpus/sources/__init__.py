"""Where text can come from: one module for each kind of source.

To add a kind, write a class like those here, and its line in `SOURCES`.
"""

from isoloss.corpus.sources.base import Source
from isoloss.corpus.sources.files import Files
from isoloss.corpus.sources.stdlib import Stdlib
from isoloss.corpus.sources.url import Url

SOURCES: dict[str, type[Source]] = {"stdlib": Stdlib, "files": Files, "url": Url}
