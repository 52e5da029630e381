"""Sources of text: one module for each kind of source.

To add a kind, write a class like those here and add its line to `SOURCES`; or call `register` from
an extension.
"""

from isoloss import extensions
from isoloss.corpus.sources.base import Source
from isoloss.corpus.sources.files import Files
from isoloss.corpus.sources.package import Package
from isoloss.corpus.sources.stdlib import Stdlib
from isoloss.corpus.sources.url import Url
from isoloss.errors import UserError

REGISTERED = "registered"  # the kind of a corpus that the registry describes

SOURCES: dict[str, type[Source]] = {
    "stdlib": Stdlib,
    "files": Files,
    "url": Url,
    "package": Package,
}


def register(kind: str, own: type[Source]) -> None:
    """Add a source of text from outside the package, for corpora to name as their `kind`.

    Raises
    ------
    UserError
        A source of that kind exists already.
    """
    if not (isinstance(own, type) and issubclass(own, Source)):
        raise UserError(
            "corpus", [f"must be a subclass of isoloss.corpus.sources.base.Source, got {own!r}"]
        )
    extensions.add(SOURCES, kind, own, "source of text", built_in=[REGISTERED])
