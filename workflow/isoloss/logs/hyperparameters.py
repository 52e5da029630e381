"""Hyperparameters in TensorBoard's event files: of its plugin hparams, and configs as texts.

`SummaryWriter.add_hparams`, Lightning's TensorBoardLogger and Keras' callback write the plugin's
`SessionStartInfo`. Hugging Face's callback also writes its arguments and the model's config, as
texts in JSON. Megatron-LM writes each argument as a text of its own.

References
----------
tensorboard/plugins/hparams/{plugin_data,api}.proto; google/protobuf/struct.proto.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from isoloss.logs.event_file import DOUBLE, Events, fields
from isoloss.logs.reading import note_of_device, settings_of
from isoloss.logs.records import Log
from isoloss.logs.sizes import of_config

PLUGIN = "hyperparameters in the event file"
MODEL_CONFIG = "model_config"  # the text of Hugging Face's callback
TEXT_END = "/text_summary"  # PyTorch adds it to the tag of a text
MOST_NAMED = 4


def take(log: Log, files: Sequence[Events], seen: bool = False) -> None:
    """Take the hyperparameters of a run's event files as settings of its log.

    The latest value of each name holds. The plugin comes before texts.

    Parameters
    ----------
    seen : bool
        Whether a number of tokens is that of the log's one evaluation; else it may be planned.
    """
    plugin = _merged([session for one in files for session in one.sessions], log)
    texts = {
        tag.removesuffix(TEXT_END): text
        for _, tag, text in sorted(
            (at, tag, text) for one in files for tag, (at, text) in one.texts.items()
        )
    }
    _set(log, plugin, PLUGIN, seen)
    config = _json(texts.pop(MODEL_CONFIG, ""))
    if config:
        sizes, why = of_config(config)
        where = f"text {MODEL_CONFIG!r} in the event file"
        if sizes is None:
            log.notes.append(why.replace("config.json", where))
        else:
            log.set("n_params", sizes.total, where)
            log.set("n_params_non_embedding", sizes.non_embedding, where)
            log.set("n_params_of_flop", sizes.of_flop, where)
    written: dict[str, Any] = {}
    for tag, text in sorted(texts.items()):
        record = record_of(tag, text)
        written |= record
        _set(log, record, f"text {tag!r} in the event file", seen)
    note_of_device(log, written | plugin)


def _set(log: Log, record: Mapping[str, Any], where: str, seen: bool) -> None:
    for name, value in settings_of(record).items():
        if seen or name != "n_tokens":
            log.set(name, value, where)


def _merged(sessions, log: Log) -> dict[str, Any]:
    """The hyperparameters of all sessions of a run; a note says which of them changed."""
    found: dict[str, Any] = {}
    changed: list[str] = []
    for _, content in sorted(sessions, key=lambda one: one[0]):
        try:
            record = session_of(content)
        except (ValueError, IndexError, struct.error):
            log.notes.append("the hyperparameters of a session cannot be read")
            continue
        changed += [k for k, v in record.items() if k in found and found[k] != v]
        found |= record
    if changed:
        names = sorted(set(changed))
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        log.notes.append(
            f"hyperparameters were logged again with other values: {', '.join(names[:MOST_NAMED])}"
            f"{more}; the latest hold"
        )
    return found


def session_of(content: bytes) -> dict[str, Any]:
    """The hyperparameters of a `HParamsPluginData`: numbers, texts and booleans."""
    found = {}
    for part, _, start in fields(content):
        if part != 3:  # session_start_info
            continue
        for number, _, entry in fields(start):
            if number != 1:  # hparams
                continue
            name, value = "", None
            for half, _, data in fields(entry):
                if half == 1:
                    name = data.decode("utf-8")
                elif half == 2:
                    value = _value(data)
            found[name] = value
    return found


def _value(data: bytes) -> Any:
    """The value of a `google.protobuf.Value`; None for lists and the like."""
    for number, _, value in fields(data):
        if number == 2:
            return DOUBLE.unpack(value)[0]
        if number == 3:
            return value.decode("utf-8")
        if number == 4:
            return bool(value)
    return None


def record_of(tag: str, text: str) -> dict[str, Any]:
    """The names and values of a text: an object of JSON, a Markdown table, or one value."""
    found = _json(text)
    if found:
        return found
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.strip().startswith("|")
    ]
    pairs = {row[0]: row[1] for row in rows[2:] if len(row) == 2}  # below the header and its rule
    return pairs or {tag: text}


def _json(text: str) -> dict[str, Any]:
    """The object of a text of JSON, which Markdown may have indented or fenced; else empty."""
    text = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
