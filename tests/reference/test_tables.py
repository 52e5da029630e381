"""docs/data.md says what the tables hold: every column, and every name that analyses write."""

from pathlib import Path

import pandas as pd
import pytest
from tests.exhibits.cases import CASES
from tests.exhibits.generic import cases as generic

from isoloss.reference import tables
from isoloss.results.group import G, Group, Label
from isoloss.results.quantity import Kind, Q, X
from isoloss.results.verdict import Status, Verdict
from isoloss.tables.schema import ANALYSIS_COLUMNS, CURVE_COLUMNS, FIT_COLUMNS, RUN_COLUMNS

ROOT = Path(__file__).parents[2]
OF_ANALYSES = [case for name, case in CASES.items() if name not in generic.CASES]


def test_the_page_of_tables_is_as_the_code_says():
    written = (ROOT / tables.PAGE).read_text(encoding="utf-8")
    command = "python -m isoloss.reference.tables"
    assert written == tables.page(), f"run `{command}` and commit what it writes"


@pytest.mark.parametrize("columns", [RUN_COLUMNS, CURVE_COLUMNS, FIT_COLUMNS, ANALYSIS_COLUMNS])
def test_the_page_has_every_column_with_its_type_unit_and_meaning(columns):
    page = tables.page()
    for column in columns:
        meaning = column.meaning.replace("|", r"\|")
        assert f"| `{column.name}` | {column.dtype} | {column.unit} | {meaning} |" in page


def part(title):
    """A part of the page: the names of its table, with their cells."""
    (text,) = (part for part in tables.page().split("\n## ") if part.startswith(title + "\n"))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`"): cells for name, *cells in rows}


@pytest.fixture(scope="module")
def written():
    """The rows of every analysis of the tests' studies."""
    return pd.concat([case()[1].analyses for case in OF_ANALYSES], ignore_index=True)


@pytest.mark.parametrize(
    ("column", "title"),
    [
        ("quantity", "Quantities of analyses"),
        ("x_quantity", "Axes of analyses"),
        ("kind", "Kinds of rows of analyses"),
        ("status", "Statuses"),
    ],
)
def test_whatever_an_analysis_writes_is_on_the_page(written, column, title):
    names = set(written[column].dropna())
    assert names and names <= set(part(title))


def test_the_groups_that_analyses_write_are_of_keys_and_labels_on_the_page(written):
    of_laws = written["do"] == "prediction"  # whose groups are the names of its fits
    groups = [Group.read(text) for text in written["group"][~of_laws].dropna().unique()]
    assert {key for group in groups for key in group} <= set(part("Keys of groups"))
    assert {label for group in groups for label in group.labels} <= set(part("Labels of groups"))


def test_every_verdict_that_analyses_write_begins_with_a_status_of_the_page(written):
    verdicts = [Verdict.read(text) for text in written["verdict"].dropna().unique()]
    assert {verdict.status for verdict in verdicts} <= set(part("Statuses"))


@pytest.mark.parametrize("names", [Q, X, G, Kind, Label, Status])
def test_every_name_has_a_sentence_of_meaning(names):
    for name in names:
        assert len(name.meaning) > 8 and name.meaning.endswith("."), name
