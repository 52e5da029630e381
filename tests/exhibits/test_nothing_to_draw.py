"""A figure without data is not drawn: its files and the report say why."""

import json
from pathlib import Path

import pandas as pd
import pytest

from isoloss.charts import holds_data
from isoloss.config import exhibits
from isoloss.config.load import parse_config, read_config, whole_studies
from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import draw
from isoloss.report.figures import figure
from isoloss.report.study import Paths
from isoloss.results import Row
from isoloss.results.rows import table_of
from isoloss.results.verdict import not_made
from isoloss.tables.schema import CURVE_COLUMNS, FIT_COLUMNS, RUN_COLUMNS, typed

ROOT = Path(__file__).parents[2]
WHY = "four sizes are needed; 0 were found"
EMPTY_IN_A_SMALL_STUDY = [
    ("teacher", "exponents"),
    ("text", "chinchilla_a5"),
    ("text", "kaplan_09"),
    ("text", "kaplan_13"),
    ("text", "kaplan_18"),
    ("text", "collapse"),  # has a level to compare with, and nothing to compare
]


@pytest.fixture(scope="module")
def studies():
    return whole_studies(parse_config(read_config(ROOT)), ROOT / "config" / "studies")[0]


def without_results(study, name):
    """The tables of a study whose runs allow no analysis and determine no law."""
    analyses = [
        table_of([Row(verdict=not_made(WHY))], study=name, analysis=one.name, do=one.do)
        for one in study.analyses
    ]
    verdict = f"not identified: {WHY}"
    fits = [{"study": name, "fit": fit.name, "law": fit.law, "parameter": "alpha", "value": 1.0,
             "group": "n_inputs=2", "verdict": verdict, "fit_verdict": verdict, "diagnostics": "{}"}
            for fit in study.fits]  # fmt: skip
    return Tables(
        runs=typed([], RUN_COLUMNS), curves=typed([], CURVE_COLUMNS),
        fits=typed(fits, FIT_COLUMNS),
        analyses=pd.concat(analyses) if analyses else pd.DataFrame(),
    )  # fmt: skip


@pytest.mark.parametrize(("study", "name"), EMPTY_IN_A_SMALL_STUDY)
def test_no_axes_and_no_claim_are_saved(studies, tmp_path, study, name):
    spec = next(one for one in studies[study].figures if one.name == name)
    tables = without_results(studies[study], study)
    pdf, png, csv, texts = draw(spec, tables, tmp_path / study / name)
    said = json.loads(texts.read_text())
    assert not said["drawn"] and not said["caption"] and not said["tabulate"]
    assert said["title"] == spec.title
    assert any(WHY in note for note in said["notes"])
    table = pd.read_csv(csv)
    assert list(table.columns) == ["not_drawn_because"]
    assert list(table["not_drawn_because"]) == said["notes"]
    assert pdf.stat().st_size and png.stat().st_size
    shown = figure(Paths(tmp_path / "report.html", tmp_path, tmp_path), study, name)
    assert (shown.image, shown.links, shown.rows) == ("", [], [])
    assert (shown.title, shown.notes) == (spec.title, said["notes"])


def test_without_a_note_the_empty_tables_are_the_reason(studies, tmp_path):
    spec = next(one for one in studies["copy"].figures if one.name == "learning_curves")
    *_, texts = draw(spec, without_results(studies["copy"], "copy"), tmp_path / "f")
    assert json.loads(texts.read_text())["notes"] == [
        "The study's tables without a row: runs, curves, analyses."
    ]


def test_a_guide_for_the_eye_is_no_data():
    assert not holds_data(pd.DataFrame({"what": ["level", "slope"], "y": [1.0, 2.0]}))
    assert not holds_data(pd.DataFrame({"what": [], "y": []}))
    assert holds_data(pd.DataFrame({"what": ["level", "run"], "y": [1.0, 2.0]}))
    assert holds_data(pd.DataFrame({"model": ["GPT-2"], "n_params": [1.0]}))


def test_a_figure_with_data_is_drawn(tmp_path):
    settings = exhibits.figure("doubling").settings
    *_, texts = draw(settings(draw="doubling"), Tables(), tmp_path / "f")
    said = json.loads(texts.read_text())
    assert said["drawn"] and said["caption"]
