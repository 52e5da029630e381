"""Lightning's CSVLogger: `metrics.csv`, with `hparams.yaml` beside it.

Checked with lightning 2.6. Steps count from 0: a training loss at step s is measured before step
s + 1, a validation loss at step s after it. Training and validation stand in rows of their own. A
resumed run writes another folder version_N; a training loss is that of the last micro-batch.
"""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs import tags
from isoloss.logs.reading import content, note_of_device, read_yaml, settings_of
from isoloss.logs.records import HELD_OUT, TOKENS, TRAINING, Log, Place, series
from isoloss.tables import names

NAME = "lightning"
FILE = "metrics.csv"
VERSION = re.compile(r"version_\d+")
CHECKPOINT = re.compile(r"epoch=(\d+)-step=(\d+)(?:-v\d+)?")  # the default name
MOST_PROBLEMS = 8


def place_of(path: Path) -> Path | None:
    """The folder of the run that a file belongs to, or None."""
    if path.name != FILE:
        return None
    if VERSION.fullmatch(path.parent.name):
        return path.parent.parent
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            header = file.readline(100_000)
    except OSError:
        return None
    columns = [column.strip().strip('"') for column in header.strip().split(",")]
    if "step" not in columns or len(columns) < 2:
        return None
    return path.parent


def files_beside(folder: Path) -> list[Path]:
    """Further files on which the table depends: the settings of runs."""
    found = [folder / "hparams.yaml", *sorted(folder.glob("version_*/hparams.yaml"))]
    return [path for path in found if path.is_file()]


def read(place: Place) -> list[Log]:
    """The logs of a run, or of all its versions.

    Raises
    ------
    UserError
        A file is damaged.
    """
    return [_log(path, place) for path in place.files if path.name == FILE]


def _log(path: Path, place: Place) -> Log:
    version = path.parent.name if VERSION.fullmatch(path.parent.name) else ""
    log = Log("/".join(filter(None, [place.name, version])), path, may_resume=bool(version))
    columns = _columns(path)
    for tag, points in columns.items():
        kind = tags.kind_of(tag)
        name = names.plain(tag.rpartition("/")[2])
        if name in names.KNOWN["n_tokens"]:
            log.tags[tag] = series(points, TOKENS, ahead=1)
        elif kind == TRAINING and tag.endswith("_epoch"):
            log.tags[tag] = series(points, kind, ahead=1)  # a mean of the epoch
        else:
            log.tags[tag] = series(points, kind, ahead=int(kind == HELD_OUT))
    hparams = path.parent / "hparams.yaml"
    if hparams.is_file():
        found = read_yaml(hparams)
        if found is None:
            log.notes.append("hparams.yaml holds objects of Python and is not read")
        for name, value in settings_of(found).items():
            if name != "n_tokens":
                log.set(name, value, "hparams.yaml")
        note_of_device(log, found or {})
    _count_as_rows(log, path.parent / "checkpoints", columns.get("epoch", []))
    return log


def _count_as_rows(log: Log, checkpoints: Path, epochs) -> None:
    """Say where names of checkpoints count other steps than rows; count planned steps as rows do.

    With manual optimization, rows count batches. Names and max_steps count each optimizer's steps.
    A name that counts the steps of an evaluation is of a checkpoint within an epoch.
    """
    names = [CHECKPOINT.fullmatch(path.stem) for path in checkpoints.glob("*.ckpt")]
    named, epoch = max(((int(one[2]), int(one[1])) for one in names if one), default=(0, 0))
    in_rows = max((step + 1 for step, at in epochs if at <= epoch), default=0)
    least, most = sorted((named, in_rows))
    if least == 0 or most == least or most % least:
        return
    evaluated = {int(step) + 1 for one in log.tags.values() if one.kind == HELD_OUT
                 for step in one.step}  # fmt: skip
    if named < in_rows and evaluated.issuperset(int(one[2]) for one in names if one):
        return
    log.notes.append(
        f"the latest checkpoint counts {named:,} steps and the rows {in_rows:,}: with manual "
        "optimization rows count batches, so the tokens of a step are those of a batch, without "
        "accumulation"
    )
    if named > in_rows and "planned_steps" in log.settings:
        log.settings["planned_steps"] *= in_rows / named


def _columns(path: Path) -> dict[str, list]:
    """The points of each column: (step, value)."""
    text = content(path)
    found: dict[str, list] = {}
    problems: list[str] = []
    try:
        reader = csv.reader(text.splitlines(), strict=True)
        header = next(reader, [])
        if header.count("step") != 1:
            raise UserError(str(path), ["has no column step: it is no file of CSVLogger"])
        at = header.index("step")
        for row in reader:
            line = reader.line_num
            if not row:
                continue
            if len(row) != len(header):
                problems.append(f"line {line} has {len(row)} cells, not {len(header)}")
                continue
            step = _number(row[at])
            if step is None or step != step // 1 or not 0 <= step < 2**53:
                problems.append(f"line {line}: step is no whole number, got {row[at]!r:.40}")
                continue
            for i, (tag, cell) in enumerate(zip(header, row, strict=True)):
                if i == at or not cell.strip():
                    continue
                value = _number(cell)
                if value is not None:
                    found.setdefault(tag, []).append((int(step), value))
                elif tags.kind_of(tag) != "other":
                    problems.append(f"line {line}: {tag} is no number, got {cell!r:.40}")
    except csv.Error as error:
        raise UserError(str(path), [f"line {reader.line_num}: {error}"]) from error
    if problems:
        more = len(problems) - MOST_PROBLEMS
        rest = [f"and {more} lines more"] if more > 0 else []
        raise UserError(str(path), [*problems[:MOST_PROBLEMS], *rest])
    return found


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if cell.strip().lower() not in ("infinity",) or math.isinf(value) else None
