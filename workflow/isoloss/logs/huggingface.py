"""Hugging Face's `trainer_state.json`, with the `config.json` or the weights beside it.

Checked with transformers 5.24. Each checkpoint holds the whole history of its run, so that the file
of the most steps is read; that of the best checkpoint is not the last. `eval_loss` at step s is
measured after s steps. `loss` is a mean since the last log. Its filter of NaN prints 0 for a loss
that is none, and `train_loss` of a resumed run is no mean: both are never losses here.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs.reading import read_json
from isoloss.logs.records import (
    FLOP,
    HELD_OUT,
    OTHER,
    TOKENS,
    TRAINING,
    Log,
    Place,
    is_number,
    series,
)
from isoloss.logs.sizes import sizes_beside

NAME = "huggingface"
FILE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-\d+")
RATES = ("_runtime", "_samples_per_second", "_steps_per_second")  # of an evaluation
SUMMARY = ("train_loss", "train_runtime", "total_flos")  # of the whole call, no point of a curve


def place_of(path: Path) -> Path | None:
    """The folder of the run that a file belongs to, or None."""
    if path.name != FILE:
        return None
    folder = path.parent
    return folder.parent if CHECKPOINT.fullmatch(folder.name) else folder


def files_beside(folder: Path) -> list[Path]:
    """Further files on which the table depends: sizes of models."""
    folders = [folder, *(one for one in folder.glob("checkpoint-*") if one.is_dir())]
    found = []
    for one in folders:
        found += [one / "config.json", *one.glob("model*.safetensors")]
    return [path for path in found if path.is_file()]


def read(place: Place) -> list[Log]:
    """The log of a run.

    Raises
    ------
    UserError
        A file is damaged, or no such state.
    """
    states = {path: _state(path) for path in place.files if path.name == FILE}
    latest = max(states, key=lambda path: (states[path]["global_step"], -len(path.parts)))
    state = states[latest]
    log = Log(place.name, latest)
    points: dict[str, list] = {}
    last_logged, zeros, sick = 0, [], 0
    for row in state["log_history"]:
        step = row["step"]
        for key, value in row.items():
            kept = key == "learning_rate" or (key.startswith("eval_") and key.endswith(RATES))
            if kept and is_number(value):
                points.setdefault(key, []).append((step, float(value)))
            elif key.endswith("loss") and key not in SUMMARY and is_number(value):
                if key != "loss":
                    points.setdefault(key, []).append((step, float(value)))
                elif value == 0:
                    zeros.append(step)
                    points.setdefault("loss", []).append((step, math.nan, math.nan, 0))
                else:
                    mean_of = max(step - last_logged, 1)
                    points.setdefault("loss", []).append((step, float(value), math.nan, mean_of))
        if "loss" in row:
            last_logged = step
            norm = row.get("grad_norm")
            sick = step if is_number(norm) and not math.isfinite(norm) else 0
        seen = row.get("num_input_tokens_seen")
        if is_number(seen) and seen > 0:
            points.setdefault("num_input_tokens_seen", []).append((step, float(seen)))
    kinds = {"loss": TRAINING, "num_input_tokens_seen": TOKENS}
    for tag, found in points.items():
        is_loss = tag.startswith("eval_") and not tag.endswith(RATES)
        kind = kinds.get(tag, HELD_OUT if is_loss else OTHER)
        log.tags[tag] = series(found, kind)
    _ends(log, state)
    if zeros:
        log.notes.append(
            f"loss is 0 from step {zeros[0]:,}: Hugging Face writes that for NaN, and it is no loss"
        )
    if zeros or sick:
        log.status = "diverged"
        if sick:
            log.notes.append(f"grad_norm is NaN at step {sick:,}, the last that was logged")
    if state["n_without_step"]:
        log.notes.append(f"{state['n_without_step']} entries without a step are left out")
    if len(states) > 1:
        log.notes.append(f"{len(states)} states of one run: that of the most steps holds")
        for path in sorted(states):
            if differs := _first_difference(state, states[path]):
                log.notes.append(
                    f"{path.parent.name} has another history from step {differs:,}: it is of a "
                    "stretch that was resumed, or that was left"
                )
    _sizes(log, [latest.parent, place.folder, *(path.parent for path in states)])
    return [log]


def _first_difference(state, other) -> int:
    """The first step at which two states of a run have other losses; 0 where they agree."""
    known = {}
    for row in state["log_history"]:
        known |= {(row["step"], key): row[key] for key in row if key.endswith("loss")}
    for row in other["log_history"]:
        for key in row:
            at = row["step"], key
            if at in known and repr(row[key]) != repr(known[at]):
                return row["step"]
    return 0


def _ends(log: Log, state) -> None:
    """What the state says of the whole run."""
    done = state["global_step"]
    log.set("planned_steps", state.get("max_steps"), FILE)
    if is_number(state.get("max_steps")) and done < state["max_steps"]:
        log.status = "incomplete"
    flos = state.get("total_flos")
    if is_number(flos) and flos > 0 and done > 0:
        log.tags["total_flos"] = series([(done, float(flos))], FLOP)
    seen = state.get("num_input_tokens_seen")
    if is_number(seen) and seen > 0 and done > 0 and "num_input_tokens_seen" not in log.tags:
        log.tags["num_input_tokens_seen"] = series([(done, float(seen))], TOKENS)


def _sizes(log: Log, folders) -> None:
    for folder in dict.fromkeys(folders):
        sizes, where = sizes_beside(folder)
        if sizes is not None:
            log.set("n_params", sizes.total, where)
            log.set("n_params_non_embedding", sizes.non_embedding, where)
            log.set("n_params_of_flop", sizes.of_flop, where)
            return
        if where:
            log.notes.append(where)


def _state(path: Path) -> dict:
    state = read_json(path)
    history = state.get("log_history") if isinstance(state, dict) else None
    problems = []
    if not isinstance(history, list):
        problems.append("has no log_history: it is no state of a Trainer")
        history = []
    placed = [row for row in history if not _is_apart(row)]
    for i, row in enumerate(history):
        if _is_apart(row):
            continue
        step = row.get("step") if isinstance(row, dict) else None
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 2**53:
            problems.append(f"log_history, entry {i + 1}: step is no whole number, got {step!r}")
        elif bad := [k for k, v in row.items() if k.endswith("loss") and not is_number(v)]:
            got = row[bad[0]]
            problems.append(f"log_history, entry {i + 1}: {bad[0]} is no number, got {got!r:.40}")
    if not problems:
        last = max((row["step"] for row in placed), default=0)
        done = state.get("global_step")
        if isinstance(done, bool) or not isinstance(done, int) or done < last:
            problems.append(f"global_step must be at least the last step, {last}, got {done!r}")
    if problems:
        raise UserError(str(path), problems[:8])
    return state | {"log_history": placed, "n_without_step": len(history) - len(placed)}


def _is_apart(row) -> bool:
    """Whether an entry has no step, and no loss of the run's curve: predictions are so added."""
    if not isinstance(row, dict) or "step" in row:
        return False
    return not any(k == "loss" or (k.startswith("eval_") and k.endswith("loss")) for k in row)
