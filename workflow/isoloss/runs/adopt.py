"""Finished runs of another results folder, checked one by one before they are taken over."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoloss.config.runs import Run
from isoloss.errors import UserError
from isoloss.files import read_json, read_parquet, whole
from isoloss.plan.identity import compact, hashed_name, run_id
from isoloss.runs import RUN_FILES
from isoloss.runs.checks import ends_with, of_corpus, of_row, settings_of
from isoloss.runtime.fingerprint import training_fingerprint
from isoloss.tables.schema import TIMED
from isoloss.tasks import task_of


@dataclass
class Found:
    """What another results folder holds, and what of it can be taken over.

    Attributes
    ----------
    new : list of Path
        Folders of runs, and files of trunks and of records of predictions, that are not here yet.
    here : list of str
        Names of those that are here already, with the same content.
    problems : list of str
        What cannot be taken over, file by file.
    bad : list of str
        Names of the runs and trunks with a problem.
    """

    new: list[Path] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)


def look_at(source: Path, results: Path, *, other_code: bool = False) -> Found:
    """Check all that another results folder holds; change nothing.

    Parameters
    ----------
    source : Path
        The other results folder.
    results : Path
        The present project's results folder.
    other_code : bool
        Also take runs that other training code made. The report marks them.
    """
    found = Found()
    for folder in sorted(path for path in (source / "runs").glob("*") if path.is_dir()):
        _sort(found, folder, results / "runs" / folder.name, list(_of_run(folder, other_code)))
    cards = sorted((source / "trunks").glob("*.json"))  # a restored one has no checkpoint
    for card in [path for path in cards if path.with_suffix(".safetensors").exists()]:
        _sort(found, card, results / "trunks" / card.name, list(_of_trunk(card, other_code)))
    for record in sorted((source / "predictions").glob("*.json")):
        _sort(found, record, results / "predictions" / record.name, [])
    return found


def take(found: Found, source: Path, results: Path) -> None:
    """Copy what is new; each run is there whole, or not at all.

    Raises
    ------
    UserError
        A file could not be copied. What was copied before is whole, and stays.
    """
    for path in found.new:
        target = results / path.relative_to(source)
        try:
            if path.is_dir():
                _copy_folder(path, target)
                continue
            checkpoint = path.with_suffix(".safetensors")
            # The checkpoint first: a trunk is there when its card is.
            for file in [checkpoint, path] if checkpoint.exists() else [path]:
                with whole(target.with_name(file.name)) as partial:
                    shutil.copy2(file, partial)
        except OSError as error:
            raise UserError(str(path), [f"could not be copied: {error.strerror}"]) from error


def _sort(found: Found, path: Path, target: Path, problems: list[str]) -> None:
    name = path.stem if path.suffix == ".json" else path.name
    if target.exists() and not problems and not (problems := list(_differs(path, target))):
        found.here.append(name)
    elif problems:
        found.problems += problems
        found.bad.append(name)
    else:
        found.new.append(path)


def _of_run(folder: Path, other_code: bool) -> Iterator[str]:
    """The problems of a run's files."""
    missing = [name for name in RUN_FILES if not (folder / name).is_file()]
    if missing:
        yield f"{folder}: has no {', no '.join(missing)}"
        return
    try:
        row, about = read_json(folder / "row.json"), read_json(folder / "about.json")
        curve = read_parquet(folder / "curve.parquet")
        run = settings_of(about, str(folder / "about.json"))
    except UserError as error:
        yield from (f"{error.where}: {problem}" for problem in error.problems)
        return
    identity = run_id(run, about["seed"])
    if folder.name != identity:
        yield f"{folder}: its settings are those of {identity}"
        return
    yield from (f"{folder / 'row.json'}: {problem}" for problem in of_row(row, about, run))
    if not isinstance(row, dict):
        return
    last_loss = None if curve.empty else float(curve["loss"].iloc[-1])
    if set(curve["run_id"]) - {identity}:
        yield f"{folder / 'curve.parquet'}: has rows of other runs"
    elif not ends_with(last_loss, row, run):
        yield f"{folder / 'curve.parquet'}: does not end with the loss of row.json"
    yield from (f"{folder / 'about.json'}: {problem}" for problem in of_corpus(about, run))
    yield from _of_code(folder / "row.json", row.get("code"), run, other_code)


def _of_code(path: Path, code: Any, run: Run, other_code: bool) -> Iterator[str]:
    kind = run.task.kind
    present = training_fingerprint(kind)
    if code != present and not other_code:
        yield f"{path}: was trained by code {code}, the present is {present} (see --other-code)"


def _of_trunk(card: Path, other_code: bool) -> Iterator[str]:
    """The problems of a trunk's files."""
    import safetensors

    path = card.with_suffix(".safetensors")
    try:
        about = read_json(card)
        run = settings_of(about, str(card))
        with safetensors.safe_open(path, framework="numpy") as file:
            file.keys()
    except UserError as error:
        yield from (f"{error.where}: {problem}" for problem in error.problems)
        return
    except (OSError, safetensors.SafetensorError) as error:
        yield f"{path}: is not whole: {error}"
        return
    name = f"trunk-{task_of(run).readable_name(run)}"
    identity = hashed_name(name, compact(run), about["seed"])
    if card.stem != identity:
        yield f"{card}: its settings are those of {identity}"
        return
    yield from (f"{card}: {problem}" for problem in of_corpus(about, run))
    yield from _of_code(card, about.get("code"), run, other_code)


def _differs(path: Path, target: Path) -> Iterator[str]:
    """Where a run that is here already says something else."""
    if not path.is_dir():
        return  # equal trunks and predictions have equal names; that which was here first stays
    try:
        theirs, ours = (read_json(folder / "row.json") for folder in (path, target))
    except UserError as error:
        yield f"{error.where}: {error.problems[0]}"
        return
    columns = sorted({*theirs, *ours} - {*TIMED})
    other = [name for name in columns if theirs.get(name) != ours.get(name)]
    if other:
        yield f"{path}: is here already, with another {', '.join(other)}"


def _copy_folder(path: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in RUN_FILES:
        shutil.copy2(path / name, partial / name)
    partial.rename(target)
