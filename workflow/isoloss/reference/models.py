"""The sections of a config as JSON schemas, with the comments beside their keys."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from isoloss.config.section import MOST
from isoloss.config.study import Texts
from isoloss.reference.comments import meanings

Schema = dict[str, Any]
REF = "#/$defs/"


class _Described(GenerateJsonSchema):
    """Schemas in which each key has its meaning, and no key repeats its name as a title."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> Schema:
        found = super().model_schema(schema)
        found.pop("title", None)
        if "description" in found:
            found["description"] = " ".join(found["description"].split())
        for key, text in meanings(schema["cls"]).items():
            if key in found["properties"]:
                found["properties"][key]["description"] = text
        return found


def definitions(
    sections: Iterable[type[BaseModel]],
) -> tuple[dict[type, Schema], dict[str, Schema]]:
    """The schema of each section (a reference), and the definitions they refer to, by name."""
    wanted = [(section, "validation") for section in dict.fromkeys(sections)]
    refs, made = models_json_schema(
        wanted, ref_template=REF + "{model}", schema_generator=_Described
    )
    defs = made["$defs"]
    found = {name: _plain(schema, defs) for name, schema in defs.items()}
    return {section: refs[section, mode] for section, mode in wanted}, found


def name_of(ref: Schema) -> str:
    """The name of the definition that a reference refers to."""
    return ref["$ref"].removeprefix(REF)


def one_of(key: str, kinds: Mapping[str, Schema], *, default: str | None = None) -> Schema:
    """A section whose `key` names its kind, so that an editor checks it as that kind."""
    chosen: Schema = {
        "type": "object",
        "properties": {key: {"enum": list(kinds)}},
        "allOf": [
            {
                "if": {"properties": {key: {"const": kind}}}
                | ({} if kind == default else {"required": [key]}),
                "then": schema,
            }
            for kind, schema in kinds.items()
        ],
    }
    return chosen | ({} if default else {"required": [key]})


def _plain(schema: Any, defs: Mapping[str, Schema]) -> Any:
    """Convert a schema of pydantic to keywords that editors know.

    Unions with a discriminator become `one_of`; names with a pattern, a condition on all names.
    """
    if isinstance(schema, list):
        return [_plain(part, defs) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema:
        return _kinds(schema["discriminator"], defs)
    made = {key: _plain(part, defs) for key, part in schema.items()}
    if made.get("exclusiveMaximum") == MOST:
        del made["exclusiveMaximum"]  # a bound that only a mistake reaches
    if isinstance(patterns := made.pop("patternProperties", None), dict):
        ((pattern, values),) = patterns.items()
        made |= {"additionalProperties": values, "propertyNames": {"pattern": pattern}}
    return made


def _kinds(found: Mapping[str, Any], defs: Mapping[str, Schema]) -> Schema:
    """`one_of`, or the name of a kind that needs no other key."""
    key, refs = found["propertyName"], {k: {"$ref": ref} for k, ref in found["mapping"].items()}
    alone = [kind for kind, ref in refs.items() if defs[name_of(ref)].get("required") == [key]]
    section = one_of(key, refs)
    if not alone:
        return section
    return {"if": {"type": "string"}, "then": {"enum": alone}, "else": section}


def needed(root: Schema, defs: Mapping[str, Schema]) -> dict[str, Schema]:
    """The definitions that a schema refers to, directly or not, by name."""
    found: dict[str, Schema] = {}
    waiting = _referred(root)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = defs[name]
            waiting |= _referred(defs[name])
    return dict(sorted(found.items()))


def _referred(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for part in schema for name in _referred(part)}
    if not isinstance(schema, dict):
        return set()
    own = {name_of(schema)} if "$ref" in schema else set()
    return own | {name for part in schema.values() for name in _referred(part)}


def kinds_of(what: str) -> dict[str, type[BaseModel]]:
    """Kind -> section, of the `figures` or the `analyses` of a study, in order of the kinds."""
    key = {"figures": "draw", "analyses": "do"}[what]
    found = {}
    for section in _sections(Texts.model_fields[what].annotation):
        for kind in get_args(section.model_fields[key].annotation):
            found[kind] = section
    return dict(sorted(found.items()))


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    return [section for part in parts for section in _sections(part)]
