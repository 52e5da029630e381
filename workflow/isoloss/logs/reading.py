"""Read the files that logs are made of: JSON, YAML, tables and text, with errors that say where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.errors import UserError
from isoloss.tables import names
from isoloss.tables.text import read_text

if TYPE_CHECKING:
    from isoloss.logs.records import Log

# Settings of a run, by the names that configs give to them.
TOKENS_PER_STEP = ("batch_tokens", "tokens_per_step", "tokens_per_batch", "tokens_per_iteration",
                   "global_batch_size_tokens", "total_batch_size_tokens")  # fmt: skip
BATCH = ("global_batch_size", "gbs", "global_bs", "train_batch_size_global", "effective_batch_size")
CONTEXT = (*names.SEQUENCE, "max_seq_len", "max_seq_length", "n_ctx", "ctx_len")
RATE = ("learning_rate", "peak_learning_rate", "max_learning_rate", "peak_lr", "max_lr", "lr")
OF_DEVICE = ("batch_size", "per_device_train_batch_size", "micro_batch_size", "device_batch_size",
             "gradient_accumulation_steps")  # fmt: skip
PLANNED = ("max_steps", "total_steps", "num_training_steps", "max_iters", "train_iters",
           "num_iterations")  # fmt: skip
SEEN = ("n_tokens_seen", "tokens_seen", "num_tokens_seen", "consumed_tokens", "n_tokens", "tokens",
        "num_tokens", "train_tokens_seen", "total_tokens")  # fmt: skip
MOST_SETTINGS = 10_000
OF_ONE_DEVICE = "may be that of one device"


def content(path: Path) -> str:
    """The text of a file; UserError where it cannot be read, is empty or is no text."""
    return read_text(path)


def read_json(path: Path) -> Any:
    """The content of a JSON file, in which NaN and Infinity may stand.

    Raises
    ------
    UserError
        The file is no whole JSON; the message has the line.
    """
    text = content(path)
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        where = f"line {line} " if line else ""
        raise UserError(str(path), [f"{where}is no whole JSON: {first_line(error)}"]) from error
    except RecursionError as error:
        raise UserError(str(path), ["is nested too deeply"]) from error


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, without objects of Python; None where it has such objects.

    Raises
    ------
    UserError
        The file is no YAML; the message has the line.
    """
    import yaml

    text = content(path)
    try:
        return yaml.safe_load(text)
    except yaml.constructor.ConstructorError:
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1} " if mark else ""
        raise UserError(str(path), [f"{where}is no YAML: {first_line(error)}"]) from error


def flat(record: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with / between the names."""
    found: dict[str, Any] = {}
    waiting = [(prefix, record)]
    while waiting and len(found) < MOST_SETTINGS:
        at, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{at}/{key}" if at else str(key), v) for key, v in value.items()]
        else:
            found[at] = value
    return found


def settings_of(record: Any) -> dict[str, Any]:
    """Settings of a run that a record of hyperparameters says: names of `records.SETTINGS`."""
    from isoloss.logs.records import number

    by_name: dict[str, float] = {}
    for name, value in sorted(flat(record).items(), key=lambda pair: pair[0].count("/")):
        got = number(value)
        if got is not None:
            for form in (names.plain(name), names.plain(name.rpartition("/")[2])):
                by_name.setdefault(form, got)

    def first(*words):
        return next((by_name[word] for word in words if word in by_name), None)

    sizes = [word for word in names.KNOWN["n_params"] if len(word) > 2 and word != "model_size"]
    found = {
        "n_params": first(*sizes),
        "n_params_non_embedding": first(*names.NON_EMBEDDING),
        "tokens_per_step": first(*TOKENS_PER_STEP),
        "batch_size": first(*BATCH),
        "context": first(*CONTEXT),
        "learning_rate": first(*RATE),
        "planned_steps": first(*PLANNED),
        "n_tokens": first(*SEEN),
    }
    return {name: value for name, value in found.items() if value is not None}


def note_of_device(log: Log, record: Any) -> None:
    """Say that a record has a size of batches, which is not taken, as it may be of one device."""
    from isoloss.logs.records import number

    if not {"batch_size", "tokens_per_step"}.isdisjoint(log.settings):
        return
    logged = {names.plain(name.rpartition("/")[2]): value for name, value in flat(record).items()}
    found = [f"{name} {n:g}" for name in OF_DEVICE if (n := number(logged.get(name))) is not None]
    if found and not found[0].startswith(OF_DEVICE[-1]):
        log.notes.append(
            f"logged: {' and '.join(found)}, which {OF_ONE_DEVICE}: --batch-size says it over all "
            "devices and accumulation"
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
