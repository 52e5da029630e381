"""Fetch the published tables of the registry, from their authors' addresses or from a folder."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from isoloss.corpus.download import download
from isoloss.errors import UserError
from isoloss.files import whole
from isoloss.fit.audit import obtain
from isoloss.fit.registry import PublishedTable

AT_A_TIME = 8  # downloads


def fetch_tables(
    tables: Mapping[str, PublishedTable], folder: str | Path, source: str | Path | None = None
) -> dict[str, Path]:
    """Put published tables into a folder; a table with the right SHA-256 there stays as it is.

    Parameters
    ----------
    tables : mapping of str to PublishedTable
        By name.
    folder : path
        Each table is written below this folder, at the path that the registry calls its `mirror`.
    source : path, optional
        A folder with copies of the tables, at the same paths. Without it, tables are downloaded,
        and tables without an address are left out.

    Returns
    -------
    dict of str to Path
        The tables that are in `folder` now, by name.

    Raises
    ------
    UserError
        Some tables are not available, or have another SHA-256. The error names all of them; the
        other tables are in `folder`.
    """
    folder = Path(folder)
    wanted = {name: one for name, one in tables.items() if source or one.address}

    def fetch(name: str) -> Path | UserError:
        try:
            return _fetch(name, wanted[name], folder / wanted[name].mirror, source)
        except UserError as error:
            return error

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = dict(zip(wanted, pool.map(fetch, wanted), strict=True))
    problems = [
        problem if problem.startswith(f"{name}: ") else f"{name}: {error.where} {problem}"
        for name, error in found.items()
        if isinstance(error, UserError)
        for problem in error.problems
    ]
    if problems:
        had = len(found) - sum(isinstance(one, UserError) for one in found.values())
        hint = f"The other {had} are in {folder}." if had else ""
        raise UserError("the published tables", problems, hint)
    return found


def _fetch(name: str, table: PublishedTable, target: Path, source: str | Path | None) -> Path:
    if source is None:
        return download(
            table.address,
            sha256=table.sha256,
            max_bytes=table.max_bytes,
            target=target,
            https_only=True,
        )
    copy = obtain(name, table, target.parent, Path(source))
    with whole(target) as partial:
        shutil.copyfile(copy, partial)
    return target
