"""Which files below some folders are logs, of which tool, and of which run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from isoloss.errors import UserError, nearest
from isoloss.logs.records import Place
from isoloss.logs.wandb import OF_RUN

# A format -> its module, those that say most of a run first. A module has `place_of(path)`, the
# folder (or file) of the run that a file belongs to, and `read(place)`, its `records.Log`s. With
# `files_beside(folder)` it names further files that it reads.
FORMATS = {
    "huggingface": "isoloss.logs.huggingface",
    "lightning": "isoloss.logs.lightning",
    "lm-eval": "isoloss.logs.lm_eval",
    "mlflow": "isoloss.logs.mlflow",
    "dvclive": "isoloss.logs.dvclive",
    "tensorboard": "isoloss.logs.tensorboard",
    "wandb": "isoloss.logs.wandb",
    "aim": "isoloss.logs.aim",
    "printed": "isoloss.logs.printed",
}
OF_ITS_OWN = ("lm-eval",)  # an evaluation, beside which a log of the training may lie
SKIPPED = (".git", "__pycache__", "node_modules", ".ipynb_checkpoints")


def module_of(form: str) -> ModuleType:
    """The module of a format.

    Raises
    ------
    UserError
        There is no such format.
    """
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        raise UserError("--format", [f"no format {form!r}{nearest(form, FORMATS)} ({known})"])
    return importlib.import_module(FORMATS[form])


def places(
    folders: Sequence[str | Path], form: str | None = None
) -> tuple[list[tuple[str, Place]], list[str]]:
    """The places of all logs, each with its format, and notes.

    A run that several tools logged is taken once, from the first of FORMATS.

    Raises
    ------
    UserError
        A folder does not exist, or nothing in it is a log of a known format.
    """
    modules = {form: module_of(form)} if form else {name: module_of(name) for name in FORMATS}
    roots = [Path(folder) for folder in folders]
    missing = [str(root) for root in roots if not root.exists()]
    if missing:
        raise UserError("import", [f"there is no {name}" for name in missing])
    found: dict[tuple[str, Path], list[Path]] = {}
    names: dict[Path, str] = {}
    for root in roots:
        for path in _files(root):
            for name, module in modules.items():
                place = module.place_of(path)
                if place is not None:
                    found.setdefault((name, place), []).append(path)
                    names.setdefault(place, _name(place, root, len(roots) > 1))
                    break
    if not found:
        kinds = f"a log of {form}" if form else f"a log of {', '.join(FORMATS)}"
        listed = ", ".join(map(str, roots))
        raise UserError("import", [f"no file in {listed} is {kinds}"])
    kept, notes = _once(found)
    twice = [name for name in names.values() if list(names.values()).count(name) > 1]
    listed = [
        (name, Place(place, tuple(sorted(set(files))), names[place] if names[place] not in twice
                     else place.as_posix()))
        for (name, place), files in kept.items()
    ]  # fmt: skip
    return sorted(listed, key=lambda pair: (pair[1].name, pair[0])), notes


def _files(root: Path):
    """The files below a folder, in the order of their names, without links to folders."""
    if root.is_file():
        yield root
        return
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in SKIPPED)
        for name in sorted(files):
            yield Path(folder) / name


def _name(place: Path, root: Path, several: bool) -> str:
    base = root.parent if root.is_file() else root
    if place.is_file():
        place = place.with_suffix("")
    try:
        inner = place.relative_to(base).as_posix()
    except ValueError:  # a file was named whose run is its folder
        return place.name
    own = base.resolve().name or "run"
    if inner == ".":
        return own
    return f"{own}/{inner}" if several else inner


def _folders_of(place: Path, files: Sequence[Path]) -> list[Path]:
    """The folders in which everything is of one run: the place, or W&B's folders around it."""
    folders = {path.parent for path in files} | {path.parent.parent for path in files}
    around = sorted(folder for folder in folders if OF_RUN.fullmatch(folder.name))
    return around or [place]


def _once(found):
    """The places without those that lie in one of a better format: they log the same run."""
    order = [*FORMATS]
    kept, notes, left = {}, [], {}
    for (name, place), files in sorted(found.items(), key=lambda pair: order.index(pair[0][0])):
        folder = place.parent if place.is_file() else place
        own = _folders_of(place, files)
        better = next(
            (
                other
                for (other, _), (_, folders) in kept.items()
                if {name, other}.isdisjoint(OF_ITS_OWN)
                and other != name
                and (
                    any(folder.is_relative_to(above) for above in folders)
                    or (own != [place] and not set(own).isdisjoint(folders))
                )
            ),
            None,
        )
        if better is None:
            kept[name, place] = files, own
        else:
            left.setdefault((name, better), []).append(str(place))
    for (name, better), places_ in left.items():
        notes.append(
            f"{len(places_)} logs of {name} ({places_[0]}{' ...' if len(places_) > 1 else ''}) lie "
            f"in folders of {better} and are left out as the same runs (--format {name} reads them)"
        )
    return {key: files for key, (files, _) in kept.items()}, notes
