"""TensorBoard's event files, of PyTorch, TensorFlow, Lightning, Hugging Face and Megatron-LM.

Checked with tensorboard 2.21. A resumed run writes another file, or another folder named by the
time: both are joined. Numbers are single precision. Sizes and tokens are nowhere, except as tags.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from isoloss.errors import UserError
from isoloss.logs import tags
from isoloss.logs.event_file import read_events
from isoloss.logs.reading import read_yaml, settings_of
from isoloss.logs.records import FLOP, HELD_OUT, TOKENS, Log, Place, Series
from isoloss.tables import names

NAME = "tensorboard"
PARTS = ("train", "training", "validation", "val", "valid", "eval", "evaluation", "test")
TIMES = re.compile(r"\d{8}[-_]\d{4,6}|[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d.*|version_\d+")
LIGHTNING = re.compile(r"version_\d+")


def place_of(path: Path) -> Path | None:
    """The folder of the run that a file belongs to, or of several that may be stretches of one."""
    if "tfevents" not in path.name:
        return None
    folder = _run_of(path)
    return folder.parent if TIMES.fullmatch(folder.name) else folder


def _run_of(path: Path) -> Path:
    folder = path.parent
    return folder.parent if folder.name in PARTS else folder


def files_beside(folder: Path) -> list[Path]:
    """Further files on which the table depends: Lightning's settings."""
    return sorted({*folder.glob("hparams.yaml"), *folder.glob("version_*/hparams.yaml")})


def read(place: Place) -> list[Log]:
    """A log for each event file.

    Raises
    ------
    UserError
        A file holds no whole record.
    """
    logs = []
    for path in place.files:
        if "tfevents" not in path.name:
            continue
        if path.stat().st_size == 0:
            continue
        events = read_events(path)
        if events.damage and not events.tags:
            raise UserError(str(path), [events.damage])
        folder = _run_of(path)
        resumes = bool(TIMES.fullmatch(folder.name)) and folder != place.folder
        name = f"{place.name}/{folder.name}" if resumes else place.name
        log = Log(name, path, may_resume=resumes, purge_step=events.purge_step)
        part = f"{path.parent.name}/" if path.parent.name in PARTS else ""
        lightning = bool(LIGHTNING.fullmatch(folder.name)) or "hp_metric" in events.tags
        for tag, (steps, values, times) in events.tags.items():
            kind = _kind(part + tag)
            log.tags[part + tag] = Series(
                np.array(steps, dtype=np.int64),
                np.array(values, dtype=float),
                np.array(times, dtype=float),
                kind,
                int(lightning and kind == HELD_OUT),
            )
        _settings(log, folder)
        if events.damage:
            log.notes.append(f"{path.name} {events.damage}; the points before count")
        if lightning:
            log.notes.append("Lightning counts from 0: its validation at step s is after s + 1")
        if any(tag.endswith("epoch_loss") for tag in events.tags):
            log.notes.append("Keras counts epochs: say the tokens of an epoch as --tokens-per-step")
        logs.append(log)
    return logs


def _kind(tag: str) -> str:
    last = names.plain(tag.rpartition("/")[2])
    if last in names.KNOWN["n_tokens"]:
        return TOKENS
    return FLOP if last.endswith("flops") and last.startswith("total") else tags.kind_of(tag)


def _settings(log: Log, folder: Path) -> None:
    path = folder / "hparams.yaml"
    if path.is_file():
        for name, value in settings_of(read_yaml(path)).items():
            if name != "n_tokens":
                log.set(name, value, "hparams.yaml")
