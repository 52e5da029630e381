"""The state of a training as a file of safetensors: numbers and text, no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from isoloss.errors import UserError
from isoloss.files import whole

KEY = "isoloss"


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a training between two steps.

    Every random number follows from the step, so the state holds no random state.

    Attributes
    ----------
    tensors : mapping
        The parameters, the optimiser's moments and steps, the sums since the last row.
    step, summed_steps : int
        The last step done; the number of steps in the sums.
    rows : list of dict
        The learning curve so far.
    elapsed_s, cpu_s : float
        Wall-clock time of the training so far; CPU time of this job.
    about : mapping
        The run or trunk of the state, and the code that trained it.
    """

    tensors: Mapping[str, np.ndarray]
    step: int
    summed_steps: int
    rows: list[dict[str, Any]]
    elapsed_s: float
    cpu_s: float
    about: Mapping[str, Any] = field(default_factory=dict)


def save_state(path: str | Path, state: State, about: Mapping[str, Any]) -> None:
    """Write a state, whole or not at all.

    Raises
    ------
    UserError
        The folder cannot be written to, or the disk is full.
    """
    tensors = {name: np.asarray(values, order="C") for name, values in state.tensors.items()}
    written = {
        "step": state.step,
        "summed_steps": state.summed_steps,
        "rows": state.rows,
        "elapsed_s": state.elapsed_s,
        "cpu_s": state.cpu_s,
        "about": dict(about),
        "sha256": _digest(tensors),
    }
    try:
        with whole(path) as partial:
            safetensors.numpy.save_file(tensors, partial, metadata={KEY: json.dumps(written)})
    except safetensors.SafetensorError as error:
        raise UserError(str(path), [f"could not be written: {error}"]) from error


def load_state(path: str | Path) -> State:
    """Read a state.

    Raises
    ------
    UserError
        The file is missing or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="np") as file:
            written = json.loads((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except OSError as error:
        raise UserError(str(path), [f"could not be read: {error.strerror or error}"]) from error
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise UserError(str(path), [f"is not a whole checkpoint: {error}"]) from error
    if written.pop("sha256") != _digest(tensors):
        raise UserError(str(path), ["is not a whole checkpoint: its checksum does not fit"])
    return State(tensors=tensors, **written)


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()
