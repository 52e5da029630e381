"""Write schemas of the files of config/, so that editors complete and check keys.

python -m isoloss.reference.schema

The schemas go to config/schema/. They are made from the models, also those of the project's
extensions. isoloss itself checks more than a schema can express.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isoloss import extensions
from isoloss.config.load import CONFIG, parse_config, read_config
from isoloss.config.study import SOURCES, Config, Planted, Sweep, Trained, take_registered
from isoloss.corpus.registry import entry_model
from isoloss.corpus.sources import SOURCES as CORPUS_SOURCES
from isoloss.corpus.spec import kinds
from isoloss.files import write_text
from isoloss.reference.models import Schema, definitions, name_of, needed, one_of
from isoloss.reference.settings import changes, grid, parts_of, settings
from isoloss.tasks import names, task

FOLDER = Path("config") / "schema"
WIDTH = 100
DRAFT = "http://json-schema.org/draft-07/schema#"  # the draft that editors support best
TEXTS = ("figures", "analyses")  # described in a study's file; in a config's changes, only named


def schemas() -> dict[str, Schema]:
    """File name -> schema."""
    entries = {kind: entry_model(kind) for kind in CORPUS_SOURCES}
    corpora = kinds()
    runs = [task(name).Run for name in names()]
    sections = [*SOURCES.values(), Sweep, Config, *runs, *corpora.values()]
    refs, defs = definitions([*sections, *entries.values()])
    parts = parts_of((refs[run] for run in runs), defs)
    defs |= {"Settings": settings(parts), "SettingsChanged": changes(parts), "Grid": grid(parts)}
    defs["OwnCorpus"] = one_of("kind", {kind: refs[model] for kind, model in corpora.items()})
    named = {model: defs[name_of(ref)] for model, ref in refs.items()}
    _describe_runs(named[Trained]["properties"], named[Sweep]["properties"])
    study = one_of("source", {name: refs[m] for name, m in SOURCES.items()}, default="training")
    registered = one_of("kind", {kind: refs[m] for kind, m in entries.items()}, default="url")
    for model in entries.values():
        named[model]["required"].remove("kind")  # the default is `url`
    return {
        "study.schema.json": _file("A study of config/studies/.", study, defs),
        "config.schema.json": _file(
            "config/config.yaml, or a file of changes to it.", _config(named), defs
        ),
        "corpora.schema.json": _file(
            "config/corpora.yaml: name -> a corpus.",
            {"type": "object", "additionalProperties": registered},
            defs,
        ),
    }


def _describe_runs(trained: dict[str, Schema], sweep: dict[str, Schema]) -> None:
    """Add the models of runs and corpora to the settings and sweeps of a study."""
    for keys, key, name in (
        (trained, "settings", "Settings"),
        (sweep, "set", "SettingsChanged"),
        (sweep, "grid", "Grid"),
    ):
        said = {k: v for k, v in keys[key].items() if k in ("description", "default")}
        keys[key] = {"allOf": [{"$ref": f"#/$defs/{name}"}]} | said
    several = {"type": "array", "items": {"$ref": "#/$defs/Grid"}, "minItems": 1}
    sweep["grid"]["allOf"] = [
        {"if": {"type": "array"}, "then": several, "else": {"$ref": "#/$defs/Grid"}}
    ]
    trained["corpora"]["additionalProperties"] = {"$ref": "#/$defs/OwnCorpus"}


def _config(named: Mapping[type, Schema]) -> Schema:
    """A config; files of changes to it need none of its keys, and change parts of studies."""
    changed: dict[str, Schema] = {}
    for model in SOURCES.values():
        for key, schema in named[model]["properties"].items():
            changed.setdefault(key, schema)
    changed |= {key: {"type": "array", "items": {"type": "object"}} for key in TEXTS}
    changed["source"] = {"enum": list(SOURCES)}
    sweep = {key: value for key, value in named[Sweep].items() if key != "required"}
    planted = named[Planted]["properties"]["sweeps"]["additionalProperties"]
    sweeps = {"anyOf": [sweep, planted]}
    changed["sweeps"] = {"type": "object", "additionalProperties": sweeps}
    changed["prediction"] = {"type": ["object", "null"]}
    changed["corpora"] = {"type": "object", "additionalProperties": {"type": "object"}}
    study = {"type": "object", "properties": changed, "additionalProperties": False}
    found = {key: value for key, value in named[Config].items() if key != "required"}
    found["properties"] = dict(found["properties"])
    overrides = dict(found["properties"]["overrides"])
    overrides.pop("propertyNames", None)
    found["properties"]["overrides"] = overrides | {"additionalProperties": study}
    return found


def _file(description: str, schema: Schema, defs: dict[str, Schema]) -> Schema:
    about = {"$schema": DRAFT, "description": description}
    return schema | about | {"$defs": needed(schema, defs)}


def text(schema: Schema) -> str:
    """A schema as its file holds it."""
    return _lines(schema, "") + "\n"


def _lines(value: Any, indent: str) -> str:
    """JSON with each value on one line if it fits."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_lines(part, inner)}" for key, part in value.items()]
    else:
        parts = [_lines(part, inner) for part in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{end}"


def main() -> None:
    """Write all schemas into the project in whose folder the command is run."""
    if CONFIG.exists():
        extensions.load(parse_config(read_config("")).extensions, "")
        take_registered()
    for name, schema in schemas().items():
        write_text(FOLDER / name, text(schema))


if __name__ == "__main__":
    main()
