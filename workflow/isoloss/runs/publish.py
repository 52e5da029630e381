"""Publish the runs of a finished study: a few tables and a card, whole or not at all.

The same results give the same bytes: nothing depends on the clock or on this process.
"""

import contextlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoloss.errors import UserError
from isoloss.files import canonical_json, read_arrow, read_json, sha256, write_json
from isoloss.runs.published import CARD, CORPORA, FORMAT, MOST_SHOWN, of_run
from isoloss.runs.published_tables import Content, decoded, encoded
from isoloss.runs.summary import cost, summary
from isoloss.tables.schema import TEXT, Column, arrow_table

if TYPE_CHECKING:
    import pyarrow

MOST_BYTES = 5_000_000  # of all files of the folder
COMPRESSION = {"compression": "zstd", "compression_level": 19}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished study, as the pipeline knows it.

    Attributes
    ----------
    results : Path
        The folder of results.
    run_ids, trunk_ids : list of str
        What the plan has.
    corpora : dict
        Identity of a corpus -> its entry in corpora.json: "card", "settings" and words for people.
    tables : dict
        Name of a table for readers (fits, analyses) -> the files of which it is made.
    about : dict
        Further fields of the card.
    """

    results: Path
    run_ids: list[str]
    trunk_ids: list[str]
    corpora: dict[str, dict[str, Any]]
    tables: dict[str, list[Path]]
    about: dict[str, Any]


def publish(study: Finished, folder: Path, *, replace: bool = False) -> dict[str, Any]:
    """Write a published folder, and return its card.

    Raises
    ------
    UserError
        Runs are missing or damaged, the tables are larger than `MOST_BYTES`, or the folder is there
        with other content and is not to be replaced.
    """
    content = _read(study)
    tables = _tables(content, study.corpora)
    trunks = _texts(study.results / "trunks", study.trunk_ids)
    records = {
        path.stem: read_json(path) for path in (study.results / "predictions").glob("*.json")
    }
    records = {
        name: record for name, record in records.items() if _is_of(record, set(study.run_ids))
    }
    tables |= {"trunks": _table_of(trunks), "predictions": _table_of(records)}
    tables |= {name: _joined(paths) for name, paths in study.tables.items() if paths}
    said = summary(content) | {"cost": cost(content, trunks.values())}
    said |= {"format": FORMAT, "name": folder.name, **study.about, "corpora": sorted(study.corpora)}
    said["runs"] = {run_id: content.digest(run_id) for run_id in sorted(content.rows)}
    staging = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        card = _write(staging, tables, study.corpora, said)
        _put(staging, folder, replace=replace)
    except OSError as error:
        raise UserError(str(folder), [f"could not be written: {error.strerror}"]) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return card


def _read(study: Finished) -> Content:
    """The files of all runs.

    Raises
    ------
    UserError
        Files are missing or damaged.
    """
    import pyarrow

    rows, abouts, curves, problems = {}, {}, [], []
    for run_id in sorted(study.run_ids):
        folder = study.results / "runs" / run_id
        try:
            rows[run_id] = read_json(folder / "row.json")
            abouts[run_id] = read_json(folder / "about.json")
            curves.append(read_arrow(folder / "curve.parquet"))
        except UserError as error:
            problems += [f"{error.where}: {problem}" for problem in error.problems]
    _refuse(problems)
    table = pyarrow.concat_tables(curves, promote_options="default").combine_chunks()
    return Content(rows, abouts, table.replace_schema_metadata(None))


def _tables(content: Content, corpora: Mapping[str, Any]) -> dict[str, "pyarrow.Table"]:
    """The tables of the runs, which give the runs' files again.

    Raises
    ------
    UserError
        The files of a run disagree, or hold what no table can hold.
    """
    _refuse(
        [f"{run_id}: {problem}" for run_id in content.rows for problem in of_run(run_id, content)]
    )
    try:
        tables = encoded(content, corpora)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise UserError("the runs", [f"hold what a table cannot hold: {error}"]) from error
    again, problems = decoded(tables, corpora)
    for run_id, row in content.rows.items():
        for name, before, after in (
            ("row.json", row, again.rows.get(run_id)),
            ("about.json", content.abouts[run_id], again.abouts.get(run_id)),
        ):
            if json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True):
                problems.append(f"{run_id}: its {name} holds what a table cannot hold")
    _refuse(problems)
    return tables


def _refuse(problems: list[str]) -> None:
    if problems:
        shown = problems[:MOST_SHOWN]
        if len(problems) > MOST_SHOWN:
            shown.append(f"and {len(problems) - MOST_SHOWN} more")
        raise UserError("the runs", shown, "Nothing was published.")


def _texts(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """The JSON files of a folder that are there."""
    paths = {name: folder / f"{name}.json" for name in sorted(names)}
    return {name: read_json(path) for name, path in paths.items() if path.exists()}


def _is_of(record: Any, run_ids: set[str]) -> bool:
    """Whether a record of a prediction predicts runs of the study."""
    return isinstance(record, dict) and set(record.get("run_ids", ())) <= run_ids


def _table_of(texts: Mapping[str, Any]) -> "pyarrow.Table":
    columns = [Column("name", TEXT, "", ""), Column("content", TEXT, "", "")]
    rows = [{"name": name, "content": canonical_json(one)} for name, one in sorted(texts.items())]
    return arrow_table(rows, columns)


def _joined(paths: Iterable[Path]) -> "pyarrow.Table":
    import pyarrow

    tables = [read_arrow(path) for path in paths]
    joined = pyarrow.concat_tables(tables, promote_options="permissive")
    return joined.combine_chunks().replace_schema_metadata(None)


def _write(
    staging: Path,
    tables: Mapping[str, "pyarrow.Table"],
    corpora: Mapping[str, Any],
    said: dict[str, Any],
) -> dict[str, Any]:
    """Write all files, the card last, and return it."""
    import pyarrow.parquet

    for name, table in tables.items():
        pyarrow.parquet.write_table(table, staging / f"{name}.parquet", **COMPRESSION)
    write_json(staging / CORPORA, corpora)
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(staging.iterdir())
    }
    total = sum(file["bytes"] for file in files.values())
    if total > MOST_BYTES:
        sizes = sorted(((file["bytes"], name) for name, file in files.items()), reverse=True)
        listed = ", ".join(f"{name} {size:,}" for size, name in sizes)
        problem = f"has {total:,} bytes, at most {MOST_BYTES:,} can be published: {listed}"
        raise UserError("the published study", [problem])
    card = said | {"files": files}
    write_json(staging / CARD, card)
    return card


def _put(staging: Path, folder: Path, *, replace: bool) -> None:
    """Move the written folder to its place."""
    if folder.exists():
        if _same(staging, folder):
            return
        if not replace:
            raise UserError(
                str(folder), ["is there already, with other content"],
                "--replace puts the present results in its place.",
            )  # fmt: skip
        before = folder.with_name(f".{folder.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        folder.rename(before)
        try:
            staging.rename(folder)
        except OSError:
            before.rename(folder)
            raise
        shutil.rmtree(before)
        return
    staging.rename(folder)


def _same(staging: Path, folder: Path) -> bool:
    """Whether a folder has the files of another, byte by byte."""
    with contextlib.suppress(OSError):
        return all(
            path.read_bytes() == (folder / path.name).read_bytes() for path in staging.iterdir()
        )
    return False
