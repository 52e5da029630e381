"""Aim: its repository `.aim`, a database of its own, read by its library (`isoloss[aim]`).

Checked with aim 3.29. A copy is read, because Aim writes into a repository that it opens. The copy
has no index: with one, Aim shows only runs that `aim up` has seen, and no metrics of the others.
A step counts calls of `track` unless the script gave a step. A step that is tracked
again replaces its value.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from isoloss import extras
from isoloss.errors import UserError
from isoloss.logs import tags
from isoloss.logs.reading import first_line, note_of_device, settings_of
from isoloss.logs.records import TOKENS, Log, Place, Series
from isoloss.tables import names

NAME = "aim"
FOLDER = ".aim"
INDEX = ("meta/index", "seqs/index", "locks", "progress", "check_ins")  # not of the copy


def place_of(path: Path) -> Path | None:
    """The repository that a file belongs to, or None."""
    return next((above for above in path.parents if above.name == FOLDER), None)


def read(place: Place) -> list[Log]:
    """The logs of all runs that are not archived.

    Raises
    ------
    UserError
        Aim is not installed, or cannot read the repository.
    """
    try:
        import aim
    except ModuleNotFoundError as error:
        if error.name != NAME:
            raise
        problem = f"is a repository of Aim, which its library reads: {extras.command('aim')}"
        raise UserError(str(place.folder), [problem]) from error
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, FOLDER)
            shutil.copytree(place.folder, copy)
            for part in INDEX:
                shutil.rmtree(copy / part, ignore_errors=True)
            (copy / "locks").mkdir()
            repo = aim.Repo(folder)
            runs = [aim.Run(run, repo=repo, read_only=True) for run in sorted(repo.list_all_runs())]
            return [_log(run, place) for run in runs if not run.archived]
    except Exception as error:  # whatever its database raises where a file is damaged
        problem = f"could not be read by Aim: {first_line(error):.200}"
        raise UserError(str(place.folder), [problem]) from error
    finally:
        logging.disable(before)


def _log(run: Any, place: Place) -> Log:
    named = run.name and not run.name.startswith("Run: ")
    log = Log(f"{run.name}-{run.hash[:8]}" if named else run.hash, place.folder)
    for metric in run.metrics():
        context = [str(value) for _, value in sorted(metric.context.to_dict().items())]
        tag = "/".join([*context, metric.name])
        points = metric.dataframe()
        if points is None or not len(points):
            continue
        is_tokens = names.plain(metric.name) in names.KNOWN["n_tokens"]
        log.tags[tag] = Series(
            points["step"].to_numpy(dtype="int64"),
            points["value"].to_numpy(dtype=float),
            points["time"].astype("datetime64[ns]").astype("int64").to_numpy() / 1e9,
            TOKENS if is_tokens else tags.kind_of(tag),
        )
    params = run[...]
    for name, value in settings_of(params).items():
        if name != "n_tokens":
            log.set(name, value, "the run's parameters")
    note_of_device(log, params)
    if run.active:
        log.status = "incomplete"
        log.notes.append("the run has not ended")
    log.notes.append("Aim counts calls of track() unless the script gave its step")
    return log
