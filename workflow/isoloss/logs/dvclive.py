"""DVCLive: a folder with `metrics.json`, `params.yaml` and a .tsv file a metric.

Checked with dvclive 3.49. Steps count from 0, and a value at step s is taken as measured after s
steps: DVCLive counts calls of `next_step`, which may be epochs.
"""

from __future__ import annotations

import math
from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs import tags
from isoloss.logs.reading import content, read_json, read_yaml, settings_of
from isoloss.logs.records import TOKENS, Log, Place, series
from isoloss.tables import names

NAME = "dvclive"
METRICS = Path("plots", "metrics")
MOST_PROBLEMS = 8


def place_of(path: Path) -> Path | None:
    """The folder of DVCLive that a file belongs to, or None."""
    if path.name == "metrics.json" and (path.parent / METRICS).is_dir():
        return path.parent
    if path.suffix == ".tsv":
        for above in path.parents:
            if above.name == "metrics" and above.parent.name == "plots":
                return above.parents[1]
    return None


def files_beside(folder: Path) -> list[Path]:
    """Further files on which the table depends: parameters."""
    return [path for path in (folder / "params.yaml", folder / "metrics.json") if path.is_file()]


def read(place: Place) -> list[Log]:
    """The log of a run.

    Raises
    ------
    UserError
        A file is damaged.
    """
    root = place.folder / METRICS
    log = Log(place.name.removesuffix("/dvclive"), place.folder)
    for path in place.files:
        if path.suffix != ".tsv":
            continue
        tag = path.relative_to(root).with_suffix("").as_posix()
        name = names.plain(path.stem)
        kind = TOKENS if name in names.KNOWN["n_tokens"] else tags.kind_of(tag)
        log.tags[tag] = series(_points(path), kind)
    params = place.folder / "params.yaml"
    if params.is_file():
        for name, value in settings_of(read_yaml(params)).items():
            log.set(name, value, "params.yaml")
    if not log.tags and (place.folder / "metrics.json").is_file():
        read_json(place.folder / "metrics.json")
    return [log]


def _points(path: Path) -> list[tuple]:
    header, *lines = content(path).splitlines()
    columns = header.split("\t")
    if "step" not in columns or len(columns) not in (2, 3):
        raise UserError(str(path), [f"line 1 names no step and value, got {header!r:.60}"])
    at = columns.index("step")
    timed = columns.index("timestamp") if "timestamp" in columns else None
    value_at = next(i for i in range(len(columns)) if i not in (at, timed))
    points, problems = [], []
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        cells = line.split("\t")
        try:
            step, value = int(cells[at]), float(cells[value_at])
            time_s = float(cells[timed]) / 1e3 if timed is not None else math.nan
            if len(cells) != len(columns) or not 0 <= step < 2**53:
                raise ValueError
        except (ValueError, IndexError):
            problems.append(f"line {number} is no step and value, got {line!r:.60}")
            continue
        points.append((step, value, time_s))
    if problems:
        raise UserError(str(path), problems[:MOST_PROBLEMS])
    return points
