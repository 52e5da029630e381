"""Read YAML of unknown origin safely: no code runs, and no file expands beyond memory."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from isoloss.errors import UserError

# With aliases, a file of a few lines can expand to more values than fit into memory.
MOST_VALUES = 100_000
TEMPLATE = "__use_yte__"  # Snakemake runs the Python in a config file with this key
MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, keys are text, and a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag not in ("tag:yaml.org,2002:str", MERGE):
                found = getattr(key, "tag", "").rpartition(":")[2]
                shown = repr(key.value)[:60] if isinstance(key, yaml.ScalarNode) else f"a {found}"
                problem = f"line {line}: the key {shown} is no text; write it in quotes"
                raise UserError(self.name, [problem])
            if key.value in seen and key.tag != MERGE:
                raise UserError(self.name, [f"line {line}: the key {key.value!r} is given twice"])
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        if lone_surrogate(node.value):
            line = node.start_mark.line + 1
            problem = f"line {line}: {node.value[:60]!a} holds half of a character (a surrogate)"
            raise UserError(self.name, [problem])
        return super().construct_scalar(node)


SCIENTIFIC = re.compile(r"^[-+]?(\d[\d_]*)(\.\d*)?[eE][-+]?\d+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", SCIENTIFIC, list("-+0123456789"))


def number_of(value: Any) -> Any:
    """The number of a text such as 1e-3, as `read_yaml` reads it."""
    if isinstance(value, str) and len(value) < 400 and SCIENTIFIC.match(value):
        return float(value.replace("_", ""))
    return value


# What a text without quotes can be beside text, in YAML.
PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null"))


def as_read(value: Any) -> Any:
    """Lists and mappings of texts, with the values that `read_yaml` would read from each text.

    Snakemake gives `--config 'budget={"runs": 10}'` as {"budget": {"runs": "10"}}.
    """
    if isinstance(value, Mapping):
        return {key: as_read(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_read(part) for part in value]
    if not isinstance(value, str):
        return value
    loader = _Loader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, value, (True, False))
        return loader.construct_object(yaml.ScalarNode(tag, value)) if tag in PLAIN else value
    except (ValueError, OverflowError):
        return value
    finally:
        loader.dispose()


def lone_surrogate(text: str) -> bool:
    """Whether a text holds half of a character, as "\\ud83d" does: no file can hold it."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises
    ------
    UserError
        The file is missing, unreadable or no YAML mapping. Or it repeats a key, has a key that is
        no text, contains itself, expands to too many values, or asks Snakemake to run Python.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            str(path), [f"could not be read: {getattr(error, 'strerror', None) or error}"]
        ) from error
    try:
        value = _value(text, str(path))
    except RecursionError:
        raise UserError(str(path), ["is nested too deeply, or holds itself"]) from None
    if not isinstance(value, dict):
        raise UserError(str(path), [f"must hold keys and values, got {type(value).__name__}"])
    if TEMPLATE in value:
        raise UserError(str(path), [f"{TEMPLATE}: a config holds values, and no code"])
    return value


def _value(text: str, name: str) -> Any:
    try:
        loader = _Loader(text)  # looks for characters that YAML does not allow
    except yaml.YAMLError as error:
        raise UserError(name, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    loader.name = name
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _unfolded(node, {}) > MOST_VALUES:
            raise UserError(name, [f"holds more than {MOST_VALUES:,} values, aliases unfolded"])
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a date such as 2026-99-99
        raise UserError(name, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    finally:
        loader.dispose()


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """The number of values in a node, with every alias expanded."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in parts for part in pair]
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]
