"""The tables of a published study, and the files of its runs that they hold without loss.

`encoded` makes the tables from the files of runs; `decoded` gives the content of the files again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isoloss.files import canonical_json
from isoloss.tables.schema import (
    CURVE_COLUMNS,
    EVALUATION_COLUMNS,
    REAL,
    RUN_COLUMNS,
    TEXT,
    WHOLE,
    Column,
    arrow_table,
)
from isoloss.tasks.problem import FURTHER

if TYPE_CHECKING:
    import pyarrow

# Columns of runs.parquet beside those of row.json: the rest of a run's files.
BESIDE = (
    Column("absent", TEXT, "", "columns that its row.json does not have, with spaces between"),
    Column("corpus_id", TEXT, "", "the corpus that the run read, of corpora.json; null: none"),
    Column("settings", TEXT, "", "JSON: the run's settings, of which run_id has the hash"),
    Column("made_with", TEXT, "", "JSON: versions, machine, commit and times, of about.json"),
)
NAMES = {column.name for column in BESIDE}
DIGITS = 16  # of the SHA-256 of a run


@dataclass
class Content:
    """The content of the files of finished runs.

    Attributes
    ----------
    rows, abouts : dict
        Run -> the content of its row.json, of its about.json.
    curves : pyarrow.Table
        The learning curves, end to end.
    places : dict
        Run -> the numbers of its rows in `curves`.
    """

    rows: dict[str, dict[str, Any]]
    abouts: dict[str, dict[str, Any]]
    curves: "pyarrow.Table"
    places: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self):
        for place, run_id in enumerate(self.curves["run_id"].to_pylist()):
            self.places.setdefault(run_id, []).append(place)

    def curve(self, run_id: str) -> "pyarrow.Table":
        """The learning curve of a run."""
        places = self.places.get(run_id, [])
        first = places[0] if places else 0
        if places == list(range(first, first + len(places))):
            return self.curves.slice(first, len(places)).combine_chunks()
        return self.curves.take(places).combine_chunks()

    def last_loss(self, run_id: str) -> float | None:
        """The last held-out loss of a run's curve; None where it has no row."""
        places = self.places.get(run_id)
        return self.curves["loss"][places[-1]].as_py() if places else None

    def digest(self, run_id: str) -> str:
        """The first digits of the SHA-256 of all that the files of a run say."""
        curve = {  # pandas writes null for NaN
            name: [None if value != value else value for value in values]
            for name, values in self.curve(run_id).to_pydict().items()
        }
        said = [self.rows[run_id], self.abouts[run_id], curve]
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def encoded(content: Content, corpora: Mapping[str, Any]) -> dict[str, "pyarrow.Table"]:
    """The tables of runs, curves and evaluations, by name, with runs in order.

    Parameters
    ----------
    content : Content
    corpora : mapping
        Identity of a corpus -> its entry in corpora.json.

    Raises
    ------
    KeyError
        A row has a column that is not declared, and would be lost.
    """
    columns = [column for column in RUN_COLUMNS if column.name != "lineage"]
    runs, evaluations = [], []
    for run_id in sorted(content.rows):
        row = dict(content.rows[run_id])
        evaluations += row.pop(FURTHER, [])
        absent = [column.name for column in columns if column.name not in row]
        about = dict(content.abouts[run_id])
        beside = {"absent": " ".join(absent), "settings": canonical_json(about.pop("settings"))}
        del about["run_id"], about["seed"]
        corpus = about.get("corpus")
        corpus_id = corpus.get("corpus_id") if isinstance(corpus, dict) else None
        if corpus_id in corpora and corpora[corpus_id]["card"] == corpus:
            del about["corpus"]
            beside["corpus_id"] = corpus_id
        runs.append(row | beside | {"made_with": canonical_json(about)})
    return {
        "runs": arrow_table(runs, [*columns, *BESIDE]),
        "curves": content.curves,
        "evaluations": arrow_table(evaluations, EVALUATION_COLUMNS),
    }


def as_declared(table: "pyarrow.Table", name: str) -> "pyarrow.Table":
    """A table of `encoded` in the types in which it was written, whatever wrote it since.

    pandas gives whole numbers with nulls as floats, and may add a column for its index.

    Raises
    ------
    ValueError
        A column holds what its type cannot hold.
    """
    import pyarrow

    columns = {"runs": [*RUN_COLUMNS, *BESIDE], "curves": CURVE_COLUMNS}
    known = {column.name: column.dtype for column in columns.get(name, EVALUATION_COLUMNS)}
    types = {TEXT: pyarrow.large_string(), WHOLE: pyarrow.int64(), REAL: pyarrow.float64()}
    names = [column for column in table.column_names if not column.startswith("__index_level_")]
    arrays = [
        table[column].cast(types[known[column]]) if column in known else table[column]
        for column in names
    ]
    return pyarrow.table(arrays, names=names)


def decoded(
    tables: Mapping[str, "pyarrow.Table"], corpora: Mapping[str, Any]
) -> tuple[Content, list[str]]:
    """The content of the files of runs, and the problems of rows that hold no run."""
    evaluations: dict[str, list[dict[str, Any]]] = {}
    for one in tables["evaluations"].to_pylist():
        there = {name: value for name, value in one.items() if value is not None}
        evaluations.setdefault(one.get("run_id"), []).append(there)
    rows, abouts, problems = {}, {}, []
    for number, one in enumerate(tables["runs"].to_pylist(), 1):
        run_id = one.get("run_id")
        if run_id in rows:
            problems.append(f"runs.parquet: {run_id} is there twice")
            continue
        try:
            row, about = _of_run(one, corpora)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            problems.append(f"runs.parquet: row {number} ({run_id}) holds no run: {error!r}")
            continue
        further = evaluations.get(run_id)
        rows[run_id] = row | ({FURTHER: further} if further else {})
        abouts[run_id] = about
    return Content(rows, abouts, tables["curves"]), problems


def _of_run(one: dict[str, Any], corpora: Mapping[str, Any]) -> tuple[dict, dict]:
    absent = (one["absent"] or "").split()
    row = {name: value for name, value in one.items() if name not in {*NAMES, *absent}}
    about = json.loads(one["made_with"]) | {
        "run_id": one["run_id"],
        "seed": one["seed"],
        "settings": json.loads(one["settings"]),
    }
    if one["corpus_id"] is not None:
        about["corpus"] = corpora[one["corpus_id"]]["card"]
    return row, about


def counted(values: Iterable[Any]) -> dict[str, int]:
    """How often each value is there, as text; null counts as "none"."""
    found: dict[str, int] = {}
    for value in values:
        name = "none" if value is None else str(value)
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))
