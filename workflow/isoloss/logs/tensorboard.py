"""TensorBoard's event files, of PyTorch, TensorFlow, Lightning, Hugging Face and Megatron-LM.

Checked with tensorboard 2.21. A resumed run writes another file, or another folder named by the
time: both are joined. Numbers are single precision. Sizes and tokens are tags or hyperparameters,
if they are there at all. `SummaryWriter.add_hparams` writes a file in a folder of its own inside
that of the run, with the last values of metrics at step 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from isoloss.errors import UserError
from isoloss.logs import hyperparameters, tags
from isoloss.logs.event_file import SESSION, Events, first_tag, read_events
from isoloss.logs.reading import OF_ONE_DEVICE, note_of_device, read_yaml, settings_of
from isoloss.logs.records import (
    FLOP,
    HELD_OUT,
    NO_STEP,
    OTHER,
    TOKENS,
    TRAINING,
    Log,
    Place,
    Series,
)
from isoloss.tables import names

NAME = "tensorboard"
PARTS = ("train", "training", "validation", "val", "valid", "eval", "evaluation", "test")
TIMES = re.compile(r"\d{8}[-_]\d{4,6}|[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d.*|version_\d+")
EXPERIMENT = "_hparams_/experiment"
HEAD = 65_536  # bytes of a file, in which hyperparameters stand where it begins with them
LIGHTNING = re.compile(r"version_\d+")
T5X = ("training_eval", "inference_eval")  # folders of a run that have one for each task
OF_KERAS = "evaluation_loss_vs_iterations"  # its steps are the optimizer's, not epochs
# Tags whose steps count something else than those of the held-out loss.
OTHER_STEPS_OF_KERAS = {"iterations": ("epoch_",), "epochs": ("batch_",), "": ()}
MEAN_OF_T5X = "loss_per_nonpadding_target_token"


def place_of(path: Path) -> Path | None:
    """The folder of the run that a file belongs to, or of several that may be stretches of one."""
    if "tfevents" not in path.name:
        return None
    folder = _run_of(path)
    return folder.parent if TIMES.fullmatch(folder.name) else folder


def _run_of(path: Path) -> Path:
    folder = path.parent
    if _is_inside_run(path):
        folder = folder.parent
    if folder.parent.name in T5X:
        return folder.parent.parent
    return folder.parent if folder.name in PARTS or _of_add_scalars(path) else folder


def _of_add_scalars(path: Path) -> str:
    """The name of a curve, if `SummaryWriter.add_scalars` wrote it; else "".

    It writes curve "val" of tag "my/loss" into folder my_loss_val of the run, under tag "my/loss".
    """
    folder = path.parent
    if "_" not in folder.name:
        return ""
    try:
        begin = first_tag(path).replace("/", "_") + "_"
    except OSError:
        return ""
    if begin == "_" or not folder.name.startswith(begin):
        return ""
    beside_run = any(one.is_file() for one in _events_in(folder.parent))
    return folder.name.removeprefix(begin) if beside_run else ""


def _events_in(folder: Path) -> list[Path]:
    return [*folder.glob("*tfevents*")]


def _named(folder: Path, tag: str, curve: str) -> str:
    """A tag with what the folder of its file adds to it, or a curve of `add_scalars`."""
    if folder.parent.name in T5X:
        return f"{folder.parent.name}/{folder.name}/{tag}"
    if folder.name in PARTS:
        return f"{folder.name}/{tag}"
    if names.is_held_out(curve):
        return f"{curve}/{tag}"
    return f"{tag}/{curve}" if curve else tag


def _is_inside_run(path: Path) -> bool:
    """Whether a file has the hyperparameters of the run whose files lie one folder above."""
    if not _begins_with(path, SESSION):
        return False
    above = [one for one in _events_in(path.parent.parent) if one.is_file()]
    # Above the trials of a search, TensorFlow writes what is searched.
    return bool(above) and not any(_begins_with(one, EXPERIMENT) for one in above)


def _begins_with(path: Path, tag: str) -> bool:
    try:
        with path.open("rb") as file:
            return tag.encode() in file.read(HEAD)
    except OSError:
        return False


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
    runs: dict[Path, list[tuple[Path, Events]]] = {}
    for path in place.files:
        if "tfevents" not in path.name:
            continue
        if path.stat().st_size == 0:
            continue
        events = read_events(path)
        if events.damage and not events.tags:
            raise UserError(str(path), [events.damage])
        runs.setdefault(_run_of(path), []).append((path, events))
    return [log for folder, files in runs.items() for log in _logs(place, folder, files)]


def _logs(place: Place, folder: Path, files: list[tuple[Path, Events]]) -> list[Log]:
    """The logs of a run, or of all trials whose sessions lie in one folder."""
    apart = [path for path, events in files if _is_session(events)]
    trials = len(apart) == len(files) or not any(e.tags for p, e in files if p not in apart)
    logs, keras = [], _steps_of_keras(files)
    for path, events in files:
        if path in apart and not trials:
            continue
        if trials and not events.tags:
            continue
        log = _log(place, folder, path, events, keras)
        of_run = [events] if trials and len(apart) > 1 else [one for _, one in files]
        if trials and len(apart) > 1 and path.parent != folder:
            log.run = f"{log.run}/{path.parent.name}"
        if trials and all(set(steps) == {0} for steps, _, _ in events.tags.values()):
            log.set(NO_STEP, 1, "hyperparameters")
        hyperparameters.take(log, of_run, seen=NO_STEP in log.settings)
        if any(name.startswith(hyperparameters.MODEL_CONFIG) for name in events.texts):
            _without_zeros(log)
        _settings(log, path.parent if path.parent.name not in PARTS else folder)
        logs.append(log)
    if apart and not trials and logs and any(e.tags for p, e in files if p in apart):
        logs[-1].notes.append(
            "metrics logged with hyperparameters are left out: they have no step of their own"
        )
    return logs


def _is_session(events: Events) -> bool:
    """Whether a file has hyperparameters, and beside them no more than a value of some metrics."""
    return (
        bool(events.sessions)
        and all(len(one[0]) == 1 for one in events.tags.values())
        and (len({step for steps, _, _ in events.tags.values() for step in steps}) < 2)
    )


def _steps_of_keras(files: list[tuple[Path, Events]]) -> str:
    """What the steps of a run count that Keras wrote: "iterations" or "epochs"; else ""."""
    tags_ = {tag for _, events in files for tag in events.tags}
    if OF_KERAS in tags_:
        return "iterations"
    return "epochs" if "epoch_loss" in tags_ else ""


def _log(place: Place, folder: Path, path: Path, events: Events, keras: str) -> Log:
    """The log of a file; `keras` is of `_steps_of_keras`."""
    resumes = bool(TIMES.fullmatch(folder.name)) and folder != place.folder
    name = f"{place.name}/{folder.name}" if resumes else place.name
    log = Log(name, path, may_resume=resumes, purge_step=events.purge_step)
    of_t5x = MEAN_OF_T5X in events.tags
    curve = _of_add_scalars(path)
    lightning = bool(LIGHTNING.fullmatch(folder.name)) or "hp_metric" in events.tags
    for tag, (steps, values, times) in events.tags.items():
        if tag == "hp_metric":  # at step 0, also of a stretch that goes on
            continue
        full = _named(path.parent, tag, curve)
        kind, ahead = _kind(full), 0
        if of_t5x and kind in (HELD_OUT, TRAINING, OTHER):
            kind = HELD_OUT if tag == MEAN_OF_T5X and full.startswith(T5X) else OTHER
        elif names.is_training(curve) and names.is_loss(tag):
            kind = TRAINING
        elif tag == OF_KERAS:
            kind = HELD_OUT
        elif tag.startswith("epoch_") and keras == "epochs":
            ahead = 1
        elif tag.startswith(OTHER_STEPS_OF_KERAS[keras]):
            kind = OTHER
        elif lightning and kind == HELD_OUT:
            ahead = 1
        log.tags[full] = Series(
            np.array(steps, dtype=np.int64),
            np.array(values, dtype=float),
            np.array(times, dtype=float),
            kind,
            ahead,
        )
    if events.damage:
        log.notes.append(f"{path.name} {events.damage}; the points before count")
    if of_t5x:
        log.notes.append(
            f"T5X writes losses as sums over a batch: the held-out one is {MEAN_OF_T5X}, and "
            "training losses are left out"
        )
    if lightning:
        log.notes.append("Lightning counts from 0: its validation at step s is after s + 1")
    if keras == "epochs":
        log.notes.append(
            "Keras counts epochs, from 0: say the tokens of an epoch as --tokens-per-step"
        )
    return log


def _without_zeros(log: Log) -> None:
    """Hugging Face's filter of NaN writes a training loss of 0 for one that is none."""
    losses = log.tags.get("train/loss")
    if losses is not None and (losses.value == 0).any():
        first = int(losses.step[losses.value == 0][0])
        losses.value[losses.value == 0] = np.nan
        log.notes.append(
            f"train/loss is 0 from step {first:,}: Hugging Face writes that for NaN, and it is no "
            "loss"
        )


def _kind(tag: str) -> str:
    last = names.plain(tag.rpartition("/")[2])
    if last in names.KNOWN["n_tokens"]:
        return TOKENS
    is_flop = last.startswith("total") and last.endswith(("flops", "flos"))
    return FLOP if is_flop else tags.kind_of(tag)


def _settings(log: Log, folder: Path) -> None:
    path = folder / "hparams.yaml"
    if path.is_file():
        found = read_yaml(path)
        for name, value in settings_of(found).items():
            if name != "n_tokens":
                log.set(name, value, "hparams.yaml")
        if not any(OF_ONE_DEVICE in note for note in log.notes):
            note_of_device(log, found or {})
