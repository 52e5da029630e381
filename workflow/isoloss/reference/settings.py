"""Schemas of parts of a run's settings, as a study's settings and sweeps hold them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from isoloss.reference.models import Schema, name_of


def parts_of(runs: Iterable[Schema], defs: Mapping[str, Schema]) -> dict[str, dict[str, Schema]]:
    """Section -> key -> its schema, over all tasks.

    Parameters
    ----------
    runs : iterable of schema
        The schemas of one run's settings of each task.
    defs : mapping
        The definitions that the schemas refer to.
    """
    sections: dict[str, dict[str, list[Schema]]] = {}
    for run in runs:
        for section, ref in _of(run, defs)["properties"].items():
            keys = sections.setdefault(section, {})
            for kind in _kinds_of(ref, defs):
                for key, schema in kind["properties"].items():
                    keys.setdefault(key, []).append(_without_default(schema))
    return {
        section: {key: _any_of(found) for key, found in keys.items()}
        for section, keys in sections.items()
    }


def settings(parts: Mapping[str, Mapping[str, Schema]]) -> Schema:
    """Some of a run's settings, by section."""
    return _closed({section: _closed(keys) for section, keys in parts.items()})


def changes(parts: Mapping[str, Mapping[str, Schema]]) -> Schema:
    """Changes of settings: by section, or by a key with a dot such as `model.width`."""
    dotted = {f"{s}.{key}": schema for s, keys in parts.items() for key, schema in keys.items()}
    return _closed(settings(parts)["properties"] | dotted)


def grid(parts: Mapping[str, Mapping[str, Schema]]) -> Schema:
    """The values of a sweep's grid: lists of values that `changes` allows."""
    found = {
        key: {"type": "array", "items": schema, "minItems": 1}
        for key, schema in changes(parts)["properties"].items()
    }
    for schema in found.values():
        if "description" in schema["items"]:
            schema["items"] = dict(schema["items"])
            schema["description"] = schema["items"].pop("description")
    return _closed(found) | {"minProperties": 1}


def _closed(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _of(schema: Schema, defs: Mapping[str, Schema]) -> Schema:
    return defs[name_of(schema)] if "$ref" in schema else schema


def _kinds_of(schema: Schema, defs: Mapping[str, Schema]) -> list[Schema]:
    """The section of a schema; of one that `one_of` has made, the section of each kind."""
    found = _of(schema, defs)
    kinds = [_of(one["then"], defs) for one in found.get("allOf", ()) if "then" in one]
    return kinds or [found]


def _without_default(schema: Schema) -> Schema:
    """A schema without its default, because a sweep need not give the key."""
    return {key: value for key, value in schema.items() if key != "default"}


def _any_of(found: list[Schema]) -> Schema:
    """The values that any of several tasks allows for a key."""
    texts = dict.fromkeys(schema["description"] for schema in found if "description" in schema)
    said = {"description": " | ".join(texts)} if texts else {}
    bare = [{k: v for k, v in schema.items() if k != "description"} for schema in found]
    bare = list({json.dumps(schema, sort_keys=True): schema for schema in bare}.values())
    if len(bare) > 1 and all("const" in schema or "enum" in schema for schema in bare):
        values: list[Any] = [v for s in bare for v in s.get("enum", [s.get("const")])]
        return {"enum": list(dict.fromkeys(values))} | said
    return (bare[0] if len(bare) == 1 else {"anyOf": bare}) | said
