"""What each table, fit and figure was made from, as a file beside the results.

Snakemake keeps its records of that in `.snakemake`, and results are often copied without it.
Then times alone would decide what is stale, and a copy has times of its own. So each command writes
the records into the results, with a hash of each file that they speak of. Where `.snakemake` lacks
the record of a file that has this hash, the record is put back.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from isoloss.errors import UserError
from isoloss.files import read_json, sha256, write_json

FILE = "provenance.json"  # in the folder of the results


class Records(Protocol):
    """Snakemake's own records, by the path of an output."""

    def has(self, path: str) -> bool:
        """Whether there is a record."""

    def put(self, path: str, record: Mapping[str, Any]) -> None:
        """Write a record."""


def save(
    results: str | Path, finished: Iterable[tuple[Sequence[str], Mapping[str, Any]]], root: Path
) -> None:
    """Write the records of finished jobs into a folder of results.

    Records of other files stay, as long as the files are there: a command may ask for a few.

    Parameters
    ----------
    results : path
        The folder, relative to `root`.
    finished : iterable of (list of str, mapping)
        The outputs of each job, relative to `root`, and its record.
    root : path
        The project's folder.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    path = root / results / FILE
    try:
        before = {_key(job): job for job in _read(path)}
    except UserError:
        before = {}  # a damaged file is written anew
    now = {}
    for outputs, record in finished:
        paths = sorted(outputs)
        known = before.get(paths[0])
        same = known and known["record"] == record and list(known["files"]) == paths
        now[paths[0]] = known if same else _job(paths, record, root)
    others = [job for key, job in before.items() if key not in now and _is_there(job, root)]
    jobs = sorted([*now.values(), *others], key=_key)
    if jobs != list(before.values()):
        write_json(path, {"jobs": jobs})


def restore(results: str | Path, records: Records, root: Path) -> int:
    """Give Snakemake the records that it lacks, of files that are still as they were made.

    Returns
    -------
    int
        How many files have a record again.

    Raises
    ------
    UserError
        The file of the records is damaged.
    """
    restored = 0
    for job in _read(root / results / FILE):
        missing = [path for path in job["files"] if not records.has(path)]
        if missing and _is_unchanged(job, root):
            for path in missing:
                records.put(path, job["record"])
            restored += len(missing)
    return restored


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return [{"files": dict(job["files"]), "record": dict(job["record"])}
                for job in read_json(path)["jobs"]]  # fmt: skip
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(str(path), [f"is no list of records: {error!r}"]) from error


def _key(job: Mapping[str, Any]) -> str:
    return min(job["files"])


def _job(paths: Sequence[str], record: Mapping[str, Any], root: Path) -> dict[str, Any]:
    files = {path: sha256(root / path) for path in paths}
    return {"files": files, "record": dict(record)}


def _is_there(job: Mapping[str, Any], root: Path) -> bool:
    return all((root / path).exists() for path in job["files"])


def _is_unchanged(job: Mapping[str, Any], root: Path) -> bool:
    return _is_there(job, root) and all(
        sha256(root / path) == content for path, content in job["files"].items()
    )
