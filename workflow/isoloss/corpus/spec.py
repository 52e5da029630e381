"""The settings of a corpus in a config, checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from isoloss.config.section import checked, problems_of
from isoloss.corpus.registry import registered, settings_of
from isoloss.corpus.sources import REGISTERED, SOURCES
from isoloss.corpus.sources.base import Corpus, SafeName, Source
from isoloss.errors import UserError, nearest


class Registered(Corpus):
    """A corpus of config/corpora.yaml, by its name."""

    kind: Literal["registered"]
    name: SafeName  # name of the entry


def kinds() -> dict[str, type[Corpus]]:
    """The allowed values of `kind` -> the model of a corpus's settings."""
    return SOURCES | {REGISTERED: Registered}


def read_spec(given: Mapping[str, Any], root: str | Path, *, where: str = "corpus") -> Source:
    """Check a corpus's settings; those of a registered corpus come from its entry.

    Parameters
    ----------
    given : mapping
        The settings; a key whose value is None counts as absent. The keys are those of `kinds()`.
    root : path
        The project's folder: the registry is its `config/corpora.yaml`.
    where : str
        The name of these settings in messages.

    Raises
    ------
    UserError
        The error lists every unknown, missing or impossible setting.
    """
    given = _without_none(given)
    kind, known = given.get("kind"), kinds()
    if not isinstance(kind, str) or kind not in known:
        found = "missing" if kind is None else f"got {kind!r}{nearest(kind, known)}"
        raise UserError(where, [f"kind: must be one of {', '.join(known)}; {found}"])
    spec = _checked(known[kind], given, where)
    if not isinstance(spec, Registered):
        return spec
    entry = registered(spec.name, root, where=where)
    if problem := entry.registered_problem(spec.name):
        raise UserError(where, [problem])
    model = SOURCES[entry.kind]
    own = {key: value for key, value in given.items() if key not in ("kind", "name")}
    name = {"name": spec.name} if "name" in model.model_fields else {}
    return _checked(model, settings_of(entry) | own | name, where)


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose keys without a value are left out, those of the tokenizer too."""
    kept = {key: value for key, value in given.items() if value is not None}
    if isinstance(kept.get("tokenizer"), Mapping):
        tokenizer = kept["tokenizer"].items()
        kept["tokenizer"] = {key: value for key, value in tokenizer if value is not None}
    return kept


def _checked(model: type[BaseModel], given: dict[str, Any], where: str) -> Any:
    try:
        return checked(model, given)
    except ValidationError as error:
        raise UserError(where, problems_of(error, model)) from error
