"""Save an average of laws as JSON, and read it back, exact to the last bit.

The file holds the fit of each law as `isoloss.fit.saved` writes one, the trials that give the laws
their weights, and K of C = K N D. It is no pickle. Answers from the file have the same bytes as
those from the table.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isoloss import __version__
from isoloss.files import read_json
from isoloss.fit import saved as fit_saved
from isoloss.fit.result import FitResult
from isoloss.fit.saved import Number, Part, Saved, plain
from isoloss.forecast.average import Averaged, Member, alone
from isoloss.forecast.drift import Drift
from isoloss.forecast.trials import Trial
from isoloss.laws import Law

FORMAT = "isoloss average"


class SavedTrial(Part):
    """A `Trial`."""

    share: Number
    error: list[Number]
    distance: list[Number]
    shape: list[Number] | None
    noise: Number
    typical: Number


class SavedDrift(Part):
    """A `Drift`."""

    law: str
    trials: list[SavedTrial]
    reach: Number


class SavedMember(Part):
    """A `Member`."""

    error: Number
    drift: SavedDrift | None
    fit: Saved


class SavedAverage(Part):
    """The content of the file."""

    format: Literal["isoloss average"]
    version: Literal[2]
    isoloss: str
    flops_per_param_token: Number
    level: Number
    warnings: list[str]
    notes: list[str]
    left_out: dict[str, str]
    members: list[SavedMember]


def save_average(averaged: Averaged, path: str | Path, flops_per_param_token: float) -> None:
    """Write an average of laws, whole or not at all.

    Parameters
    ----------
    flops_per_param_token : float
        K of C = K N D, which the table's compute follows.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    fit_saved.write_checked(path, {
        "format": FORMAT,
        "version": fit_saved.VERSION,
        "isoloss": __version__,
        "flops_per_param_token": float(flops_per_param_token),
        **{name: plain(getattr(averaged, name))
           for name in ("level", "warnings", "notes", "left_out")},
        "members": [
            {"error": plain(float(member.error)), "drift": plain(member.drift),
             "fit": fit_saved.content_of(member.result)}
            for member in averaged.members
        ],
    })  # fmt: skip


def load_average(path: str | Path, law: Law | None = None) -> tuple[Averaged, float | None]:
    """Read an average that `save_average` wrote, or one fit that `FitResult.save` wrote.

    Parameters
    ----------
    law : Law, optional
        The law of one fit, where it is the user's own and no file can hold it.

    Returns
    -------
    Averaged
    flops_per_param_token : float or None
        K of C = K N D; None for a single fit, which does not hold it.

    Raises
    ------
    UserError
        The file is missing, cut off, edited, no saved fit, or of a newer format.
    """
    where = str(path)
    content = read_json(where)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return alone(FitResult.load(path, law)), None
    saved = fit_saved.checked(SavedAverage, content, where, _contradictions)
    members = tuple(
        Member(FitResult(**fit_saved.fields_of(one.fit, where, law)), _drift(one.drift), one.error)
        for one in saved.members
    )
    averaged = Averaged(
        members, saved.left_out, saved.level, tuple(saved.warnings), tuple(saved.notes)
    )
    return averaged, saved.flops_per_param_token


def _contradictions(saved: SavedAverage) -> Iterator[str]:
    if not saved.members:
        yield "members: there is no law"
    for i, member in enumerate(saved.members):
        for problem in fit_saved.contradictions_of(member.fit):
            yield f"members.{i}.fit.{problem}"
        for trial in member.drift.trials if member.drift else ():
            if len(trial.error) != len(trial.distance):
                yield f"members.{i}.drift: a trial of {len(trial.error)} errors has other distances"


def _drift(saved: SavedDrift | None) -> Drift | None:
    if saved is None:
        return None
    return Drift(saved.law, [_trial(one) for one in saved.trials], saved.reach)


def _trial(saved: SavedTrial) -> Trial:
    values: dict[str, Any] = saved.model_dump()
    for name in ("error", "distance", "shape"):
        values[name] = None if values[name] is None else np.array(values[name], float)
    return Trial(**values)
