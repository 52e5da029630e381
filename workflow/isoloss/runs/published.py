"""Published studies: read, checked whole, and restored as if their runs had been trained here.

A published folder holds the runs of a finished study as tables, with a card: docs/published.md.
`isoloss.runs.publish` writes it. All of it is checked each time, before any job: the files against
the card, the runs against their settings, the card against the runs.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoloss.errors import UserError
from isoloss.files import read_arrow, read_json, sha256, write_json
from isoloss.plan.identity import run_id as identity_of
from isoloss.runs import RUN_FILES
from isoloss.runs.checks import ends_with, of_corpus, of_row, settings_of
from isoloss.runs.published_tables import NAMES, Content, as_declared, decoded
from isoloss.runs.summary import summary

FORMAT = 1
CARD, CORPORA = "card.json", "corpora.json"
TABLES = ("runs", "curves", "evaluations")  # of which rows of whole runs may be deleted
TEXTS = ("predictions", "trunks")  # JSON files, a row each
FILES = (CORPORA, *(f"{name}.parquet" for name in (*TABLES, *TEXTS)))  # the card may list more
SECTIONS = ("files", "runs", "made_with", "started", "cost")  # of the card
NEEDED = {  # columns of each table, whatever version wrote it
    "runs": {"run_id", "seed", *NAMES},
    "curves": {"run_id", "step", "loss"},
    "evaluations": {"run_id"},
    "predictions": {"name", "content"},
    "trunks": {"name", "content"},
}
MOST_SHOWN = 20  # problems
STAGING = ".restored"  # folder in the results in which runs are written before they are moved


@dataclass(frozen=True)
class Published:
    """A published study that was checked.

    Attributes
    ----------
    folder : Path
    content : Content
        The content of the files of its runs.
    corpora : dict
        Identity of a corpus -> "card" of the corpus, its "settings", and where its text is from.
    predictions, trunks : dict
        Name of a record of a prediction, or of the card of a trunk -> its content.
    gone : tuple of str
        Runs of the card whose rows were deleted from the table of runs.
    """

    folder: Path
    content: Content
    corpora: dict[str, dict[str, Any]]
    predictions: dict[str, Any] = field(default_factory=dict)
    trunks: dict[str, Any] = field(default_factory=dict)
    gone: tuple[str, ...] = ()

    @property
    def runs(self) -> Iterable[str]:
        """The runs that it has."""
        return self.content.rows.keys()


def read(folder: Path) -> Published:
    """Read a published folder and check all of it.

    Raises
    ------
    UserError
        The error lists what is missing or damaged, and where card, rows and settings disagree.
    """
    try:
        card = _card(folder)
        changed, problems = _files(folder, card)
        if problems:
            raise UserError(str(folder), problems)
        found, problems = _content(folder, card, changed)
        if problems:
            raise UserError(str(folder), problems)
    except UserError as error:
        shown = list(error.problems[:MOST_SHOWN])
        if len(error.problems) > MOST_SHOWN:
            shown.append(f"and {len(error.problems) - MOST_SHOWN} more")
        raise UserError(error.where, shown) from error
    return found


def _card(folder: Path) -> dict[str, Any]:
    card = read_json(folder / CARD)
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else None
        problem = f"is of format {found!r}; this version of isoloss reads format {FORMAT}"
        raise UserError(str(folder / CARD), [problem])
    problems = [
        f"{key}: is missing, or no section"
        for key in SECTIONS
        if not isinstance(card.get(key), dict)
    ]
    if problems:
        raise UserError(str(folder / CARD), problems)
    return card


def _files(folder: Path, card: Mapping[str, Any]) -> tuple[set[str], list[str]]:
    """The tables that are not the files that were published, and the problems of the other files.

    Such a table is compared with the card run by run.
    """
    changed, problems = set(), []
    for name in sorted({*FILES, *card["files"]}):
        said = card["files"].get(name)
        try:
            size, digest = (folder / name).stat().st_size, sha256(folder / name)
        except OSError as error:
            problems.append(f"{name}: could not be read: {error.strerror}")
            continue
        if said == {"bytes": size, "sha256": digest}:
            continue
        if name.removesuffix(".parquet") in TABLES:
            changed.add(name)
            continue
        problems.append(
            f"{name}: is not the file of the card: it has {size} bytes and the SHA-256 {digest},"
            f" and the card says {said}"
        )
    return changed, problems


def _content(
    folder: Path, card: Mapping[str, Any], changed: set[str]
) -> tuple[Published | None, list[str]]:
    """What the folder holds, and the problems."""
    tables, problems = {}, []
    for name in (*TABLES, *TEXTS):
        try:
            tables[name] = read_arrow(folder / f"{name}.parquet")
        except UserError as error:
            problems += [f"{name}.parquet: {problem}" for problem in error.problems]
            continue
        lacking = sorted(NEEDED[name] - set(tables[name].column_names))
        problems += [f"{name}.parquet: has no column {column!r}" for column in lacking]
        try:
            tables[name] = as_declared(tables[name], name) if name in TABLES else tables[name]
        except ValueError as error:
            problems.append(f"{name}.parquet: {error}")
    if problems:
        return None, problems
    corpora = read_json(folder / CORPORA)
    content, problems = decoded(tables, corpora)
    for run_id in content.rows:
        problems += [f"runs.parquet: {run_id}: {one}" for one in of_run(run_id, content)]
    gone = tuple(sorted(card["runs"].keys() - content.rows.keys()))
    problems += _against_card(card, content, gone, changed)
    texts = {name: _texts(tables[name]) for name in TEXTS}
    return Published(folder, content, corpora, **texts, gone=gone), problems


def _texts(table: Any) -> dict[str, Any]:
    return {one["name"]: json.loads(one["content"]) for one in table.to_pylist()}


def of_run(run_id: str, content: Content) -> Iterator[str]:
    """Where the parts of a run disagree."""
    row, about = content.rows[run_id], content.abouts[run_id]
    try:
        run = settings_of(about, run_id)
    except UserError as error:
        yield from error.problems
        return
    identity = identity_of(run, about["seed"])
    if run_id != identity:
        yield f"its settings are those of {identity}"
        return
    yield from of_row(row, about, run)
    if not ends_with(content.last_loss(run_id), row, run):
        yield "its curve does not end with its loss"
    yield from of_corpus(about, run)


def _against_card(
    card: Mapping[str, Any], content: Content, gone: tuple[str, ...], changed: set[str]
) -> Iterator[str]:
    """Where the tables hold other runs than the card, or the card says what the runs do not."""
    for run_id in sorted(content.rows.keys() - card["runs"].keys()):
        yield f"runs.parquet: {run_id} is not one of the runs of the card"
    for run_id in sorted(content.places.keys() - card["runs"].keys()):
        yield f"curves.parquet: {run_id} is not one of the runs of the card"
    if gone and "runs.parquet" not in changed:
        yield f"{CARD}: names {len(gone)} runs that runs.parquet does not have, such as {gone[0]}"
        return
    if changed:
        for run_id in sorted(content.rows.keys() & card["runs"].keys()):
            if content.digest(run_id) != card["runs"][run_id]:
                files = ", ".join(sorted(changed))
                yield f"{run_id}: is not the run that was published (in {files})"
    if not gone:
        found = summary(content)
        for key, value in found.items():
            if card.get(key) != value:
                yield from _disagree(key, card.get(key), value)


def _disagree(key: str, said: Any, found: Any) -> Iterator[str]:
    if isinstance(said, dict) and isinstance(found, dict):
        for name in sorted(said.keys() | found.keys()):
            if said.get(name) != found.get(name):
                yield from _disagree(f"{key}.{name}", said.get(name), found.get(name))
    else:
        yield f"{CARD}: {key} is {said!r}, and {found!r} by the rows"


def restore(wanted: Mapping[str, Published], results: Path) -> None:
    """Write the files of published runs as their trainings wrote them; each run is there whole.

    Parameters
    ----------
    wanted : mapping
        Run -> the published study that has it.
    results : Path
        The project's folder of results.

    Raises
    ------
    UserError
        A file could not be written. Runs that were restored before stay.
    """
    import pyarrow.parquet

    staging = results / STAGING
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        (results / "runs").mkdir(exist_ok=True)
        for run_id, published in wanted.items():
            folder, content = staging / run_id, published.content
            target = results / "runs" / run_id
            if all((target / name).exists() for name in RUN_FILES):
                continue
            folder.mkdir()
            curve = content.curve(run_id).replace_schema_metadata(None)
            pyarrow.parquet.write_table(curve, folder / "curve.parquet")
            _write(folder / "about.json", content.abouts[run_id])
            _write(folder / "row.json", content.rows[run_id])
            if target.exists():  # a part of a run: another file of it was removed
                shutil.rmtree(target)
            folder.rename(target)
        staging.rmdir()
    except OSError as error:
        raise UserError(
            str(results), [f"published runs could not be restored: {error.strerror or error}"]
        ) from error


def _write(path: Path, content: Any) -> None:
    """As `write_json`, without asking the disk for each of thousands of files."""
    text = json.dumps(content, sort_keys=True, indent=1, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def restore_records(published: Published, results: Path, trunks: Iterable[str]) -> None:
    """Write records of predictions, and cards of `trunks`, that are not there yet.

    Raises
    ------
    UserError
        A file could not be written.
    """
    cards = {name: published.trunks[name] for name in trunks if name in published.trunks}
    for folder, found in (("predictions", published.predictions), ("trunks", cards)):
        for name, content in found.items():
            path = results / folder / f"{name}.json"
            if not path.exists():
                write_json(path, content)
