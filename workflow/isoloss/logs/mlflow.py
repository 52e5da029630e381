"""MLflow: a folder `mlruns`, or its SQLite database, both read without MLflow.

Checked with mlflow 3.17. Points are in no order and may come twice. A NaN is a value of 0 with a
mark in the database; infinity is its largest number there, finite for everyone else.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from pathlib import Path

from isoloss.errors import UserError
from isoloss.logs import tags
from isoloss.logs.reading import content, first_line, read_yaml, settings_of
from isoloss.logs.records import FLOP, TOKENS, Log, Place, series
from isoloss.tables import names

NAME = "mlflow"
INFINITE = 1.7e308  # the database has 1.797e308 for infinity
STATUS = {2: "SCHEDULED", 1: "RUNNING", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
SQLITE = b"SQLite format 3\0"
MOST_PROBLEMS = 8
DONE = ("FINISHED", "")


def place_of(path: Path) -> Path | None:
    """The folder of a run, or the database; None for other files."""
    if path.name == "meta.yaml":
        folder = path.parent
        return folder if (folder / "metrics").is_dir() or (folder / "params").is_dir() else None
    if path.suffix in (".db", ".sqlite", ".sqlite3") and _is_database(path):
        return path
    return None


def files_beside(folder: Path) -> list[Path]:
    """Further files on which the table depends: metrics and parameters."""
    if folder.is_file():
        return []
    inner = [p for part in ("metrics", "params") for p in sorted((folder / part).rglob("*"))]
    return [path for path in inner if path.is_file()]


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.read(16) != SQLITE:
                return path.name == "mlflow.db"
        with _opened(path) as database:
            wanted = "SELECT name FROM sqlite_master WHERE type = 'table'"
            found = {name for (name,) in database.execute(wanted)}
    except (OSError, sqlite3.Error):
        return path.name == "mlflow.db"
    return {"metrics", "runs", "params"} <= found


@contextlib.contextmanager
def _opened(path: Path):
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"  # leaves no file beside it
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        yield database


def read(place: Place) -> list[Log]:
    """The log of a run, or of all runs in a database.

    Raises
    ------
    UserError
        A file is damaged.
    """
    if place.folder.is_file():
        return _of_database(place)
    meta = read_yaml(place.folder / "meta.yaml")
    if not isinstance(meta, dict) or not (meta.get("run_id") or meta.get("run_uuid")):
        raise UserError(str(place.folder / "meta.yaml"), ["names no run"])
    if meta.get("lifecycle_stage") == "deleted":
        return []
    metrics = {}
    root = place.folder / "metrics"
    for path in sorted(root.rglob("*")):
        if path.is_file():
            metrics[path.relative_to(root).as_posix()] = _points(path)
    params = {}
    root = place.folder / "params"
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with contextlib.suppress(UserError):  # an empty text
                params[path.relative_to(root).as_posix()] = content(path).strip()
    run = str(meta.get("run_id") or meta.get("run_uuid"))
    status = STATUS.get(meta.get("status"), str(meta.get("status", "")))
    return [_log(_name(meta.get("run_name"), run), place.folder, metrics, params, status)]


def _name(name, run: str) -> str:
    """A run's name and the start of its id, because names occur twice."""
    return f"{name}-{run[:8]}" if isinstance(name, str) and name else run


def _points(path: Path) -> list[tuple]:
    points, problems = [], []
    try:
        lines = content(path).splitlines()
    except UserError as error:
        if "is empty" in error.problems[0]:
            return []
        raise
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            time_ms, value = float(parts[0]), float(parts[1])
            step = int(parts[2]) if len(parts) > 2 else 0
            if len(parts) > 4 or not math.isfinite(time_ms) or not 0 <= step < 2**53:
                raise ValueError
        except (ValueError, IndexError):
            problems.append(f"line {number} is no 'time value step', got {line!r:.60}")
            continue
        points.append((step, value, time_ms / 1e3))
    if problems:
        raise UserError(str(path), problems[:MOST_PROBLEMS])
    return points


def _of_database(place: Place) -> list[Log]:
    path = place.folder
    logs = []
    try:
        with _opened(path) as database:
            if (found := database.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
                raise sqlite3.DatabaseError(found[0])
            columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
            name = "name" if "name" in columns else "''"
            wanted = f"SELECT run_uuid, {name}, status FROM runs WHERE lifecycle_stage = 'active'"
            runs = database.execute(f"{wanted} ORDER BY run_uuid").fetchall()
            for run, named, status in runs:
                params = dict(
                    database.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,))
                )
                metrics: dict[str, list] = {}
                wanted = "SELECT key, value, timestamp, step, is_nan FROM metrics"
                for key, value, time_ms, step, is_nan in database.execute(
                    f"{wanted} WHERE run_uuid = ? ORDER BY key, step, timestamp, rowid", (run,)
                ):
                    value = math.nan if is_nan else float(value)
                    if abs(value) > INFINITE:
                        value = math.copysign(math.inf, value)
                    point = (int(step), value, float(time_ms) / 1e3)
                    metrics.setdefault(str(key), []).append(point)
                logs.append(_log(_name(named, str(run)), path, metrics, params, str(status or "")))
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        message = first_line(error)
        raise UserError(str(path), [f"is no whole database of MLflow: {message}"]) from error
    return logs


def _log(run, source, metrics, params, status) -> Log:
    log = Log(run, source)
    for tag, points in sorted(metrics.items()):
        name = names.plain(tag.rpartition("/")[2])
        kind = tags.kind_of(tag)
        if name in names.KNOWN["n_tokens"]:
            kind = TOKENS
        elif "flops" in name or name == "compute":
            kind = FLOP
        log.tags[tag] = series(points, kind)
    for name, value in settings_of(params).items():
        log.set(name, value, "params")
    if status not in DONE:
        log.status = "incomplete"
        log.notes.append(f"MLflow says {status}")
    steps = [int(s.step.max()) for s in log.tags.values() if len(s.step)]
    if steps and max(steps) == 0 and any(len(s.step) > 1 for s in log.tags.values()):
        log.notes.append("all points are at step 0: the latest of each counts, without its step")
    return log
