"""Write docs/exhibits.md: every kind of figure and of analysis, with its keys.

python -m isoloss.reference.exhibits

The page is made from the sections' docstrings, fields and comments.
"""

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from isoloss.files import write_text
from isoloss.reference.models import Schema, definitions, kinds_of, name_of, needed

PAGE = Path("docs") / "exhibits.md"
HEAD = """\
# Figures and analyses

What a study can ask for under `figures` and `analyses`, with the keys of each kind. A figure's kind
is its `draw`, an analysis's kind is its `do`. "Needed" stands where a key has no default.

Written by `python -m isoloss.reference.exhibits` from the models; editors that read
`config/schema/study.schema.json` complete the same keys.
"""
OWN = ("name", "title", "caption")  # keys whose defaults differ between kinds
NEEDED = "analysis"  # in a key's schema: the kind of the analysis that it names
MANY = {"name": "names", "text": "texts", "number": "numbers", "whole number": "whole numbers"}
PARTS = {
    "figures": ("Figures", "draw", ("name", "title", "caption", "tabulate")),
    "analyses": ("Analyses", "do", ("name", "sweeps")),
}


def page() -> str:
    """The page."""
    kinds = {what: kinds_of(what) for what in PARTS}
    refs, defs = definitions(model for found in kinds.values() for model in found.values())
    schemas = {model: defs[name_of(ref)] for model, ref in refs.items()}
    parts = [HEAD]
    for what, (title, key, common) in PARTS.items():
        parts.append(_part(title, key, common, kinds[what], schemas))
    parts.append("\n## Sections\n\nWhat some of the keys above hold.\n")
    for name, schema in needed(defs, defs).items():
        keys = _table(schema["properties"], schema.get("required", ()))
        parts.append(f"\n### {name}\n\n{schema.get('description', '')}\n\n{keys}")
    return "".join(parts)


def _part(
    title: str,
    key: str,
    common: Iterable[str],
    kinds: Mapping[str, type[BaseModel]],
    schemas: Mapping[type, Schema],
) -> str:
    found = [schemas[model] for model in kinds.values()]
    shared = {name: _said([one["properties"][name] for one in found]) for name in common}
    parts = [f"\n## {title}\n\nAll {len(kinds)} kinds have, beside `{key}`:\n\n"]
    every = [name for name in common if all(name in one.get("required", ()) for one in found)]
    parts.append(_table(shared, every, OWN))
    parts += [f"\n{', '.join(f'[`{kind}`](#{kind})' for kind in kinds)}.\n"]
    for kind, model in kinds.items():
        schema = schemas[model]
        drawn = getattr(model, "analyses_drawn", {})
        own = {
            name: one | ({NEEDED: drawn[name]} if name in drawn else {})
            for name, one in schema["properties"].items()
            if name not in (*common, key)
        }
        doc = inspect.cleandoc(model.__doc__ or "")
        table = f"\n{_table(own, schema.get('required', ()))}" if own else ""
        parts.append(f"\n### `{kind}`\n\n{doc}\n{_texts(schema)}{table}")
    return "".join(parts)


def _texts(schema: Schema) -> str:
    """The default name, title and caption of a kind."""
    given = {
        name: one["default"]
        for name in ("name", "title", "caption")
        if "default" in (one := schema["properties"].get(name, {}))
    }
    if not given:
        return ""
    parts = [f"Named `{given['name']}`"] if "name" in given else []
    parts += [f"titled *{given['title']}*"] if "title" in given else []
    told = f"{' and '.join(parts)}, where a study does not say otherwise." if parts else ""
    told += f" Its caption: {given['caption']}" if "caption" in given else ""
    return f"\n{told.strip()}\n"


def _said(schemas: Sequence[Schema]) -> Schema:
    """The first schema with a meaning, among those of one key in several kinds."""
    return next((one for one in schemas if one.get("description")), schemas[0])


def _table(
    properties: Mapping[str, Schema], required: Iterable[str], own: Iterable[str] = ()
) -> str:
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, schema in properties.items():
        default = "needed" if name in required else f"`{_value(schema.get('default'))}`"
        default = "needed, or the kind's own" if name in own else default
        meaning = schema.get("description", "")
        cells = (f"`{name}`", type_of(schema), default, meaning)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def type_of(schema: Schema) -> str:
    """A schema in words: "whole number above 0", "list of names", "`log` or `linear`"."""
    if NEEDED in schema:
        return f"name of an analysis of kind `{schema[NEEDED]}`"
    if "$ref" in schema:
        name = name_of(schema)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"`{_value(value)}`" for value in values)
    match schema.get("type"):
        case "array":
            item = type_of(schema.get("items", {}))
            of = next((one for one in MANY if item == one or item.startswith(f"{one} ")), None)
            return f"list of {MANY[of] + item.removeprefix(of) if of else item}"
        case "object":
            return f"name -> {type_of(schema.get('additionalProperties', {}))}"
        case "string":
            return "name" if "pattern" in schema else "text"
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "integer" | "number" as kind:
            return ("whole number" if kind == "integer" else "number") + _range(schema)
    return "number, text or null"


def _range(schema: Schema) -> str:
    words = {
        "exclusiveMinimum": "above",
        "minimum": "from",
        "exclusiveMaximum": "below",
        "maximum": "to",
    }
    return "".join(f" {word} {schema[key]:g}" for key, word in words.items() if key in schema)


def main() -> None:
    """Write the page into the project in whose folder the command is run."""
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
