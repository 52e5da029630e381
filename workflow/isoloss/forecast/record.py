"""Records of predictions: what was said of a run, from what, and when it was first said.

A record is a file of results/predictions/, named by what it says, and is written once. A prediction
with the same runs, laws and numbers is the one that is recorded, whenever and wherever it is made
again. Any other prediction gets a record of its own beside it.
"""

import hashlib
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json, write_json

FOLDER = "predictions"
# What makes two predictions one. Names and words are left out: a study, a fit, a method and a
# verdict may be called something else later.
CONTENT = (
    *("law", "compute_flops", "loss", "lo", "hi", "law_lo", "law_hi", "drift", "level"),
    *("fitted_compute_flops", "n_runs"),
)
LISTS_OF_RUNS = ("run_ids", "runs")
NOT_SAID = ("study", "made_before")  # columns of the table that are no part of what a law says


def said_before(folder: str | Path, said: list[dict[str, Any]], about: dict[str, Any]) -> bool:
    """Whether a prediction was first made before its runs; it is recorded if it is a new one.

    Parameters
    ----------
    folder : path
        Of the records.
    said : list of dict
        A row for each law, of `isoloss.tables.schema.PREDICTION_COLUMNS`.
    about : dict
        What it was made from, and in `made_before` whether its runs have no result yet.

    Raises
    ------
    UserError
        The record cannot be written, or what is there is no record.
    """
    path = _path(folder, said)
    if not path.exists():
        now = datetime.now(UTC)
        _write(path, said, about | {"said_utc": _text(now), "date_from": "the clock"})
    try:
        return bool(read_json(path)["made_before"])
    except (KeyError, TypeError) as error:
        raise UserError(str(path), ["is not the record of a prediction"]) from error


def record_tables(results: str | Path) -> list[Path]:
    """Record the predictions that a version without records has left, before they are made again.

    Only those that were made before their runs: that version also wrote, wrongly, of predictions
    that were made again unchanged that they were made later. Their date is the time of their table.

    Returns
    -------
    list of Path
        The records that were written.

    Raises
    ------
    UserError
        A record cannot be written.
    """
    results, written = Path(results), []
    for table in sorted(results.glob("studies/*/prediction.parquet")):
        said = _rows(table)
        path = _path(results / FOLDER, said)
        if not said or path.exists() or not all(law["made_before"] for law in said):
            continue
        made = datetime.fromtimestamp(table.stat().st_mtime, UTC)
        about = {
            "study": said[0]["study"],
            "run_ids": said[0]["run_ids"].split(),
            "made_before": True,
            "said_utc": _text(made),
            "date_from": f"the time of {table.relative_to(results)}",
        }
        _write(path, said, about)
        written.append(path)
    return written


def _write(path: Path, said: list[dict[str, Any]], about: dict[str, Any]) -> None:
    laws = [{k: _plain(v) for k, v in law.items() if k not in NOT_SAID} for law in said]
    write_json(path, about | {"said": laws})


def _path(folder: str | Path, said: list[dict[str, Any]]) -> Path:
    """Where the record of a prediction is: its name is a hash of what it says."""
    content = []
    for law in said:
        runs = {name: sorted(law[name].split()) for name in LISTS_OF_RUNS}
        content.append(canonical_json(runs | {name: _plain(law.get(name)) for name in CONTENT}))
    digest = hashlib.sha256("\n".join(sorted(content)).encode()).hexdigest()
    return Path(folder) / f"{digest[:16]}.json"


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _rows(table: Path) -> list[dict[str, Any]]:
    """The rows of a table; none where it cannot be read or is another one."""
    import pyarrow
    import pyarrow.parquet  # alone: pandas would take a second at each start

    try:
        rows = pyarrow.parquet.ParquetFile(table).read().to_pylist()
    except (OSError, pyarrow.ArrowException):
        return []
    needed = {*NOT_SAID, *LISTS_OF_RUNS}
    return rows if all(needed <= row.keys() for row in rows) else []


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
