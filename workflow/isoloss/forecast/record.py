"""Records of predictions: the predicted numbers, their inputs, and the time they were first made.

A record is a file of results/predictions/, named by a hash of its prediction, and written once. A
prediction with the same runs, laws and numbers has the same record, whenever and wherever it is
repeated. Numbers are the same up to rounding, which differs between processors. Any other
prediction gets a record of its own. Where only the code or the names of fits have changed, what was
said before the runs stands: no later number takes its place.
"""

import hashlib
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoloss.errors import UserError
from isoloss.files import canonical_json, read_json, write_json
from isoloss.tables.schema import PREDICTION_COLUMNS

FOLDER = "predictions"
# The columns in which equal predictions agree. Names and words are left out, because a study, a
# fit, a method and a verdict may have another name later.
CONTENT = (
    *("law", "compute_flops", "loss", "lo", "hi", "law_lo", "law_hi", "drift", "level"),
    *("fitted_compute_flops", "n_runs"),
)
LISTS_OF_RUNS = ("run_ids", "runs")
ROUNDING = 1e-6  # relative; LAPACK of another processor moves intervals of laws by 1e-8
INPUTS = ("run_ids", "settings", "fits", "fitted")  # of a record: what a prediction is made from
NOT_SAID = ("study", "made_before")  # columns of the table that are no part of a prediction


def said_before(folder: str | Path, said: list[dict[str, Any]], about: dict[str, Any]) -> bool:
    """Whether a prediction was first made before its runs; a new prediction is recorded.

    Parameters
    ----------
    folder : path
        Folder of the records.
    said : list of dict
        The prediction: a row for each law, with `isoloss.tables.schema.PREDICTION_COLUMNS`.
    about : dict
        Inputs of the prediction, and in `made_before` whether its runs have no result yet.

    Raises
    ------
    UserError
        The record cannot be written, or the file in its place is no record.
    """
    path = _path(folder, said)
    if not path.exists():
        path = _up_to_rounding(folder, said) or path
    if not path.exists():
        now = datetime.now(UTC)
        _write(path, said, about | {"said_utc": _text(now), "date_from": "the clock"})
    try:
        return bool(read_json(path)["made_before"])
    except (KeyError, TypeError) as error:
        raise UserError(str(path), ["is not the record of a prediction"]) from error


def said_by_other_code(folder: str | Path, about: dict[str, Any]) -> list[dict[str, Any]] | None:
    """What was said of runs from the same inputs, before these runs had a result.

    Code that has changed since would compute other numbers, knowing the result. A fit may have
    another name since: the rows have its name of `about`.

    Parameters
    ----------
    about : dict
        As `said_before` takes it.

    Returns
    -------
    list of dict or None
        The rows of the latest such record, without `NOT_SAID`; None where there is none.

    Raises
    ------
    UserError
        A record is unreadable, or does not hold what was said.
    """
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        record = read_json(path)
        if not isinstance(record, dict) or record.get("made_before") is not True:
            continue
        if all(name in record and _same_input(name, record, about) for name in INPUTS):
            found.append((str(record.get("said_utc", "")), str(path), record))
    if not found:
        return None
    _, path, record = max(found, key=lambda one: one[:2])
    laws = record.get("said")
    if not _are_rows(laws):
        raise UserError(path, ["is not the record of a prediction"])
    names = dict(zip(_names(record["fits"]), _names(about["fits"]), strict=True))
    return [
        {name: _read(value) for name, value in law.items()}
        | {"fit": names.get(law["fit"], law["fit"])}
        for law in laws
    ]


def _same_input(name: str, record: dict[str, Any], about: dict[str, Any]) -> bool:
    """Whether both are made from the same; names of fits, and their order, are no part of it."""
    one, other = record[name], about.get(name)
    if name != "fits" or one == other:
        return one == other
    return _are_fits(one) and _are_fits(other) and _contents(one) == _contents(other)


def _are_fits(fits: Any) -> bool:
    return isinstance(fits, list) and all(isinstance(fit, dict) for fit in fits)


def _contents(fits: list[dict[str, Any]]) -> list[str]:
    return sorted(map(_content, fits))


def _names(fits: list[dict[str, Any]]) -> list[Any]:
    """Names of fits, in the order of `_contents`; fits of the same content in their own order."""
    return [fit.get("name") for fit in sorted(fits, key=_content)]


def _content(fit: dict[str, Any]) -> str:
    return canonical_json({name: value for name, value in fit.items() if name != "name"})


def _are_rows(laws: Any) -> bool:
    """Whether this is what `_write` writes of laws: rows with the columns of the table."""
    known = {column.name for column in PREDICTION_COLUMNS}
    if not isinstance(laws, list) or not laws:
        return False
    return all(isinstance(law, dict) and {"law", "fit"} <= law.keys() <= known for law in laws)


def _up_to_rounding(folder: str | Path, said: list[dict[str, Any]]) -> Path | None:
    """The record of a prediction that another processor made, whose numbers round otherwise."""
    for path in sorted(Path(folder).glob("*.json")):
        record = read_json(path)
        laws = record.get("said") if isinstance(record, dict) else None
        if not isinstance(laws, list) or len(laws) != len(said):
            continue
        if all(map(_same, _in_order(laws), _in_order(said))):
            return path
    return None


def _in_order(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(said, key=lambda law: (str(law.get("law")), law.get("loss") or 0.0))


def _same(law: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two laws say the same of the same runs, up to `ROUNDING`."""
    runs = all(_runs(law, name) == _runs(other, name) for name in LISTS_OF_RUNS)
    return runs and all(_close(_plain(law.get(n)), _plain(other.get(n))) for n in CONTENT)


def _runs(law: dict[str, Any], name: str) -> list[str]:
    return sorted(str(law.get(name)).split())


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=ROUNDING)
    return one == other


def record_tables(results: str | Path) -> list[Path]:
    """Record predictions of a version of isoloss without records, before they are made again.

    Only predictions made before their runs are recorded. That version wrongly marked unchanged
    predictions as later when it made them again. The date of a record is the time of its table.

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
    """The path of a prediction's record, named by a hash of the prediction."""
    content = []
    for law in said:
        runs = {name: sorted(law[name].split()) for name in LISTS_OF_RUNS}
        content.append(canonical_json(runs | {name: _plain(law.get(name)) for name in CONTENT}))
    digest = hashlib.sha256("\n".join(sorted(content)).encode()).hexdigest()
    return Path(folder) / f"{digest[:16]}.json"


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _read(value: Any) -> Any:
    """A value that `_plain` wrote."""
    return float(value) if value in ("inf", "-inf") else value


def _rows(table: Path) -> list[dict[str, Any]]:
    """The rows of a table of predictions; none if it is unreadable or another table."""
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
