"""Make an analysis of a study, and draw a figure of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isoloss.charts import holds_data, mark_synthetic, save, styled
from isoloss.config import exhibits
from isoloss.config.section import shown
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Drawing, Drawn, Inputs, Tables
from isoloss.results import Row
from isoloss.results.rows import table_of
from isoloss.results.verdict import Status, not_made

if TYPE_CHECKING:
    import pandas as pd


def analyse(study: str, spec: Analysing, inputs: Inputs) -> pd.DataFrame:
    """The rows of one analysis of a study.

    One that its runs do not allow has one row, without a quantity, whose verdict says why.

    Returns
    -------
    DataFrame
        Columns as `isoloss.tables.schema.ANALYSIS_COLUMNS`.

    Raises
    ------
    TypeError
        The analysis gives something else than rows.
    """
    try:
        rows = exhibits.analysis(spec.do).analyse(spec, inputs)
    except UserError as error:
        rows = [Row(verdict=not_made("; ".join(error.problems)))]
    if not isinstance(rows, list) or not all(isinstance(one, Row) for one in rows):
        raise TypeError(f"the analysis {spec.do} must return a list of Row, got {shown(rows)}")
    return table_of(rows, study=study, analysis=spec.name, do=spec.do)


def drawing(spec: Drawn, tables: Tables) -> Drawing:
    """The figure that `spec` asks for.

    Raises
    ------
    UserError
        A column, a law or a group that it names is not there.
    TypeError
        The figure gives something else than a drawing.
    """
    with styled():
        made = exhibits.figure(spec.draw).draw(spec, tables)
        if isinstance(made, Drawing) and tables.truth is not None:
            mark_synthetic(made.figure)
    if not isinstance(made, Drawing):
        raise TypeError(f"the figure {spec.draw} must return a Drawing, got {shown(made)}")
    return made


def draw(spec: Drawn, tables: Tables, stem: str | Path) -> list[Path]:
    """Draw and write <stem>.pdf, .png, .csv and .json; give their paths.

    A figure without data is not drawn: its files say why.
    """
    made = drawing(spec, tables)
    texts = {"title": spec.title, "caption": spec.caption, "notes": made.notes,
             "tabulate": spec.tabulate}  # fmt: skip
    if not holds_data(made.table):
        texts |= {"caption": "", "notes": _reasons(made.notes, tables), "tabulate": False}
    return save(stem, made.figure, made.table, texts)


def _reasons(notes: list[str], tables: Tables) -> list[str]:
    """Why a figure has no data: by its notes, or by the tables that it is made from."""
    if notes:
        not_made = [note for note in notes if str(Status.NOT_MADE) in note.lower()]
        return list(dict.fromkeys(not_made or notes))
    empty = [name for name in ("runs", "curves", "fits", "analyses") if getattr(tables, name).empty]
    if not empty:
        return ["No row of the study's tables has the numbers that this figure draws."]
    return [f"The study's tables without a row: {', '.join(empty)}."]
